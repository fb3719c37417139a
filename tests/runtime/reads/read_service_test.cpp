#include "runtime/worker/read_service.h"

#include "tests/runtime/reads/live_job_support.h"

namespace freshet::worker {
namespace {

using namespace live_job_test;
using nlohmann::json;

class ReadServiceTest : public testing::Test {
 protected:
  ReadServiceTest() { service_.serve(live_); }
  reads::ReadAnswer get(const std::string& path, std::map<std::string, std::string> query = {}) {
    return service_.handle(get_request("/v1/jobs/shop/state/" + path, std::move(query)));
  }
  reads::ReadAnswer post(const std::string& address, const json& keys) {
    const std::string path = "/v1/jobs/shop/state/" + address;
    return service_.handle({"POST", path, path, {}, json{{"keys", keys}}.dump(), "me"});
  }

  RunningJob job_;
  base::SystemClock clock_;
  std::shared_ptr<LiveJob> live_ = job_.as_seen_by(0, 1);
  ReadService service_{{.job_name = "shop", .reads_per_second = 0}, clock_};
};

TEST_F(ReadServiceTest, EveryKeyIsWhatWasPutIn) {
  ASSERT_EQ(job_.spent.size(), kUsers);
  for (const auto& [user, spent] : job_.spent) {
    const auto answer = get("spent/" + user);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json body = body_of(answer);
    ASSERT_EQ(body["entries"].size(), 1u);
    EXPECT_EQ(body["entries"][0]["key"], user);
    EXPECT_EQ(body["entries"][0]["value"], (json{{"purchases", spent.purchases}, {"amount", spent.amount}}));
  }
}

TEST_F(ReadServiceTest, AnAnswerSaysOfWhenItIs) {
  json body = body_of(get("spent/user 7"));
  EXPECT_GT(body["now_ms"], 1'600'000'000'000);
  body.erase("now_ms");
  body.erase("entries");
  EXPECT_EQ(body, json::parse(R"({"version":1,"job":"shop","operator":"spent","state":"state","kind":"value",
    "ttl_ms":null,"consistency":"live","attempt":3,"checkpoint":12,"expired":0,"next":null})"));
}

TEST_F(ReadServiceTest, AMapComesInOrderAndInPages) {
  const auto& expected = job_.items.at("user 7");
  std::map<std::uint64_t, std::uint64_t> found;
  std::map<std::string, std::string> query{{"limit", "3"}};
  for (int pages = 0; pages < 100; ++pages) {
    const json body = body_of(get("basket.items/user 7", query));
    EXPECT_LE(body["entries"].size(), 3u);
    for (const auto& entry : body["entries"]) {
      EXPECT_TRUE(found.empty() || entry["map_key"] > found.rbegin()->first);
      found[entry["map_key"]] = entry["value"];
    }
    if (body["next"].is_null()) break;
    query["after"] = body["next"].get<std::string>();
  }
  EXPECT_EQ(found, expected);

  const std::uint64_t middle = std::next(expected.begin(), static_cast<std::ptrdiff_t>(expected.size() / 2))->first;
  const json from = body_of(get("basket.items/user 7", {{"from", std::to_string(middle)}, {"limit", "2"}}));
  ASSERT_EQ(from["entries"].size(), 2u);
  EXPECT_EQ(from["entries"][0]["map_key"], middle);
  EXPECT_EQ(body_of(get("basket.items/user 7", {{"from", "0"}}))["entries"].size(), expected.size());
  EXPECT_EQ(code_of(get("basket.items/user 7", {{"from", "x"}})), "400 bad_key");
  EXPECT_EQ(code_of(get("spent/user 7", {{"from", "1"}})), "400 bad_request");
}

TEST_F(ReadServiceTest, AListOfKeysIsAnsweredInItsOrder) {
  json keys = json::array();
  for (const auto& [user, spent] : job_.spent) keys.insert(keys.begin(), user);
  keys.insert(keys.begin() + 5, "nobody");
  const auto answer = post("spent", keys);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json body = body_of(answer);
  ASSERT_EQ(body["keys"].size(), keys.size());
  EXPECT_EQ(body["attempt"], 3);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const json& part = body["keys"][i];
    EXPECT_EQ(part["key"], keys[i]);
    EXPECT_EQ(part["found"], keys[i] != "nobody");
    if (part["found"] == false) continue;
    EXPECT_EQ(part["entries"][0]["value"]["purchases"], job_.spent.at(keys[i].get<std::string>()).purchases);
  }
}

TEST_F(ReadServiceTest, WhatIsNotThereHasACodeOfItsOwn) {
  EXPECT_EQ(code_of(get("spent/nobody")), "404 no_such_key");
  EXPECT_EQ(code_of(get("spnt/user 7")), "404 no_such_operator");
  EXPECT_EQ(body_of(get("spnt/user 7"))["error"]["near"], json::array({"spent"}));
  EXPECT_EQ(code_of(get("spent.stat/user 7")), "404 no_such_state");
  EXPECT_EQ(code_of(service_.handle(get_request("/v1/jobs/shpo/state/spent/user 7"))), "404 no_such_job");
  EXPECT_EQ(service_.handle(get_request("/v1/jobs/job-1/state/spent/user 7")).status, 200) << "by its id";
  EXPECT_EQ(code_of(get("basket/user 7")), "400 bad_request") << "it has two states";
  EXPECT_EQ(code_of(get("spent/user 7", {{"consistency", "committed"}})), "404 no_checkpoints");
}

TEST_F(ReadServiceTest, WhatIsNotDeclaredQueryableIsForbiddenAndSaysWhatToDo) {
  const auto answer = get("basket.secret/user 7");
  EXPECT_EQ(code_of(answer), "403 not_queryable");
  EXPECT_NE(answer.body.find("{.queryable = true}"), std::string::npos);
}

TEST_F(ReadServiceTest, ASetIsNotReadByItsKeyAloneAndSaysSo) {
  LogicalGraph graph = *live_->graph;
  for (auto& node : graph.operators)
    if (node.id == "spent") node.states[0].kind = "set";
  live_->graph = &graph;
  EXPECT_EQ(code_of(get("spent/user 7")), "400 bad_request") << "and not that it is not there";
  EXPECT_EQ(code_of(get("spent/user 7", {{"consistency", "committed"}})), "404 no_checkpoints");
}

TEST_F(ReadServiceTest, WhereAMapBeginsIsNotGuessed) {
  EXPECT_EQ(body_of(get("basket.sizes/user 7"))["entries"].size(), 2u);
  EXPECT_EQ(code_of(get("basket.sizes/user 7", {{"from", "large"}})), "400 bad_key") << "signed or not?";
}

TEST_F(ReadServiceTest, AJobThatIsOverAnswersNobody) {
  live_->is_over = true;
  const auto answer = get("spent/user 7");
  EXPECT_EQ(code_of(answer), "503 restarting");
  EXPECT_EQ(answer.retry_after_s, 1);
}

TEST_F(ReadServiceTest, ManyMayReadAtOnce) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (const auto& [user, spent] : job_.spent) {
        const auto answer = get("spent/" + user);
        good += answer.status == 200 && body_of(answer)["entries"][0]["value"]["purchases"] == spent.purchases;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 4 * static_cast<int>(kUsers));
}

