#include <gtest/gtest.h>

#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

const json kList =
    json::parse(R"({"version": 1, "now_ms": 1772334431000, "job": "shop", "restore_point": 1737, "checkpoints": [
  {"number": 1740, "kind": "checkpoint", "state": "open", "when_ms": 1772334429000, "took_ms": null, "bytes": 0,
   "acknowledged": 12, "tasks": 16, "why": "", "retained": false, "restorable": false},
  {"number": 1739, "kind": "checkpoint", "state": "failed", "when_ms": 1772334250000, "took_ms": 60000, "bytes": 0,
   "acknowledged": 15, "tasks": 16, "why": "not all tasks had saved within 1min", "retained": false, "restorable": false},
  {"number": 1738, "kind": "checkpoint", "state": "failed", "when_ms": 1772334183000, "took_ms": 60000, "bytes": 0,
   "acknowledged": 15, "tasks": 16, "why": "not all tasks had saved within 1min", "retained": false, "restorable": false},
  {"number": 1737, "kind": "checkpoint", "state": "done", "when_ms": 1772334121000, "took_ms": 4100, "bytes": 2254857830, "new_bytes": 41943040,
   "acknowledged": 16, "tasks": 16, "why": "", "retained": true, "restorable": true},
  {"number": 1736, "kind": "savepoint", "state": "done", "when_ms": 1772134121000, "took_ms": null, "bytes": 3254857830, "new_bytes": 3254857830,
   "acknowledged": null, "tasks": null, "why": "", "retained": true, "restorable": true},
  {"number": 1735, "kind": "checkpoint", "state": "done", "when_ms": 1772334001000, "took_ms": 180, "bytes": 2154857830,
   "acknowledged": 16, "tasks": 16, "why": "", "retained": false, "restorable": false}]})");

json one(const std::string& state) {
  json body = json::parse(R"({"version": 1, "now_ms": 1772334431000, "job": "shop", "attempt": 3, "revision": 1,
    "chains": [{"id": "events", "chain": ["events"], "tasks": 4, "acknowledged": 4, "missing": []},
               {"id": "dedupe", "chain": ["dedupe", "category"], "tasks": 4, "acknowledged": 4, "missing": []},
               {"id": "item_views", "chain": ["item_views"], "tasks": 4, "acknowledged": 2, "missing": [2, 3]}],
    "snapshots_left_out": 0, "snapshots": [], "sinks": []})");
  body["checkpoint"] = kList["checkpoints"][state == "open" ? 0 : state == "failed" ? 1 : 3];
  if (state != "done") return body;
  body["chains"][2]["acknowledged"] = 4;
  body["chains"][2]["missing"] = json::array();
  for (int task = 0; task < 4; ++task)
    body["snapshots"].push_back(
        {{"chain", "dedupe"}, {"task", task}, {"file", "f"}, {"files", 2}, {"bytes", 1000000 * (task + 1)}});
  body["sinks"] = {{{"operator", "totals_file"}, {"handles", 4}}};
  return body;
}

json operation(const std::string& kind, const std::string& state) {
  return {{"version", 1}, {"operation", kind + "-2.7"}, {"kind", kind},      {"state", state}, {"checkpoint", nullptr},
          {"why", ""},    {"damages", json::array()},   {"more_damages", 0}, {"files", 0},     {"bytes", 0}};
}

json done(const std::string& kind, int number) {
  json body = operation(kind, "done");
  body["checkpoint"] = number;
  return body;
}

class CheckpointVerbs : public testing::Test {
 protected:
  CheckpointVerbs() { fake_.variables["FRESHET_MANAGER"] = manager_.address(); }
  test::FakeManager manager_;
  test::FakeSurroundings fake_;
};

TEST_F(CheckpointVerbs, ListShowsOneLinePerCheckpointNewestFirst) {
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, kList);
  ASSERT_EQ(fake_.run("checkpoint list shop"), ExitCode::kDone) << fake_.err.str();
  test::expect_golden("checkpoint_list.txt", fake_.out.str());
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/shop/checkpoints?limit=100");
  ASSERT_EQ(fake_.run("checkpoint list shop -n 3 --json"), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str()), kList);
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/shop/checkpoints?limit=3");
}

TEST_F(CheckpointVerbs, SavepointsAreListedBySizeWhenAsked) {
  manager_.answer("GET /v1/jobs/shop/savepoints", 200, kList);
  ASSERT_EQ(fake_.run("savepoint list shop --by-size --json"), ExitCode::kDone) << fake_.err.str();
  const json all = json::parse(fake_.out.str())["checkpoints"];
  EXPECT_EQ(all[0]["number"], 1736);
  EXPECT_EQ(all[1]["number"], 1737);
  EXPECT_EQ(all[2]["number"], 1735);
}

TEST_F(CheckpointVerbs, ListSaysWhatToDoWithoutAny) {
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, R"({"job":"shop","checkpoints":[]})");
  ASSERT_EQ(fake_.run("checkpoint list shop"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "none        make one: freshet checkpoint create shop\n");
}

