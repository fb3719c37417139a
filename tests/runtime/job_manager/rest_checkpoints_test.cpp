#include "runtime/job_manager/rest_checkpoints.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <thread>

#include "runtime/checkpoint/verify.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;
using dag::JobState;
using nlohmann::json;

class NoLogs final : public LogSource {
 public:
  LogPage read(const LogQuery&) override { return {}; }
};

class RestCheckpointsTest : public testing::Test {
 protected:
  RestCheckpointsTest() { cluster.saves_files = true; }

  JobId running_job() {
    cluster.add_agent("a", 6);
    cluster.deliver();
    const JobId id = cluster.submit_with_checkpoints("shop");
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::running);
    return id;
  }
  RestResponse call(const std::string& method, const std::string& path, const std::string& body = "",
                    std::map<std::string, std::string> query = {}) {
    RestResponse response =
        RestApi(*cluster.manager, logs, verifier).handle({method, "/v1/jobs/" + path, std::move(query), body});
    cluster.deliver();
    return response;
  }
  json get(const std::string& path, std::map<std::string, std::string> query = {}) {
    const RestResponse response = call("GET", path, "", std::move(query));
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  json post(const std::string& path, const std::string& body = "") {
    const RestResponse response = call("POST", path, body);
    EXPECT_EQ(response.status, 202) << response.body;
    return json::parse(response.body);
  }
  json refused(const std::string& method, const std::string& path, int status, const std::string& body = "",
               std::map<std::string, std::string> query = {}) {
    const RestResponse response = call(method, path, body, std::move(query));
    EXPECT_EQ(response.status, status) << response.body;
    return json::parse(response.body)["error"];
  }
  std::uint64_t make_savepoint() {
    const json operation = post("shop/checkpoints", R"({"kind":"savepoint"})");
    return get("shop/operations/" + operation["operation"].get<std::string>())["checkpoint"];
  }
  json verified(std::uint64_t number) { return ended(post("shop/checkpoints/" + std::to_string(number) + "/verify")); }
  /// What becomes of an operation that another thread works on.
  json ended(const json& begun) {
    const auto patience = std::chrono::steady_clock::now() + 60s;
    for (const std::string operation = begun["operation"];; std::this_thread::sleep_for(1ms)) {
      json now = get("shop/operations/" + operation);
      if (now["state"] != "open" || std::chrono::steady_clock::now() > patience) return now;
    }
  }
  /// What a job of that graph could take over, once it is known.
  json compared(const LogicalGraph& graph, json body = json::object()) {
    body["graph_base64"] = base64_of(graph);
    return ended(post("shop/compare", body.dump()));
  }
  std::size_t files_of(JobId id) {
    return cluster.checkpoints.list("job-" + std::to_string(id.value) + "/snapshots")->size();
  }

  FakeCluster cluster;
  NoLogs logs;
  CheckpointVerifier verifier{cluster.checkpoints};
};

TEST_F(RestCheckpointsTest, TheListIsNewestFirstAndSaysWhatIsThere) {
  const JobId id = running_job();
  cluster.run_for(4100ms);
  cluster.saves = false;
  cluster.run_for(1s);
  const json list = get("shop/checkpoints");
  EXPECT_EQ(list["version"], 1);
  EXPECT_EQ(list["job"], "shop");
  EXPECT_EQ(list["restore_point"], 4);
  const json& all = list["checkpoints"];
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0]["number"], 5);
  EXPECT_EQ(all[0]["state"], "open");
  EXPECT_EQ(all[0]["acknowledged"], 0);
  EXPECT_EQ(all[0]["tasks"], 4);
  EXPECT_EQ(all[0]["took_ms"], nullptr);
  EXPECT_EQ(all[0]["retained"], false);
  EXPECT_EQ(all[1]["number"], 4);
  EXPECT_EQ(all[1]["state"], "done");
  EXPECT_EQ(all[1]["kind"], "checkpoint");
  EXPECT_EQ(all[1]["when_ms"], 1'700'000'004'000);
  EXPECT_EQ(all[1]["took_ms"], 0);
  EXPECT_GT(all[1]["bytes"], 0);
  EXPECT_EQ(all[1]["acknowledged"], 4);
  EXPECT_EQ(all[1]["restorable"], true);
  EXPECT_EQ(all[4]["number"], 1);
  EXPECT_EQ(all[4]["state"], "done");
  EXPECT_EQ(all[4]["retained"], false) << "only three are kept";
  EXPECT_EQ(all[4]["restorable"], false);
  EXPECT_EQ(get("shop/checkpoints", {{"limit", "2"}})["checkpoints"].size(), 2u);
  EXPECT_EQ(get("shop/checkpoints", {{"kind", "savepoint"}})["checkpoints"].size(), 0u);
  EXPECT_EQ(cluster.job(id).checkpoints().complete().size(), 3u);
}

