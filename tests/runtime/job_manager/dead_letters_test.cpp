#include "runtime/reads/dead_letters.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/rest_dead_letters.h"
#include "runtime/task/kept_letters.h"
#include "runtime/task/table_save.h"
#include "runtime/worker/snapshot_file_out.h"
#include "tests/runtime/job_manager/fake_cluster.h"

/// Dead letters over REST: orders to replay or drop them, and what a checkpoint holds of them.
namespace freshet::manager::dead_letters {
namespace {

using namespace std::chrono_literals;
using dag::JobState;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct View {
  std::uint64_t user = 0;
  std::string page{};
  FRESHET_RECORD(user, page)
};
const auto kCodec = std::make_shared<const detail::RecordCodecOf<std::uint64_t, View>>();

class NoLogs final : public LogSource {
 public:
  LogPage read(const LogQuery&) override { return {}; }
};

/// A job whose operator `totals` keeps letters, in a cluster whose workers answer orders when a test wants them to.
class DeadLetterOrders : public testing::Test {
 protected:
  DeadLetterOrders() {
    cluster.saves_files = true;
    cluster.add_agent("a", 6);
    cluster.deliver();
    Submission wanted = cluster.submission("shop", 2, 2);
    wanted.checkpoint_interval = 1s;
    auto& totals = wanted.graph.operators[1];
    totals.on_error = {.kind = ErrorPolicyKind::dead_letter, .max_waiting = 10, .keep = 10};
    totals.states = {detail::lane_declaration(*kCodec), detail::lane_declaration(*kCodec, detail::kLettersState)};
    const auto answer = cluster.manager->submit(std::move(wanted));
    EXPECT_TRUE(std::holds_alternative<SubmitAnswer>(answer));
    id = std::prev(cluster.manager->table().all().end())->first;
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::running);
  }
  RestResponse call(const std::string& method, const std::string& path, const std::string& body = "") {
    RestResponse response = RestApi(*cluster.manager, logs, verifier).handle({method, "/v1/jobs/" + path, {}, body});
    if (response.later) response = response.later([] { return false; });
    return response;
  }
  json order(const std::string& body) {
    const RestResponse response = call("POST", "shop/dead-letters", body);
    EXPECT_EQ(response.status, 202) << response.body;
    return json::parse(response.body);
  }
  json look(const json& operation) {
    const RestResponse response = call("GET", "shop/operations/" + operation["operation"].get<std::string>());
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  json refused(int status, const std::string& body) {
    const RestResponse response = call("POST", "shop/dead-letters", body);
    EXPECT_EQ(response.status, status) << body << response.body;
    return json::parse(response.body)["error"];
  }

  FakeCluster cluster;
  NoLogs logs;
  CheckpointVerifier verifier{cluster.checkpoints};
  JobId id{};
};

TEST_F(DeadLetterOrders, AreDoneWhenACheckpointHoldsWhatAllWorkersDid) {
  cluster.letters_changed = {.letters = 21, .refused = 0};
  const json begun = order(R"({"action":"replay","operator":"totals","reason":"exception","ids":[5,6]})");
  EXPECT_EQ(begun["kind"], "replay");
  EXPECT_EQ(begun["state"], "open");
  const auto told = cluster.sent<wire::ChangeLetters>();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].second.operator_id, "totals");
  EXPECT_EQ(told[0].second.reason, "exception");
  EXPECT_THAT(told[0].second.ids, ElementsAre(5, 6));
  EXPECT_TRUE(told[0].second.replays);
  EXPECT_EQ(told[0].second.number, told[1].second.number);
  EXPECT_NE(told[0].second.worker, told[1].second.worker);
  EXPECT_EQ(look(begun)["state"], "open") << "nobody has answered yet";
  cluster.deliver();
  const json done = look(begun);
  EXPECT_EQ(done["state"], "done");
  EXPECT_EQ(done["letters"], 42);
  EXPECT_EQ(done["refused"], 0);
  EXPECT_TRUE(done["checkpoint"].is_number()) << done;
}