TEST_F(CheckpointVerbs, ListWatchPrintsWhatHasChanged) {
  json later = kList;
  later["checkpoints"][0]["state"] = "done";
  later["checkpoints"][0]["took_ms"] = 2500;
  later["checkpoints"][0]["retained"] = true;
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, kList);
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, kList);
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, later);
  fake_.pauses_until_interrupt = 4;
  ASSERT_EQ(fake_.run("checkpoint list shop --watch"), ExitCode::kInterrupted);
  test::expect_golden("checkpoint_list_watch.txt", fake_.out.str());
}

TEST_F(CheckpointVerbs, ShowSaysWhoIsMissing) {
  for (const char* state : {"open", "failed", "done"}) {
    test::FakeManager manager;
    manager.answer("GET /v1/jobs/shop/checkpoints/9", 200, one(state));
    ASSERT_EQ(fake_.run("checkpoint show shop 9 --manager " + manager.address()), ExitCode::kDone) << fake_.err.str();
    test::expect_golden(std::string("checkpoint_show_") + state + ".txt", fake_.out.str());
  }
}

TEST_F(CheckpointVerbs, ShowWatchEndsWithTheCheckpoint) {
  manager_.answer("GET /v1/jobs/shop/checkpoints/9", 200, one("open"));
  manager_.answer("GET /v1/jobs/shop/checkpoints/9", 200, one("open"));
  manager_.answer("GET /v1/jobs/shop/checkpoints/9", 200, one("failed"));
  ASSERT_EQ(fake_.run("checkpoint show shop 9 --watch"), ExitCode::kDone);
  EXPECT_EQ(manager_.seen().size(), 3u);
  EXPECT_EQ(fake_.out.str().find("OPEN"), fake_.out.str().rfind("OPEN")) << "once, as it does not change";
  EXPECT_NE(fake_.out.str().find("FAILED"), std::string::npos);
}