TEST_F(RestCheckpointsTest, AfterARestartTheStorageStillTells) {
  running_job();
  cluster.run_for(2100ms);
  cluster.checkpoints.files["job-1/manifests/c9"] = "nonsense";
  cluster.restart_manager();
  const json all = get("shop/checkpoints")["checkpoints"];
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(all[0]["number"], 9);
  EXPECT_EQ(all[0]["state"], "failed");
  EXPECT_EQ(all[0]["restorable"], false);
  EXPECT_NE(all[0]["why"], "");
  EXPECT_EQ(all.back()["number"], 1);
  EXPECT_EQ(all.back()["state"], "done");
  EXPECT_EQ(all.back()["restorable"], true);
  EXPECT_EQ(get("shop/checkpoints/1")["checkpoint"]["state"], "done");
}

TEST_F(RestCheckpointsTest, ACheckpointIsShownWithItsChainsFilesAndSinks) {
  running_job();
  cluster.run_for(1100ms);
  const json shown = get("shop/checkpoints/1");
  EXPECT_EQ(shown["attempt"], 1);
  EXPECT_EQ(shown["revision"], 1);
  EXPECT_EQ(shown["checkpoint"]["number"], 1);
  ASSERT_EQ(shown["chains"].size(), 2u);
  EXPECT_EQ(
      shown["chains"][1],
      (json{{"id", "totals"}, {"chain", {"totals"}}, {"tasks", 2}, {"acknowledged", 2}, {"missing", json::array()}}));
  ASSERT_EQ(shown["snapshots"].size(), 4u);
  EXPECT_EQ(shown["snapshots"][3]["chain"], "totals");
  EXPECT_EQ(shown["snapshots"][3]["task"], 1);
  EXPECT_EQ(shown["snapshots"][3]["file"], "job-1/snapshots/c1-a1-t1.1");
  EXPECT_GT(shown["snapshots"][3]["bytes"], 0);
  EXPECT_EQ(shown["snapshots_left_out"], 0);
}

TEST_F(RestCheckpointsTest, AnOpenOneSaysWhoIsMissingAndAFailedOneWhoWas) {
  const JobId id = running_job();
  cluster.saves = false;
  cluster.run_for(1100ms);
  const WorkerKey key{id, Attempt{1}, {0}};
  cluster.from_worker(key, wire::SnapshotStored{key, {1, 0}, {1}, {"x", 10, 7, false, {}}});
  cluster.deliver();
  json chain = get("shop/checkpoints/1")["chains"][1];
  EXPECT_EQ(chain["acknowledged"], 1);
  EXPECT_EQ(chain["missing"], json({1}));
  EXPECT_EQ(get("shop/checkpoints/1")["chains"][0]["missing"], json({0, 1}));
  cluster.from_worker(key, wire::SnapshotDeclined{key, {0, 0}, {1}, "disk full"});
  cluster.deliver();
  const json failed = get("shop/checkpoints/1");
  EXPECT_EQ(failed["checkpoint"]["state"], "failed");
  EXPECT_EQ(failed["checkpoint"]["why"], "task 0/0 could not save: disk full");
  EXPECT_EQ(failed["checkpoint"]["acknowledged"], 1);
  EXPECT_EQ(failed["chains"][1]["acknowledged"], 1);
  EXPECT_EQ(failed["chains"][1]["missing"], json({1}));
}

