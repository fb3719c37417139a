#include "runtime/reads/state_reads.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/rest_state.h"
#include "tests/runtime/job_manager/fake_cluster.h"
#include "tests/runtime/job_manager/saved_operator.h"

namespace freshet::manager {
namespace {

using namespace reads;

using nlohmann::json;
using namespace std::chrono_literals;

class StateReads : public testing::Test {
 protected:
  StateReads() {
    saved.at(77).value.get() = "seventy-seven";
    saved.at(77).map["b"] = 2;
    saved.at(77).map["a"] = 1;
    saved.at(78).list.push_back(5);
    saved.at(78).list.push_back(6);
    saved.save(1);
    saved.at(77).value.get() = "changed";
    saved.save(2, true);
  }
  StateRead wish(const std::string& address) {
    StateRead wanted;
    wanted.job = saved.job;
    wanted.job_name = "shop";
    wanted.address = address;
    wanted.limit = 100;
    wanted.now_ms = saved.now_ms + 4'000;
    return wanted;
  }
  StateRead wish(const std::string& address, const std::string& key) {
    StateRead wanted = wish(address);
    wanted.key = key;
    return wanted;
  }
  json read(const StateRead& wanted) {
    const Answer<std::string> answer = read_saved_state(wanted, *saved.storage, [] { return false; });
    const Refusal* refusal = std::get_if<Refusal>(&answer);
    EXPECT_EQ(refusal, nullptr) << refusal->message;
    return refusal == nullptr ? json::parse(std::get<std::string>(answer)) : json();
  }
  Refusal refused(
      const StateRead& wanted, const std::function<bool()>& is_to_end = [] { return false; }) {
    const Answer<std::string> answer = read_saved_state(wanted, *saved.storage, is_to_end);
    EXPECT_TRUE(std::holds_alternative<Refusal>(answer));
    const Refusal* refusal = std::get_if<Refusal>(&answer);
    return refusal == nullptr ? Refusal() : *refusal;
  }