TEST_F(DeadLetterOrders, ComeOneAtATimeAndWithGrowingNumbers) {
  const json first = order(R"({"action":"replay"})");
  EXPECT_THAT(refused(409, R"({"action":"drop"})")["message"].get<std::string>(), HasSubstr("not over yet"));
  const auto number = cluster.sent<wire::ChangeLetters>()[0].second.number;
  cluster.from_worker(cluster.sent<wire::ChangeLetters>()[0].second.worker,
                      wire::LettersChanged{cluster.sent<wire::ChangeLetters>()[0].second.worker, number, 3, 1});
  cluster.deliver();
  EXPECT_EQ(look(first)["state"], "open") << "another worker has not answered";
  cluster.from_worker(cluster.sent<wire::ChangeLetters>()[0].second.worker,
                      wire::LettersChanged{cluster.sent<wire::ChangeLetters>()[0].second.worker, number, 3, 1});
  cluster.deliver();
  EXPECT_EQ(look(first)["state"], "open") << "it said it twice";
  cluster.from_worker(cluster.sent<wire::ChangeLetters>()[1].second.worker,
                      wire::LettersChanged{cluster.sent<wire::ChangeLetters>()[1].second.worker, number, 4, 1});
  cluster.deliver();
  EXPECT_EQ(look(first)["state"], "done");
  EXPECT_EQ(look(first)["letters"], 7);
  EXPECT_EQ(look(first)["refused"], 2);
  cluster.letters_changed.emplace();
  order(R"({"action":"drop"})");
  EXPECT_GT(cluster.sent<wire::ChangeLetters>().back().second.number, number);
  EXPECT_FALSE(cluster.sent<wire::ChangeLetters>().back().second.replays);
}

TEST_F(DeadLetterOrders, ThatAreLostWithTheirConnectionAreRepeated) {
  const json begun = order(R"({"action":"replay"})");
  cluster.deliver();
  const auto first = cluster.sent<wire::ChangeLetters>();
  cluster.letters_changed = {.letters = 4};
  for (const auto& [peer, told] : first) {
    cluster.from_worker(
        told.worker, wire::WorkerHello{told.worker, 100 + told.worker.worker.value, "tcp://" + to_string(told.worker)});
    cluster.deliver();
  }
  EXPECT_EQ(cluster.sent<wire::ChangeLetters>().size(), 4u);
  EXPECT_EQ(cluster.sent<wire::ChangeLetters>().back().second.number, first[0].second.number);
  EXPECT_EQ(look(begun)["state"], "done");
  EXPECT_EQ(look(begun)["letters"], 8);
}

TEST_F(DeadLetterOrders, AreOpenUntilACheckpointSucceeds) {
  cluster.letters_changed = {.letters = 1};
  cluster.saves = false;  // tasks do not answer to barriers
  const json begun = order(R"({"action":"replay"})");
  cluster.deliver();
  EXPECT_EQ(look(begun)["state"], "open") << "the workers are done, and no checkpoint is";
  cluster.saves = true;
  cluster.run_for(15min);  // the open one times out, and another is made
  const json done = look(begun);
  EXPECT_EQ(done["state"], "done") << done;
  EXPECT_GT(done["checkpoint"], 1);
}

TEST_F(DeadLetterOrders, DoNotBusyTheManagerWhileItsJournalCannotBeWritten) {
  cluster.letters_changed = {.letters = 1};
  cluster.journal.fail_appends = true;
  const json begun = order(R"({"action":"replay"})");
  cluster.deliver();
  EXPECT_EQ(look(begun)["state"], "open");
  cluster.journal.fail_appends = false;
  cluster.run_for(5s);
  EXPECT_EQ(look(begun)["state"], "done") << look(begun);
}

TEST_F(DeadLetterOrders, ThatFoundNothingAreDoneAtOnce) {
  cluster.letters_changed.emplace();
  cluster.saves = false;
  const json begun = order(R"({"action":"drop"})");
  cluster.deliver();
  EXPECT_EQ(look(begun)["state"], "done");
  EXPECT_TRUE(look(begun)["checkpoint"].is_null());
}

TEST_F(DeadLetterOrders, FailWhenTheAttemptEndsBeforeACheckpointHoldsThem) {
  const json begun = order(R"({"action":"replay"})");
  cluster.end_worker(cluster.sent<wire::ChangeLetters>()[0].second.worker, 1, 0);
  cluster.deliver();
  EXPECT_EQ(look(begun)["state"], "failed");
  EXPECT_THAT(look(begun)["why"].get<std::string>(), HasSubstr("before a checkpoint held the change"));
  cluster.run_for(30s);
  EXPECT_EQ(cluster.state(id), JobState::failed);
  EXPECT_THAT(refused(409, R"({"action":"replay"})")["message"].get<std::string>(), HasSubstr("is Failed"));
}