TEST_F(RestCheckpointsTest, ASavepointIsAskedForAndFollowed) {
  running_job();
  const json asked = post("shop/checkpoints", R"({"kind":"savepoint"})");
  EXPECT_EQ(asked["operation"], "checkpoint-1.1");
  EXPECT_EQ(asked["kind"], "savepoint");
  EXPECT_EQ(asked["state"], "open");
  EXPECT_EQ(asked["checkpoint"], nullptr);
  const json now = get("shop/operations/checkpoint-1.1");
  EXPECT_EQ(now["state"], "done");
  EXPECT_EQ(now["checkpoint"], 1);
  EXPECT_EQ(get("shop/savepoints")["checkpoints"][0]["kind"], "savepoint");
  cluster.saves = false;
  const std::string second = post("shop/checkpoints", R"({"kind":"checkpoint"})")["operation"];
  EXPECT_EQ(get("shop/operations/" + second)["state"], "open");
  EXPECT_EQ(call("POST", "shop/actions", R"({"action":"cancel"})").status, 202);
  const json cancelled = get("shop/operations/" + second);
  EXPECT_EQ(cancelled["state"], "failed");
  EXPECT_EQ(cancelled["why"], "the job is cancelled");
  EXPECT_EQ(refused("POST", "shop/checkpoints", 409, R"({"kind":"checkpoint"})")["message"], "job shop is Cancelled");
}

TEST_F(RestCheckpointsTest, OperationsOfAnotherManagerOrJobAreNotFound) {
  running_job();
  make_savepoint();
  cluster.submit("other", 1);
  cluster.deliver();
  EXPECT_EQ(get("shop/operations/checkpoint-1.1")["state"], "done");
  for (const char* name : {"other/operations/checkpoint-1.1", "shop/operations/checkpoint-2.1",
                           "shop/operations/checkpoint-1.9", "shop/operations/verify-1.1", "shop/operations/x",
                           "shop/operations/checkpoint-1.", "shop/operations/checkpoint-1.01"})
    EXPECT_EQ(refused("GET", name, 404)["code"], "not_found") << name;
}

TEST_F(RestCheckpointsTest, VerifyNamesEveryDamage) {
  const JobId id = running_job();
  cluster.run_for(1100ms);
  const json sound = verified(1);
  EXPECT_EQ(sound["state"], "done");
  EXPECT_EQ(sound["kind"], "verify");
  EXPECT_EQ(sound["checkpoint"], 1);
  EXPECT_EQ(sound["files"], 4);
  EXPECT_EQ(sound["damages"], json::array());
  cluster.checkpoints.files.at("job-1/snapshots/c1-a1-t1.0").at(60) ^= 1;
  cluster.checkpoints.files.erase("job-1/snapshots/c1-a1-t0.1");
  const json damages = verified(1)["damages"];
  ASSERT_EQ(damages.size(), 2u);
  EXPECT_EQ(damages[0]["file"], "job-1/snapshots/c1-a1-t0.1");
  EXPECT_EQ(damages[1]["file"], "job-1/snapshots/c1-a1-t1.0");
  cluster.checkpoints.files["job-1/manifests/c1"].pop_back();
  const json manifest = verified(1)["damages"];
  ASSERT_EQ(manifest.size(), 1u);
  EXPECT_EQ(manifest[0]["file"], "job-1/manifests/c1");
  EXPECT_EQ(refused("POST", "shop/checkpoints/77/verify", 404)["code"], "not_found");
  EXPECT_EQ(id.value, 1u);
}

TEST_F(RestCheckpointsTest, AComparisonReadsWhatTheCheckpointHolds) {
  const JobId id = running_job();
  LogicalGraph next = cluster.submission("shop").graph;
  EXPECT_EQ(compared(next)["why"], "it has no complete checkpoint");
  cluster.run_for(2100ms);
  const StateDeclaration counts{
      .name = "counts", .kind = "value", .key = schema_of<std::string>(), .value = schema_of<std::uint64_t>()};
  next.operators[1].states = {counts, {.name = "more", .kind = "value", .key = counts.key, .value = counts.value}};
  const json good = compared(next);
  EXPECT_EQ(good["kind"], "compare");
  EXPECT_EQ(good["state"], "done") << good["why"];
  EXPECT_EQ(good["checkpoint"], cluster.job(id).checkpoints().restore_point()->value) << "the newest";
  EXPECT_EQ(good["revision"], 1);
  ASSERT_EQ(good["operators"].size(), 2u);
  EXPECT_EQ(good["operators"][0]["fate"], "unchanged");
  EXPECT_EQ(good["operators"][1]["fate"], "changed");
  EXPECT_EQ(good["operators"][1]["notes"], json::array({"more: new"}));
  EXPECT_EQ(good["operators"][1]["entries"], 4) << "one of each task";
  next.operators[1].states[0].value = schema_of<std::string>();
  const json bad = compared(next, {{"checkpoint", 1}});
  EXPECT_EQ(bad["checkpoint"], 1);
  EXPECT_EQ(bad["operators"][1]["fate"], "error");
  EXPECT_EQ(bad["operators"][1]["problems"][0]["where"], "operator totals");
  EXPECT_EQ(compared(next, {{"drop_state", {"totals"}}})["operators"][1]["fate"], "dropped");
  cluster.checkpoints.files.at("job-1/snapshots/c1-a1-t1.0").at(60) ^= 1;
  EXPECT_NE(compared(next, {{"checkpoint", 1}})["why"].get<std::string>().find("damaged"), std::string::npos);
  EXPECT_EQ(compared(next, {{"checkpoint", 77}})["why"], "it is no longer there");
}