  SavedOperator saved{2};
};

TEST_F(StateReads, OneKeyIsShownAsTheNewestCheckpointHoldsIt) {
  EXPECT_EQ(read(wish("totals.value", "77")), json::parse(R"({
    "version":1, "now_ms":1004000, "job":"shop", "operator":"totals", "state":"value", "kind":"value", "ttl_ms":null,
    "consistency":"committed", "attempt":1, "checkpoint":2, "checkpoint_kind":"savepoint", "checkpoint_ms":1000000,
    "expired":0,
    "entries":[{"key":77,"value":"changed"}], "next":null})"));
  StateRead earlier = wish("totals.value", "77");
  earlier.checkpoint = CheckpointId{1};
  EXPECT_EQ(read(earlier)["entries"][0]["value"], "seventy-seven");
  EXPECT_EQ(read(earlier)["checkpoint_kind"], "checkpoint");
  EXPECT_EQ(read(wish("totals.list", "78"))["entries"], json::parse(R"([{"key":78,"value":[5,6]}])"));
  EXPECT_EQ(read(wish("totals.map", "77"))["entries"],
            json::parse(R"([{"key":77,"map_key":"a","value":1},{"key":77,"map_key":"b","value":2}])"));
}

TEST_F(StateReads, AScanGoesOnBehindItsCursor) {
  StateRead wanted = wish("totals.map");
  wanted.limit = 1;
  const json first = read(wanted);
  ASSERT_EQ(first["entries"].size(), 1u);
  const auto after = from_cursor(first["next"].get<std::string>());
  ASSERT_TRUE(after.has_value());
  wanted.after = *after;
  const json second = read(wanted);
  EXPECT_EQ(second["entries"][0]["map_key"], "b");
  EXPECT_EQ(from_cursor(to_cursor({3, std::string("\0\xff", 2), "x"})),
            (checkpoint::StatePosition{3, std::string("\0\xff", 2), "x"}));
  for (const char* text : {"x", "0", "zz", "00", "93", "ffffffff"}) EXPECT_FALSE(from_cursor(text)) << text;
}

TEST_F(StateReads, TheLastPageOfAKeyMayBeEmpty) {
  for (const char* map_key : {"c", "d"}) saved.at(77).map[map_key] = 3;
  saved.save(3, true);
  for (const char* map_key : {"b", "c", "d"}) saved.at(77).map.erase(map_key);
  saved.save(4);
  StateRead wanted = wish("totals.map", "77");
  wanted.limit = 1;
  std::size_t entries = 0;
  for (int pages = 0; pages < 10; ++pages) {
    const json page = read(wanted);
    entries += page["entries"].size();
    if (page["next"].is_null()) break;
    wanted.after = from_cursor(page["next"].get<std::string>()).value();
  }
  EXPECT_EQ(entries, 1u);
  wanted.after = {wanted.after.task, wanted.after.key, "z"};
  EXPECT_EQ(read(wanted)["entries"], json::array()) << "the key is there, it has no more entries";
}

TEST_F(StateReads, WhatIsNotThereSaysWhatThereIs) {
  const auto expect = [](const Refusal& refusal, Refusal::Code code, const std::string& message) {
    EXPECT_EQ(refusal.code, code);
    EXPECT_EQ(refusal.message, message);
  };
  const auto kGone = Refusal::Code::not_found;
  expect(refused(wish("totls")), kGone, "checkpoint 2 of job shop has no operator totls, but numbers, totals");
  EXPECT_EQ(refused(wish("totls")).near, std::vector<std::string>{"totals"});
  EXPECT_EQ(refused(wish("totls.value")).near, std::vector<std::string>{"totals"});
  expect(refused(wish("totals.valu")), kGone,
         "operator totals has no state valu in checkpoint 2 of job shop, but value, list, map");
  EXPECT_EQ(refused(wish("totals.valu")).near, std::vector<std::string>{"value"});
  expect(refused(wish("numbers")), kGone, "operator numbers has no keyed state in checkpoint 2 of job shop");
  expect(refused(wish("totals.value", "78")), kGone, "state totals.value has no key 78 in checkpoint 2 of job shop");
  StateRead of_none = wish("totals.value");
  of_none.checkpoint = CheckpointId{9};
  expect(refused(of_none), kGone, "job shop has no checkpoint 9 any more, or never had. There are 2, 1");
  of_none.checkpoint.reset();
  of_none.job = JobId{2};
  expect(refused(of_none), kGone, "job shop has no complete checkpoint yet: freshet checkpoint create shop");
}

TEST_F(StateReads, WhatIsAskedForWronglyIsRefused) {
  const Refusal which = refused(wish("totals"));
  EXPECT_EQ(which.code, Refusal::Code::validation);
  ASSERT_EQ(which.problems.size(), 1u);
  EXPECT_EQ(which.problems[0].message, "it has the states value, list, map: say which");
  const Refusal key = refused(wish("totals.value", "seven"));
  EXPECT_EQ(key.code, Refusal::Code::validation);
  ASSERT_EQ(key.problems.size(), 1u);
  EXPECT_EQ(key.problems[0].where, "key seven");
  EXPECT_EQ(key.problems[0].message, "expected u64");
}

TEST_F(StateReads, WhatTheJobDeclaresNowIsAHintOnly) {
  StateDeclaration value{"value", "value", schema_of<std::uint64_t>(), {}, schema_of<std::string>()};
  StateRead wanted = wish("totals", "77");
  wanted.declared["totals"] = {value};
  EXPECT_EQ(read(wanted)["entries"][0]["value"], "changed");
  wanted.key = "79";
  EXPECT_EQ(refused(wanted).code, Refusal::Code::validation) << "there are more states than it declares now";
  wanted.address = "totals.value";
  EXPECT_EQ(refused(wanted).code, Refusal::Code::not_found);
  wanted.key = "77";
  wanted.declared["totals"][0].key = schema_of<std::string>();  // "77" is a key of both types
  EXPECT_EQ(read(wanted)["entries"][0]["value"], "changed");
  wanted.declared["totals"][0].key = schema_of<bool>();
  EXPECT_EQ(read(wanted)["entries"][0]["value"], "changed");
  wanted.address = "totals.map";
  wanted.declared["totals"][0].name = "map";
  wanted.declared["totals"][0].key = schema_of<std::uint64_t>();
  EXPECT_EQ(read(wanted)["entries"].size(), 2u);
  EXPECT_EQ(read(wanted)["kind"], "map");
}

TEST_F(StateReads, VoidCheckpointsArePassedOver) {
  checkpoint::Manifest nothing = saved.manifest(2);
  nothing.kind = checkpoint::ManifestKind::void_;
  nothing.checkpoint = {3};
  nothing.chains.clear();
  nothing.snapshots.clear();
  const auto bytes = checkpoint::encode_manifest(nothing);
  ASSERT_TRUE(bytes.ok()) << bytes.error().message;
  ASSERT_TRUE(saved.storage->put(checkpoint::manifest_name(saved.job, {3}), *bytes).ok());
  EXPECT_EQ(read(wish("totals.value", "77"))["checkpoint"], 2);
  StateRead of_nothing = wish("totals.value", "77");
  of_nothing.checkpoint = CheckpointId{3};
  EXPECT_EQ(refused(of_nothing).code, Refusal::Code::not_found);
}

TEST_F(StateReads, NothingIsReadAnyMoreForNobody) {
  EXPECT_EQ(refused(wish("totals.value"), [] { return true; }).code, Refusal::Code::timeout);
}

TEST_F(StateReads, ADamagedFileIsAFailureAndOneThatWasDeletedIsGone) {
  const checkpoint::Manifest manifest = saved.manifest(2);
  for (const auto& ref : manifest.snapshots)
    for (const auto& file : ref.files()) ASSERT_TRUE(saved.storage->remove(file.name).ok());
  const Refusal failed = refused(wish("totals.value"));
  EXPECT_EQ(failed.code, Refusal::Code::failed);
  EXPECT_NE(failed.message.find("there is no such file"), std::string::npos) << failed.message;
  // Deleted between the first look and the files: the manifest goes first.
  StateRead wanted = wish("totals.value");
  wanted.checkpoint = CheckpointId{2};
  int asked = 0;
  const Refusal gone = refused(wanted, [&] {
    if (++asked == 2) (void)saved.storage->remove(checkpoint::manifest_name(saved.job, {2}));
    return false;
  });
  EXPECT_EQ(gone.code, Refusal::Code::not_found);
  EXPECT_EQ(gone.message,
            "the checkpoint was deleted while it was read. A savepoint stays: freshet savepoint create shop");
}

class NoLogLines final : public LogSource {
 public:
  LogPage read(const LogQuery&) override { return {}; }
};

class RestStateTest : public testing::Test {
 protected:
  RestStateTest() {
    cluster.saves_files = true;
    cluster.add_agent("a", 6);
    cluster.deliver();
    (void)cluster.submit_with_checkpoints("shop");
    cluster.deliver();
  }
  RestResponse get(const std::string& path, std::map<std::string, std::string> query = {},
                   const std::string& method = "GET") {
    RestResponse response =
        RestApi(*cluster.manager, logs, verifier).handle({method, "/v1/jobs/" + path, std::move(query), ""});
    return response.later ? response.later([] { return false; }) : response;
  }
  static std::string message(const RestResponse& response) { return json::parse(response.body)["error"]["message"]; }