TEST_F(DeadLetterOrders, ThatMakeNoSenseAreRefused) {
  for (const char* body :
       {"", "{", "[]", "{}", R"({"action":"keep"})", R"({"action":7})", R"({"action":"drop","ids":5})",
        R"({"action":"drop","ids":[]})", R"({"action":"drop","operator":""})", R"({"action":"drop","reason":""})",
        R"({"action":"drop","ids":[-1]})", R"({"action":"drop","ids":["5"]})", R"({"action":"drop","operator":1})",
        R"({"action":"drop","more":1})", R"({"action":"drop","ids":[[1]]})", R"({"action":"drop","ids":[[[[[1]]]]]})"})
    refused(422, body);
  refused(422, R"({"action":"drop","reason":")" + std::string(RestDeadLetters::kMaxBodyBytes, 'x') + "\"}");
  EXPECT_THAT(refused(404, R"({"action":"drop","operator":"total"})")["near"], ElementsAre("totals"));
  EXPECT_THAT(refused(404, R"({"action":"drop","operator":"events"})")["message"].get<std::string>(),
              HasSubstr("keeps no dead letters"));
  EXPECT_TRUE(cluster.sent<wire::ChangeLetters>().empty());
  EXPECT_EQ(call("DELETE", "shop/dead-letters").status, 405);
  EXPECT_EQ(call("GET", "shop/dead-letters/x").status, 422);
  EXPECT_EQ(call("GET", "shop/dead-letters/1/2").status, 404);
  EXPECT_EQ(call("GET", "shop/operations/letters-1.77").status, 404);
}