TEST_F(RestCheckpointsTest, NonsenseIsNotCompared) {
  running_job();
  refused("GET", "shop/compare", 405);
  refused("POST", "shop/compare/1", 404);
  refused("POST", "nobody/compare", 404, R"({"graph_base64":"AAAA"})");
  for (const char* body : {"", "[]", "{}", R"({"graph_base64":"%"})", R"({"graph_base64":"AAAA"})",
                           R"({"graph_base64":"AAAA","checkpoint":-1})", R"({"graph_base64":"AAAA","more":1})"})
    EXPECT_EQ(refused("POST", "shop/compare", 422, body)["code"], "validation") << body;
}

TEST_F(RestCheckpointsTest, ASavepointIsDeletedWithItsFilesButNotWhileTheJobWouldGoOnFromIt) {
  const JobId id = running_job();
  const std::uint64_t savepoint = make_savepoint();
  const std::string path = "shop/savepoints/" + std::to_string(savepoint);
  EXPECT_EQ(files_of(id), 4u);
  EXPECT_EQ(refused("DELETE", path, 409)["message"],
            "not deleted: job shop would go on from savepoint 1 after a failure; try again after its next checkpoint");
  cluster.run_for(1100ms);
  EXPECT_EQ(files_of(id), 8u);
  EXPECT_EQ(refused("DELETE", "shop/savepoints/2", 409)["message"],
            "not deleted: 2 is no savepoint; checkpoints go by themselves when newer ones come");
  const RestResponse deleted = call("DELETE", path);
  ASSERT_EQ(deleted.status, 200) << deleted.body;
  EXPECT_EQ(json::parse(deleted.body)["files"], 4);
  EXPECT_EQ(json::parse(deleted.body)["kept_files"], 0);
  EXPECT_EQ(files_of(id), 4u);
  EXPECT_EQ(refused("DELETE", path, 404)["code"], "not_found");
  EXPECT_TRUE(
      checkpoint::verify_checkpoint(cluster.checkpoints, *checkpoint::load_manifest(cluster.checkpoints, id, {2}))
          .empty());
  const json all = get("shop/checkpoints")["checkpoints"];
  EXPECT_EQ(all.back()["number"], 1);
  EXPECT_EQ(all.back()["retained"], false);
}

TEST_F(RestCheckpointsTest, ASavepointStaysWhileAnotherJobBeginsFromIt) {
  const JobId id = running_job();
  const std::uint64_t savepoint = make_savepoint();
  cluster.run_for(1100ms);
  Submission next = cluster.submission("next", 1);
  next.checkpoint_interval = Duration(1'000);
  next.from_job = id;
  next.from_checkpoint = {savepoint};
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(std::move(next))));
  EXPECT_EQ(refused("DELETE", "shop/savepoints/1", 409)["message"],
            "not deleted: job next begins from it, and has no checkpoint of its own yet");
  cluster.run_for(5s);
  ASSERT_TRUE(cluster.job({2}).checkpoints().restore_point()) << "it has room, and makes checkpoints";
  EXPECT_EQ(call("DELETE", "shop/savepoints/1").status, 200);
}