  FakeCluster cluster;
  NoLogLines logs;
  CheckpointVerifier verifier{cluster.checkpoints};
};

TEST_F(RestStateTest, WhatCannotBeMeantIsRefusedBeforeAnythingIsRead) {
  EXPECT_EQ(get("shop/state").status, 404);
  EXPECT_EQ(get("shpo/state/totals").status, 404);
  EXPECT_EQ(get("shop/state/totals", {}, "POST").status, 405);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"checkpoint", "0"}, {"checkpoint", "x"}, {"limit", "0"}, {"limit", "-1"}, {"after", "x"}})
    EXPECT_EQ(get("shop/state/totals", {{name, value}}).status, 422) << name << "=" << value;
}

TEST_F(RestStateTest, TheNewestCheckpointIsLookedInto) {
  EXPECT_EQ(message(get("shop/state/totals")),
            "job shop has no complete checkpoint yet: freshet checkpoint create shop");
  cluster.run_for(1500ms);
  EXPECT_EQ(message(get("shop/state/ttals")), "checkpoint 1 of job shop has no operator ttals, but events, totals");
  EXPECT_EQ(message(get("shop/state/events")), "operator events has no keyed state in checkpoint 1 of job shop");
  EXPECT_EQ(message(get("shop/state/totals", {{"checkpoint", "7"}})),
            "job shop has no checkpoint 7 any more, or never had. There are 1");
}

TEST_F(RestStateTest, AKeyMayHoldSlashes) {
  cluster.run_for(1500ms);
  const RestResponse found = get("shop/state/totals/a/b");
  ASSERT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(json::parse(found.body)["entries"], json::parse(R"([{"key":"a/b","value":1}])"));
  EXPECT_EQ(message(get("shop/state/totals/a")), "state totals.counts has no key a in checkpoint 1 of job shop");
  EXPECT_EQ(message(get("shop/state/totals/")), "state totals.counts has no key  in checkpoint 1 of job shop");
  EXPECT_EQ(json::parse(get("shop/state/totals", {{"limit", "1"}}).body)["entries"].size(), 1u);
}

}  // namespace
}  // namespace freshet::manager