/// Letters of two tasks, saved as workers save them.
class DeadLetterReads : public testing::Test {
 protected:
  DeadLetterReads() {
    detail::KeyedBatch<std::uint64_t, View> batch;
    for (std::uint64_t i = 0; i < 10; ++i) {
      batch.records.add() = {i, "page " + std::to_string(i)};
      batch.keys.add() = i;
      batch.metas.push_back({.event_time_ms = static_cast<std::int64_t>(5'000 + i), .key_hash = key_hash(i)});
    }
    const detail::BatchView view(batch);
    for (std::size_t i = 0; i < view.size; ++i)
      letters[i % 2].keep(view, i,
                          {.id = 100 + i,
                           .reason = i < 3 ? "unknown" : "exception std::out_of_range",
                           .message = "map::at",
                           .origin = "in/events.csv, line " + std::to_string(i),
                           .attempts = 2,
                           .at = Time(Duration(static_cast<std::int64_t>(1'000 * i)))});
    checkpoint::Manifest manifest;
    manifest.job = job;
    manifest.job_name = "shop";
    manifest.attempt = {1};
    manifest.checkpoint = {4};
    manifest.created_ms = 20'000;
    manifest.key_groups = 16;
    manifest.chains = {{{"ask"}, 2}};
    for (std::uint32_t i = 0; i < 2; ++i) manifest.snapshots.push_back(save_task(i, manifest.checkpoint));
    const auto bytes = checkpoint::encode_manifest(manifest);
    EXPECT_TRUE(bytes.ok());
    EXPECT_TRUE(storage->put(checkpoint::manifest_name(job, {4}), *bytes).ok());
  }
  checkpoint::SnapshotRef save_task(std::uint32_t index, CheckpointId number) {
    const checkpoint::SnapshotId snapshot{job, {1}, number, {0, index}};
    worker::SnapshotFileOut out(snapshot, std::make_shared<worker::TaskFiles>(), true, storage, 1u << 20,
                                [](const std::function<void()>& work) { work(); });
    out.begin("ask", "operator", "");
    out.put("progress");
    task::TableSave save(letters[index], "ask", "dead_letters", out);
    while (!save.go_on(100)) {
    }
    const auto info = out.store();
    EXPECT_TRUE(info.ok());
    return {{0, index}, info->name, info->bytes, info->checksum, false, info->earlier};
  }
  reads::LettersRead wish() const {
    reads::LettersRead wanted;
    wanted.job = job;
    wanted.job_name = "shop";
    wanted.operators = {"ask"};
    wanted.now_ms = 21'000;
    return wanted;
  }
  json read(const reads::LettersRead& wanted) {
    const auto answer = reads::read_dead_letters(wanted, *storage, [] { return false; });
    const auto* refusal = std::get_if<reads::Refusal>(&answer);
    EXPECT_EQ(refusal, nullptr) << refusal->message;
    return refusal == nullptr ? json::parse(std::get<std::string>(answer)) : json();
  }

  const JobId job{1};
  std::array<task::KeptLetters, 2> letters{task::KeptLetters(100, kCodec), task::KeptLetters(100, kCodec)};
  std::shared_ptr<checkpoint::MemoryCheckpointStorage> storage =
      std::make_shared<checkpoint::MemoryCheckpointStorage>();
};

TEST_F(DeadLetterReads, AreCountedByOperatorAndReason) {
  EXPECT_EQ(read(wish()), json::parse(R"({"version":1,"now_ms":21000,"job":"shop","checkpoint":4,"checkpoint_ms":20000,
    "kept":10,"behind_watermark":0,"groups":[
      {"reason":"exception std::out_of_range","operator":"ask","count":7,"first_ms":3000,"last_ms":9000,"example":109,
       "message":"map::at"},
      {"reason":"unknown","operator":"ask","count":3,"first_ms":0,"last_ms":2000,"example":102,"message":"map::at"}],
    "letters":[]})"));
}

TEST_F(DeadLetterReads, AreChosenByReasonTimeAndNumber) {
  auto wanted = wish();
  wanted.reason = "unknown";
  wanted.since_ms = 1'000;
  wanted.watermark_ms = 5'002;
  wanted.shown = 1;
  json answer = read(wanted);
  EXPECT_EQ(answer["kept"], 2);
  EXPECT_EQ(answer["behind_watermark"], 1);
  EXPECT_EQ(answer["letters"], json::parse(R"([{"id":102,"operator":"ask","reason":"unknown","message":"map::at",
    "origin":"in/events.csv, line 2","attempts":2,"at_ms":2000,"event_time_ms":5002,
    "record":{"user":2,"page":"page 2"},"key":2}])"))
      << "the newest";
  wanted = wish();
  wanted.id = 107;
  wanted.shown = 1;
  EXPECT_EQ(read(wanted)["letters"][0]["record"]["user"], 7);
  wanted.id = 7;
  const auto none = reads::read_dead_letters(wanted, *storage, [] { return false; });
  ASSERT_TRUE(std::holds_alternative<reads::Refusal>(none));
  EXPECT_EQ(std::get<reads::Refusal>(none).code, reads::Refusal::Code::not_found);
  wanted = wish();
  wanted.shown = 4;
  answer = read(wanted);
  ASSERT_EQ(answer["letters"].size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(answer["letters"][i]["id"], 109 - i) << "the newest first";
}

TEST_F(DeadLetterReads, ThereAreNoneWithoutACheckpointOrAnOperatorThatKeepsSome) {
  auto wanted = wish();
  wanted.operators = {};
  EXPECT_EQ(read(wanted)["kept"], 0);
  wanted.operators = {"another"};
  EXPECT_EQ(read(wanted)["kept"], 0);
  wanted.job = JobId{2};
  EXPECT_EQ(read(wanted)["kept"], 0);
  EXPECT_TRUE(read(wanted)["checkpoint"].is_null());
}

TEST_F(DeadLetterReads, WhatIsNotThereAnyMoreIsSaid) {
  const auto names = storage->list("job-1/snapshots");
  ASSERT_TRUE(names.ok());
  for (const auto& name : *names) ASSERT_TRUE(storage->remove("job-1/snapshots/" + name).ok());
  const auto answer = reads::read_dead_letters(wish(), *storage, [] { return false; });
  ASSERT_TRUE(std::holds_alternative<reads::Refusal>(answer));
  EXPECT_EQ(std::get<reads::Refusal>(answer).code, reads::Refusal::Code::failed);
}

}  // namespace
}  // namespace freshet::manager::dead_letters