TEST_F(CheckpointVerbs, CreateWaitsAndSaysWhatItTook) {
  manager_.answer("POST /v1/jobs/shop/checkpoints", 202, operation("checkpoint", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/checkpoint-2.7", 200, operation("checkpoint", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/checkpoint-2.7", 200, done("checkpoint", 1737));
  manager_.answer("GET /v1/jobs/shop/checkpoints/1737", 200, one("done"));
  ASSERT_EQ(fake_.run("checkpoint create shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), "checkpoint 1737   4.1 s, 2.1 GiB    see: freshet checkpoint show shop 1737\n");
  EXPECT_EQ(manager_.seen().front().body, R"({"kind":"checkpoint"})");
  ASSERT_EQ(fake_.run("savepoint create shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), "savepoint 1737   4.1 s, 2.1 GiB    undo: freshet savepoint delete shop 1737 --yes\n");
  ASSERT_EQ(fake_.run("savepoint create shop --json"), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str())["checkpoint"], 1737);
  EXPECT_EQ(json::parse(fake_.out.str())["made"]["bytes"], 2254857830);
}

TEST_F(CheckpointVerbs, CreateDetachesSaysHowToFollowAndGivesUpWaiting) {
  manager_.answer("POST /v1/jobs/shop/checkpoints", 202, operation("checkpoint", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/checkpoint-2.7", 200, operation("checkpoint", "open"));
  ASSERT_EQ(fake_.run("savepoint create shop --detach"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "savepoint asked for    Follow: freshet savepoint list shop --watch\n");
  EXPECT_EQ(manager_.seen().size(), 1u);
  EXPECT_EQ(fake_.run("savepoint create shop --timeout 5s"), ExitCode::kTimeout);
  EXPECT_EQ(fake_.err.str(), "savepoint is not over yet and goes on. Follow: freshet savepoint list shop --watch\n");
  fake_.pauses_until_interrupt = 3;
  EXPECT_EQ(fake_.run("savepoint create shop"), ExitCode::kInterrupted);
}

TEST_F(CheckpointVerbs, CreateThatFailsOrIsRefusedSaysWhy) {
  json failed = operation("checkpoint", "failed");
  failed["why"] = "task 0/0 could not save: disk full";
  manager_.answer("POST /v1/jobs/shop/checkpoints", 202, operation("checkpoint", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/checkpoint-2.7", 200, failed);
  EXPECT_EQ(fake_.run("checkpoint create shop"), ExitCode::kFailed);
  EXPECT_EQ(fake_.err.str(),
            "no checkpoint was made: task 0/0 could not save: disk full. Why: freshet checkpoint list shop\n");
  manager_.answer("POST /v1/jobs/old/checkpoints", 409,
                  R"({"error":{"code":"bad_state","message":"job old is Cancelled"}})");
  EXPECT_EQ(fake_.run("checkpoint create old"), ExitCode::kBadState);
  EXPECT_EQ(fake_.err.str(), "job old is Cancelled\n");
}

TEST_F(CheckpointVerbs, CreateOverARestartOfTheJobManagerSaysThatItIsNotKnown) {
  manager_.answer("POST /v1/jobs/shop/checkpoints", 202, operation("checkpoint", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/checkpoint-2.7", 404,
                  R"({"error":{"code":"not_found","message":"it is forgotten"}})");
  EXPECT_EQ(fake_.run("checkpoint create shop"), ExitCode::kFailed);
  EXPECT_EQ(fake_.err.str(), "it is forgotten. What became of it: freshet checkpoint list shop\n");
}

TEST_F(CheckpointVerbs, VerifySaysWhatItReadAndTakesTheNewestWithoutANumber) {
  json sound = done("verify", 1737);
  sound["files"] = 16;
  sound["bytes"] = 2254857830;
  manager_.answer("GET /v1/jobs/shop/checkpoints", 200, kList);
  manager_.answer("POST /v1/jobs/shop/checkpoints/1737/verify", 202, operation("verify", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/verify-2.7", 200, sound);
  ASSERT_EQ(fake_.run("checkpoint verify shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), "checkpoint 1737 is sound   16 files, 2.1 GiB, read in 0.0 ms\n");
  ASSERT_EQ(fake_.run("checkpoint verify shop 1737 --json"), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str()), sound);
}

TEST_F(CheckpointVerbs, VerifyNamesDamagesAndExitsWithOne) {
  json damaged = done("verify", 1737);
  damaged["files"] = 16;
  damaged["bytes"] = 2254857830;
  damaged["damages"] = {{{"file", "job-7/snapshots/c1737-a3-t1.0"}, {"what", "section 3 is damaged"}},
                        {{"file", "job-7/snapshots/c1737-a3-t1.1"}, {"what", "there is no such file"}}};
  manager_.answer("POST /v1/jobs/shop/checkpoints/1737/verify", 202, operation("verify", "open"));
  manager_.answer("GET /v1/jobs/shop/operations/verify-2.7", 200, damaged);
  EXPECT_EQ(fake_.run("checkpoint verify shop 1737"), ExitCode::kFailed);
  test::expect_golden("checkpoint_verify_damaged.txt", fake_.out.str());
}

TEST_F(CheckpointVerbs, VerifyWithoutACheckpointIsNotFound) {
  manager_.answer("GET /v1/jobs/shop/savepoints", 200, R"({"checkpoints":[]})");
  EXPECT_EQ(fake_.run("savepoint verify shop"), ExitCode::kNotFound);
  EXPECT_EQ(fake_.err.str(), "job shop has no savepoint. Make one: freshet savepoint create shop\n");
}

TEST_F(CheckpointVerbs, DeleteWantsToBeConfirmed) {
  json savepoint = one("done");
  savepoint["checkpoint"]["kind"] = "savepoint";
  manager_.answer("GET /v1/jobs/shop/checkpoints/1737", 200, savepoint);
  manager_.answer("DELETE /v1/jobs/shop/savepoints/1737", 200,
                  R"({"version":1,"number":1737,"files":4,"bytes":2254857830,"kept_files":2})");
  EXPECT_EQ(fake_.run("savepoint delete shop 1737"), ExitCode::kUsage);
  const std::string asked = fake_.err.str();
  test::expect_golden("savepoint_delete_asks.txt", asked);
  ASSERT_EQ(fake_.run("savepoint delete shop 1737 --dry-run"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), asked);
  for (const auto& seen : manager_.seen()) EXPECT_FALSE(seen.request.starts_with("DELETE"));
  ASSERT_EQ(fake_.run("savepoint delete shop 1737 1737 --yes"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), "savepoint 1737 deleted   4 files, 2.1 GiB   2 files stay: other checkpoints need them\n");
  ASSERT_EQ(fake_.run("savepoint delete shop 1737 --yes --json"), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str())["deleted"][0]["number"], 1737);
}

TEST_F(CheckpointVerbs, NumbersAndNamesAreCheckedBeforeAnythingIsSent) {
  EXPECT_EQ(fake_.run("checkpoint show shop x"), ExitCode::kUsage);
  EXPECT_EQ(fake_.err.str(),
            "freshet checkpoint show: N 'x': expected the number of a checkpoint: freshet checkpoint list shop\n"
            "usage: freshet checkpoint show JOB N [--watch] [--json]\n");
  EXPECT_EQ(fake_.run("checkpoint verify shop 0"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("savepoint delete shop 3 -4 --yes"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("savepoint delete shop 3 4x --yes"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("checkpoint show shop"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("checkpoint lst shop"), ExitCode::kUsage);
  EXPECT_NE(fake_.err.str().find("Did you mean list?"), std::string::npos) << fake_.err.str();
  EXPECT_EQ(fake_.run("checkpont list shop"), ExitCode::kUsage);
  EXPECT_NE(fake_.err.str().find("Did you mean checkpoint?"), std::string::npos) << fake_.err.str();
  EXPECT_TRUE(manager_.seen().empty());
}

TEST_F(CheckpointVerbs, ShowRequestPrintsTheCall) {
  ASSERT_EQ(fake_.run("savepoint create shop --show-request"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "POST http://" + manager_.address() + "/v1/jobs/shop/checkpoints\n{\"kind\":\"savepoint\"}\n");
  ASSERT_EQ(fake_.run("savepoint delete shop 4 --show-request"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "DELETE http://" + manager_.address() + "/v1/jobs/shop/savepoints/4\n");
}

}  // namespace
}  // namespace freshet::cli