TEST_F(RestCheckpointsTest, FilesThatAnotherManifestNamesOrMayNameStay) {
  const JobId id = running_job();
  const std::uint64_t first = make_savepoint(), second = make_savepoint();
  cluster.run_for(1100ms);
  // As if a task had ended in the first: later manifests name its file again.
  auto manifest = *checkpoint::load_manifest(cluster.checkpoints, id, {3});
  const std::string shared = "job-1/snapshots/c1-a1-t0.0";
  manifest.snapshots[0].name = shared;
  manifest.snapshots[0].ended = true;
  cluster.checkpoints.files["job-1/manifests/c3"] = *checkpoint::encode_manifest(manifest);
  json deleted = json::parse(call("DELETE", "shop/savepoints/" + std::to_string(first)).body);
  EXPECT_EQ(deleted["files"], 3);
  EXPECT_EQ(deleted["kept_files"], 1);
  EXPECT_TRUE(cluster.checkpoints.files.contains(shared));
  cluster.checkpoints.files["job-1/manifests/c3"].pop_back();
  deleted = json::parse(call("DELETE", "shop/savepoints/" + std::to_string(second)).body);
  EXPECT_EQ(deleted["files"], 0);
  EXPECT_EQ(deleted["kept_files"], 4);
}

TEST_F(RestCheckpointsTest, NonsenseIsRefused) {
  running_job();
  EXPECT_EQ(refused("GET", "shop/checkpoints/abc", 422)["problems"][0]["where"], "checkpoint abc");
  for (const char* path :
       {"shop/checkpoints/0", "shop/checkpoints/-1", "shop/checkpoints/99999999999999999999", "shop/checkpoints/1x"})
    EXPECT_EQ(refused("GET", path, 422)["code"], "validation") << path;
  EXPECT_EQ(refused("GET", "shop/checkpoints/1", 404)["code"], "not_found");
  EXPECT_EQ(refused("GET", "nope/checkpoints", 404)["code"], "not_found");
  EXPECT_EQ(refused("GET", "shop/checkpoints", 422, "", {{"limit", "x"}})["code"], "validation");
  EXPECT_EQ(refused("GET", "shop/checkpoints", 422, "", {{"kind", "x"}})["code"], "validation");
  for (const char* body : {"", "[]", "{}", R"({"kind":1})", R"({"kind":"final_checkpoint"})", R"({"kind":"x"})"})
    EXPECT_EQ(refused("POST", "shop/checkpoints", 422, body)["code"], "validation") << body;
  EXPECT_EQ(refused("POST", "shop/checkpoints", 422, std::string(RestCheckpoints::kMaxBodyBytes + 1, ' '))["code"],
            "validation");
  refused("DELETE", "shop/checkpoints/1", 405);
  refused("PUT", "shop/checkpoints", 405);
  refused("POST", "shop/savepoints", 405);
  refused("GET", "shop/checkpoints/1/verify", 405);
  refused("POST", "shop/checkpoints/1/x", 404);
  refused("GET", "shop/operations", 404);
}

TEST_F(RestCheckpointsTest, AJobWithoutCheckpointsSaysSo) {
  cluster.add_agent("a", 4);
  cluster.deliver();
  cluster.submit("shop", 1);
  cluster.deliver();
  EXPECT_EQ(refused("POST", "shop/checkpoints", 409, R"({"kind":"savepoint"})")["message"],
            "the job makes no checkpoints: its mode is at-most-once");
  EXPECT_EQ(get("shop/checkpoints")["checkpoints"], json::array());
}

TEST_F(RestCheckpointsTest, TheTimeLineNamesWhatUsersAskedFor) {
  running_job();
  const std::uint64_t savepoint = make_savepoint();
  post("shop/checkpoints", R"({"kind":"checkpoint"})");
  EXPECT_EQ(call("DELETE", "shop/savepoints/" + std::to_string(savepoint)).status, 200);
  for (const char* action : {"pause", "resume", "cancel"})
    post("shop/actions", R"({"action":")" + std::string(action) + R"("})");
  std::vector<std::string> asked;
  const json line = get("shop/events");
  for (const json& event : line["events"])
    if (event["kind"] == "verb") asked.push_back(event["text"]);
  const std::string rest = " was asked for";
  EXPECT_EQ(asked,
            (std::vector<std::string>{"savepoint create" + rest, "checkpoint create" + rest,
                                      "savepoint delete 1" + rest, "pause" + rest, "resume" + rest, "cancel" + rest}));
}

}  // namespace
}  // namespace freshet::manager