TEST(ReadServiceLimits, NobodyIsServedBeforeThereIsAJob) {
  const base::SystemClock clock;
  ReadService service({.job_name = "shop"}, clock);
  EXPECT_EQ(code_of(service.handle(get_request("/v1/jobs/shop/state/spent/user 7"))), "503 restarting");
}

TEST(ReadServiceLimits, AGreedyCallerIsCutWhileAnotherIsServed) {
  RunningJob job;
  base::ManualClock clock;
  ReadService service({.job_name = "shop", .reads_per_second = 5}, clock);
  service.serve(job.as_seen_by(0, 1));
  auto greedy = get_request("/v1/jobs/shop/state/spent/user 7");
  greedy.caller = "greedy";
  int served = 0;
  for (int i = 0; i < 20; ++i) served += service.handle(greedy).status == 200;
  EXPECT_EQ(served, 5);
  const auto cut = service.handle(greedy);
  EXPECT_EQ(code_of(cut), "429 rate_limited");
  EXPECT_EQ(cut.retry_after_s, 1);
  EXPECT_EQ(service.handle(get_request("/v1/jobs/shop/state/spent/user 7")).status, 200);
}

TEST(ReadServiceLimits, ATaskThatDoesNotAnswerIsNotWaitedForForEver) {
  RunningJob job(false);
  const base::SystemClock clock;
  ReadService service({.job_name = "shop", .reads_per_second = 0, .patience = Duration(40)}, clock);
  service.serve(job.as_seen_by(0, 1));
  const auto request = get_request("/v1/jobs/shop/state/spent/user 7");
  EXPECT_EQ(code_of(service.handle(request)), "503 timeout");
  job.go_on();
  reads::ReadAnswer answer;
  for (int tries = 0; tries < 1'000 && answer.body.empty(); ++tries)
    if (auto next = service.handle(request); next.status == 200) answer = next;
  EXPECT_EQ(body_of(answer)["entries"][0]["value"]["purchases"], job.spent.at("user 7").purchases)
      << "what nobody waits for any more does no harm";
}

/// Lists nothing before it is let.
class CorkedStorage final : public checkpoint::CheckpointStorage {
 public:
  Status put(std::string_view, std::string_view) override { return Error{"corked"}; }
  Result<bool> publish(std::string_view, std::string_view) override { return Error{"corked"}; }
  Result<std::string> get(std::string_view, std::uint64_t) override { return Error{"corked"}; }
  Status remove(std::string_view) override { return Error{"corked"}; }
  Result<std::vector<std::string>> list(std::string_view) override {
    ++inside;
    open.wait(false);
    return std::vector<std::string>();
  }
  std::atomic<int> inside{0};
  std::atomic<bool> open{false};
};

TEST(ReadServiceLimits, NoMoreThanTwoReadCheckpointsAtATime) {
  RunningJob job;
  const base::SystemClock clock;
  ReadService service({.job_name = "shop", .reads_per_second = 0}, clock);
  const auto live = job.as_seen_by(0, 1);
  const auto storage = std::make_shared<CorkedStorage>();
  live->storage = storage;
  service.serve(live);
  const auto request = get_request("/v1/jobs/shop/state/spent/user 7", {{"consistency", "committed"}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { (void)service.handle(request); });
  while (storage->inside < 2) std::this_thread::yield();
  const auto third = service.handle(request);
  EXPECT_EQ(code_of(third), "429 busy");
  EXPECT_EQ(third.retry_after_s, 1);
  EXPECT_EQ(service.handle(get_request("/v1/jobs/shop/state/spent/user 7")).status, 200) << "live reads go on";
  storage->open = true;
  storage->open.notify_all();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(code_of(service.handle(request)), "404 no_such_key") << "there is room again";
}

TEST(ReadServiceLimits, KeysThatWaitForATaskAreLimited) {
  RunningJob job(false);
  const auto live = job.as_seen_by(0, 1);
  const auto reads = std::make_shared<LiveReads>(live);
  LiveQuery query;
  for (auto* task : live->tasks)
    if (task->chain().state_table("spent", "state") != nullptr) query.task = task;
  ASSERT_NE(query.task, nullptr);
  query.operator_id = "spent";
  query.state = std::make_shared<const StateDeclaration>(StateDeclaration{.name = "state"});
  using Outcome = LiveResult::Outcome;
  const auto outcome = [&](std::size_t keys) {
    return reads->read(std::vector<LiveQuery>(keys, query), Duration(1), 0).back().outcome;
  };
  EXPECT_EQ(outcome(LiveReads::kMostWaiting), Outcome::timeout);
  EXPECT_EQ(outcome(1), Outcome::busy);
  (void)query.task->step();
  EXPECT_EQ(outcome(1), Outcome::timeout) << "the task has looked at its mail, there is room again";
}

/// So many purchases of one user, each of another item.
class ManyItems final : public Source<Purchase> {
 public:
  explicit ManyItems(std::uint64_t count) : count_(count) {}
  std::vector<Split> discover() override { return {{.partition = "all", .end = count_}}; }
  Progress read(Split& split, Out<Purchase>& out) override {
    while (split.position < split.end && !out.full()) out.emit({"collector", split.position++, 1});
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  const std::uint64_t count_;
};

/// The outcomes of looking so often, one after the other in one list, for a key with so many entries, and in how many
/// steps they all came.
std::pair<std::vector<LiveResult::Outcome>, int> read_large_map(std::uint64_t entries, std::size_t times) {
  Job job;
  job.source<ManyItems>("purchases", entries)
      .key_by(&Purchase::user)
      .process<Basket>("basket")
      .sink<Nowhere<Purchase>>("basket_sink");
  job.finish();
  LocalEngine engine(job, LocalEngine::Options{.parallelism = 1, .snapshots = true});
  engine.start();
  engine.run(10'000'000);
  const auto live = std::make_shared<LiveJob>();
  live->tasks = engine.tasks();
  LiveQuery query;
  for (auto* task : live->tasks)
    if (task->chain().state_table("basket", "items") != nullptr) query.task = task;
  ByteBuffer key;
  encode_key(key, std::string("collector"));
  query.operator_id = "basket";
  query.state = std::make_shared<const StateDeclaration>(StateDeclaration{.name = "items", .kind = "map"});
  query.key = std::string(key.view());
  query.key_hash = key_hash(std::string("collector"));
  const auto reads = std::make_shared<LiveReads>(live);
  std::vector<LiveResult::Outcome> outcomes;
  std::atomic<bool> is_done{false};
  std::thread reading([&] {
    for (const auto& each : reads->read(std::vector<LiveQuery>(times, query), std::chrono::hours(1), 0))
      outcomes.push_back(each.outcome);
    is_done = true;
  });
  while (!query.task->mailbox().has_mail()) std::this_thread::yield();
  int steps = 0;
  for (; query.task->mailbox().has_mail(); ++steps) (void)query.task->step();
  while (!is_done) std::this_thread::yield();
  reading.join();
  engine.close();
  return {outcomes, steps};
}

TEST(ReadServiceLimits, AStepOfATaskLooksThroughAFewEntriesOnly) {
  using Outcome = LiveResult::Outcome;
  const auto [outcomes, steps] = read_large_map(LiveReads::kMostEntriesOfStep, 5);
  EXPECT_EQ(outcomes, std::vector<Outcome>(5, Outcome::found));
  EXPECT_GE(steps, 5);
}

TEST(ReadServiceLimits, AMapThatTakesTooLongToLookThroughIsTooLarge) {
  using Outcome = LiveResult::Outcome;
  EXPECT_EQ(read_large_map(LiveReads::kMostEntriesOfKey, 1).first, std::vector<Outcome>{Outcome::found});
  EXPECT_EQ(read_large_map(LiveReads::kMostEntriesOfKey + 1, 1).first, std::vector<Outcome>{Outcome::too_large});
}

}  // namespace
}  // namespace freshet::worker
