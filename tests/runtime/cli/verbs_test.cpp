#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "runtime/cli/patient_client.h"
#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

const json kJobs = json::parse(R"({"version": 1, "now_ms": 1772334431000, "jobs": [
  {"id": "j-7", "name": "shop", "state": "Running", "health": "DEGRADED", "problem": "SLOW_SINK totals_redis",
   "since_ms": 1772326391000, "attempt": 1, "revision": 2, "records_in_per_s": 231000.0, "tasks": 16},
  {"id": "j-3", "name": "word_count", "state": "Failed", "health": null, "problem": null,
   "since_ms": 1772334400000, "attempt": 5, "revision": 1, "tasks": 0, "restarts": 4}]})");

json status(const std::string& state) {
  json body =
      json::parse(R"({"version": 1, "now_ms": 1772334431000, "id": "j-7", "name": "shop", "health": "OK", "reason": "",
    "attempt": 1, "revision": 1, "restarts": 0, "started_ms": 1772326391000,
    "records_in": 12000000, "records_in_per_s": 231000.0, "lag_ms": 300, "watermark_ms": 1772334400000, "p99_ms": 2.1,
    "dead_letters": 12, "late": 40, "state_bytes": 2254857830,
    "last_checkpoint": {"number": 1609, "age_ms": 4000, "took_ms": 180, "bytes": 2254857830},
    "problems": [],
    "operators": [
      {"id": "events", "chain": ["events"], "tasks": 4, "in_per_s": null, "out_per_s": 231000.0, "busy": 0.31, "blocked": 0.02,
       "errors": 0, "where": ["local-1", "local-2"]},
      {"id": "dedupe", "chain": ["dedupe", "category", "views"], "tasks": 4, "in_per_s": 231000.0, "out_per_s": 244000.0,
       "busy": 0.58, "blocked": 0.01, "p99_ms": 0.3, "state_bytes": 1825361101, "errors": 12, "where": ["local-1", "local-2"]},
      {"id": "totals_redis", "tasks": 4, "in_per_s": 11000.0, "busy": 0.09, "blocked": 0, "p99_ms": 1.1, "errors": 0,
       "where": ["local-1"]}]})");
  body["state"] = state;
  return body;
}

json with_problem() {
  json body = status("Running");
  body["health"] = "DEGRADED";
  body["attempt"] = 4;
  body["restarts"] = 3;
  body["problems"] =
      json::parse(R"([{"kind": "SLOW_SINK", "what": "4 of 4 tasks wait for redis-1:6379", "where": "totals_redis",
    "since_ms": 1772334131000, "cause": "p99 412 ms\nwas 1.1 ms", "effect": "lag 41 s, growing",
    "try": ["freshet logs shop --operator totals_redis", "freshet cancel shop"]}])");
  return body;
}

class Verbs : public test::VerbTest {};

TEST_F(Verbs, ListShowsOneLinePerJob) {
  manager_.answer("GET /v1/jobs", 200, kJobs);
  ASSERT_EQ(fake_.run("list"), ExitCode::kDone) << fake_.err.str();
  test::expect_golden("list.txt", fake_.out.str());
  ASSERT_EQ(fake_.run("list --json"), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str()), kJobs);
  ASSERT_EQ(fake_.run("list --quiet"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "");
}

TEST_F(Verbs, ListSaysWhatToDoWithoutJobs) {
  manager_.answer("GET /v1/jobs", 200, R"({"version":1,"jobs":[]})");
  ASSERT_EQ(fake_.run("list"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "no jobs        start one: freshet submit LIB\n");
}

TEST_F(Verbs, StatusShowsStateThenNumbersThenOperators) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  ASSERT_EQ(fake_.run("status shop"), ExitCode::kDone) << fake_.err.str();
  test::expect_golden("status.txt", fake_.out.str());
  ASSERT_EQ(fake_.run("status shop --operators"), ExitCode::kDone);
  test::expect_golden("status_operators.txt", fake_.out.str());
}

TEST_F(Verbs, StatusCountsWhatWaitsToBeTriedAgainWhereSomethingDoes) {
  json waiting = status("Running");
  waiting["retrying"] = 4000;
  manager_.answer("GET /v1/jobs/shop", 200, waiting.dump());
  ASSERT_EQ(fake_.run("status shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_NE(fake_.out.str().find("    retrying 4,000    late 40"), std::string::npos) << fake_.out.str();
}

TEST_F(Verbs, StatusPutsProblemsBeforeNumbers) {
  manager_.answer("GET /v1/jobs/shop", 200, with_problem());
  ASSERT_EQ(fake_.run("status shop"), ExitCode::kDone);
  test::expect_golden("status_problem.txt", fake_.out.str());
}

TEST_F(Verbs, StatusLeavesOutWhatTheAnswerDoesNotSay) {
  manager_.answer("GET /v1/jobs/shop", 200,
                  R"({"name": "shop", "state": "Scheduling", "reason": "waits for 4 slots", "attempt": "x"})");
  ASSERT_EQ(fake_.run("status shop"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "shop  SCHEDULING   waits for 4 slots\n");
}

TEST_F(Verbs, StatusOfAnUnknownJobNamesNearOnes) {
  manager_.answer("GET /v1/jobs/sh%20op", 404, "");
  manager_.answer("GET /v1/jobs/shp", 404,
                  R"({"error":{"code":"not_found","message":"no job 'shp'","near":["shop"]}})");
  EXPECT_EQ(fake_.run("status shp"), ExitCode::kNotFound);
  EXPECT_EQ(fake_.out.str(), "");
  EXPECT_EQ(fake_.err.str(), "no job 'shp'. Near: shop\n");
  EXPECT_EQ(fake_.run_words({"status", "sh op"}), ExitCode::kNotFound);
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/sh%20op");
}

TEST_F(Verbs, StatusWaitEndsWithTheJob) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  manager_.answer("GET /v1/jobs/shop", 200, status("Failed"));
  EXPECT_EQ(fake_.run("status shop --wait"), ExitCode::kJobFailed);
  EXPECT_EQ(manager_.seen().size(), 3u);
}

TEST_F(Verbs, StatusWaitGivesUpAndSaysHowToFollow) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  EXPECT_EQ(fake_.run("status shop --wait --timeout 5s"), ExitCode::kTimeout);
  EXPECT_EQ(fake_.err.str(), "shop is still Running and goes on. Follow: freshet status shop --watch\n");
  fake_.pauses_until_interrupt = 3;
  EXPECT_EQ(fake_.run("status shop --wait"), ExitCode::kInterrupted);
}

TEST_F(Verbs, StatusWaitBearsAJobManagerThatRestarts) {
  auto manager = std::make_unique<test::FakeManager>();
  const int port = manager->port();
  manager->answer("GET /v1/jobs/shop", 200, status("Running"));
  int pauses = 0;
  const auto pause = fake_.around.pause;
  fake_.around.pause = [&](std::int64_t milliseconds) {
    ++pauses;
    if (pauses == 1) manager.reset();
    if (pauses == 5) {
      manager = std::make_unique<test::FakeManager>(port);
      manager->answer("GET /v1/jobs/shop", 200, status("Finished"));
    }
    return pause(milliseconds);
  };
  EXPECT_EQ(fake_.run("status shop --wait --manager 127.0.0.1:" + std::to_string(port)), ExitCode::kDone);
  EXPECT_EQ(fake_.err.str(), "job manager 127.0.0.1:" + std::to_string(port) + " does not answer; waiting for it\n");
}

TEST_F(Verbs, StatusWaitGivesUpOnAJobManagerThatStaysAway) {
  auto manager = std::make_unique<test::FakeManager>();
  const std::string address = manager->address();
  manager->answer("GET /v1/jobs/shop", 200, status("Running"));
  const auto pause = fake_.around.pause;
  fake_.around.pause = [&](std::int64_t milliseconds) {
    manager.reset();
    return pause(milliseconds);
  };
  const std::int64_t begin_ms = fake_.now_ms;
  EXPECT_EQ(fake_.run("status shop --wait --manager " + address), ExitCode::kUnreachable);
  EXPECT_GE(fake_.now_ms - begin_ms, kManagerAbsenceMs);
}

TEST_F(Verbs, StatusWatchPrintsOneLinePerChangeWithoutATerminal) {
  for (const json& body :
       {status("Deploying"), status("Running"), status("Running"), with_problem(), status("Finished")}) {
    manager_.answer("GET /v1/jobs/shop", 200, body);
  }
  EXPECT_EQ(fake_.run("status shop --watch"), ExitCode::kDone);
  const std::string text = fake_.out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(Verbs, StatusWatchRedrawsOnATerminal) {
  fake_.around.terminal = Terminal(true, 60, false);
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  fake_.pauses_until_interrupt = 1;
  EXPECT_EQ(fake_.run("status shop --watch"), ExitCode::kInterrupted);
  EXPECT_NE(fake_.out.str().find("\x1b[6A\r\x1b[J"), std::string::npos) << fake_.out.str();
}

TEST_F(Verbs, CancelWaitsUntilTheJobIsOver) {
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1"})");
  manager_.answer("GET /v1/jobs/shop", 200, status("Cancelling"));
  manager_.answer("GET /v1/jobs/shop", 200, status("Cancelled"));
  EXPECT_EQ(fake_.run("cancel shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(manager_.seen().front().body, R"({"action":"cancel"})");
  EXPECT_EQ(fake_.out.str(),
            "Cancelled   after 10 ms    checkpoints and dead letters are kept    "
            "undo: freshet submit LIB --name shop (starts anew)\n");
}

TEST_F(Verbs, ChangesWaitUntilTheyAreDoneAndSayHowToUndoThem) {
  manager_.answer("GET /v1/jobs/shop/revisions", 200, R"({"version":1,"revisions":[{"revision":5,"parallelism":4}]})");
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  json changed = status("Running");
  changed["revision"] = 6;
  changed["change"] = {{"action", "rescale"}, {"step", "moving"}, {"savepoint", 1760}, {"savepoint_ms", 400}};
  manager_.answer("GET /v1/jobs/j-7", 200, changed);
  changed["change"]["step"] = "done";
  changed["change"]["restored_ms"] = 700;
  changed["change"]["stood_still_ms"] = 1100;
  manager_.answer("GET /v1/jobs/j-7", 200, changed);
  EXPECT_EQ(fake_.run("rescale shop --parallelism 8"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(),
            "savepoint 1760 (0.4 s)   restored (0.7 s)   Running, attempt 1, revision 6, first checkpoint done    "
            "stood still 1.1 s\nundo: freshet rescale shop --parallelism 4\n");
}

TEST_F(Verbs, AChangeThatTheJobManagerHasForgottenIsNotWaitedFor) {
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  manager_.answer("GET /v1/jobs/j-7", 200, status("Running"));
  EXPECT_EQ(fake_.run("rollback shop"), ExitCode::kFailed);
  EXPECT_NE(fake_.err.str().find("does not know what became of it: freshet revisions shop"), std::string::npos);
  manager_.answer("GET /v1/jobs/j-7", 200, status("Stopped"));
  EXPECT_EQ(fake_.run("stop shop"), ExitCode::kFailed) << "as it was before";
  EXPECT_EQ(fake_.run("stop shop"), ExitCode::kDone) << "what was asked for is there";
}

TEST_F(Verbs, ResumeSaysHowLongNothingWasRead) {
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  json resumed = status("Running");
  resumed["held_ms"] = 12'000;
  manager_.answer("GET /v1/jobs/j-7", 200, resumed);
  EXPECT_EQ(fake_.run("resume shop"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "Running    stood still 12 s\nundo: freshet pause shop\n");
}

/// A rollback that is watched, so far.
json watched(const std::string& step, const std::string& state = "Running") {
  json body = status(state);
  body["attempt"] = 7;
  body["revision"] = 13;
  body["change"] = {{"action", "rollback"}, {"step", step},           {"savepoint", 1772},     {"savepoint_ms", 400},
                    {"restored_ms", 900},   {"stood_still_ms", 1300}, {"watch_for_ms", 60'000}};
  return body;
}

const char* const kWatchedRuns =
    "savepoint 1772 (0.4 s)   restored (0.9 s)   Running, attempt 7, revision 13, first checkpoint done    "
    "stood still 1.3 s\n";

TEST_F(Verbs, AWatchedChangeIsComparedWithWhatWasBeforeAndKept) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  manager_.answer("GET /v1/jobs/j-7", 200, watched("confirming"));
  manager_.answer("GET /v1/jobs/j-7", 200, watched("watching"));
  manager_.answer("GET /v1/jobs/j-7", 200, watched("watching"));
  json done = watched("done");
  done["p99_ms"] = 2.2;
  done["operators"][1]["errors"] = 15;
  manager_.answer("GET /v1/jobs/j-7", 200, done);
  EXPECT_EQ(fake_.run("rollback shop --watch-for 60s"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(json::parse(manager_.seen()[1].body)["watch_for_ms"], 60'000);
  EXPECT_EQ(fake_.out.str(), kWatchedRuns + std::string("watched 1 min: restarts 0   errors 3   p99 2.2 ms (2.1 ms)"
                                                        "   throughput 231 k/s (231 k/s)   state 2.1 GiB (2.1 GiB)"
                                                        "     kept.\nundo: freshet rollback shop\n"));
}

TEST_F(Verbs, AWatchedChangeThatWentBackIsToldWhenTheJobRunsAgain) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  manager_.answer("GET /v1/jobs/j-7", 200, watched("watching"));
  json back = watched("failed", "Recovering");
  back["change"]["why"] = "worker 1 crashed; the job goes on with revision 12";
  back["change"]["back_to"] = 12;
  manager_.answer("GET /v1/jobs/j-7", 200, back);
  back["state"] = "Running";
  back["revision"] = 14;
  back["change"]["stood_still_ms"] = 2100;
  manager_.answer("GET /v1/jobs/j-7", 200, back);
  EXPECT_EQ(fake_.run("rollback shop --watch-for 60s"), ExitCode::kFailed);
  EXPECT_EQ(fake_.out.str(), kWatchedRuns);
  EXPECT_EQ(fake_.err.str(),
            "rollback failed: worker 1 crashed; the job goes on with revision 12, stood still 2.1 s. "
            "The job is Running, revision 14\n");
}

TEST_F(Verbs, WhoLeavesAWatchIsToldThatItGoesOn) {
  manager_.answer("GET /v1/jobs/shop", 200, status("Running"));
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  manager_.answer("GET /v1/jobs/j-7", 200, watched("watching"));
  fake_.pauses_until_interrupt = 3;
  EXPECT_EQ(fake_.run("rollback shop --watch-for 60s"), ExitCode::kInterrupted);
  EXPECT_EQ(fake_.err.str(), "shop is still Running; the rollback goes on. Follow: freshet status shop --watch\n");
}

TEST_F(Verbs, AChangeThatFailedSaysWhyAndWhatStateTheJobIsIn) {
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1","job":"j-7"})");
  json changed = status("Running");
  changed["change"] = {{"action", "stop"}, {"step", "failed"}, {"why", "no savepoint: the disk is full"}};
  manager_.answer("GET /v1/jobs/j-7", 200, changed);
  EXPECT_EQ(fake_.run("stop shop"), ExitCode::kFailed);
  EXPECT_EQ(fake_.err.str(), "stop failed: no savepoint: the disk is full. The job is Running, revision 1\n");
}

TEST_F(Verbs, DeleteAsksForYes) {
  EXPECT_EQ(fake_.run("delete shop"), ExitCode::kUsage);
  EXPECT_NE(fake_.err.str().find("--yes"), std::string::npos);
}

TEST_F(Verbs, CancelDetachesOnCtrlC) {
  manager_.answer("POST /v1/jobs/shop/actions", 202, R"({"operation":"op-1"})");
  manager_.answer("GET /v1/jobs/shop", 200, status("Cancelling"));
  fake_.pauses_until_interrupt = 2;
  EXPECT_EQ(fake_.run("cancel shop"), ExitCode::kInterrupted);
  EXPECT_EQ(fake_.err.str(),
            "shop is still Cancelling; the cancellation goes on. Follow: freshet status shop --watch\n");
  fake_.pauses_until_interrupt = -1;
  EXPECT_EQ(fake_.run("cancel shop --timeout 1s"), ExitCode::kTimeout);
  EXPECT_EQ(fake_.run("cancel shop --detach"), ExitCode::kDone);
}

TEST_F(Verbs, CancelOfAJobThatIsOverIsABadState) {
  manager_.answer("POST /v1/jobs/shop/actions", 409,
                  R"({"error":{"code":"bad_state","message":"shop is Finished already"}})");
  EXPECT_EQ(fake_.run("cancel shop"), ExitCode::kBadState);
  EXPECT_EQ(fake_.err.str(), "shop is Finished already\n");
}

TEST_F(Verbs, LogsSendsItsFiltersAndFollowsTheCursor) {
  const char* page = R"({"version":1,"next":"c 2","lines":[
    {"worker":3,"attempt":1,"time_ms":1772334431020,"level":"warn","operator":"category","text":"no such \u001b[31mcategory"},
    {"worker":3,"attempt":1,"time_ms":1772334432000,"level":"info","operator":"","text":"up"}]})";
  manager_.answer("GET /v1/jobs/shop/logs", 200, page);
  manager_.answer("GET /v1/jobs/shop/logs", 200, R"({"version":1,"next":"c 2","lines":[]})");
  fake_.pauses_until_interrupt = 1;
  EXPECT_EQ(fake_.run("logs shop -f -n5 --operator category --level warn --worker 3 --attempt 1 --grep a&b"),
            ExitCode::kInterrupted);
  EXPECT_EQ(fake_.out.str(),
            "03:07:11.020 w3 a1 warn  category  no such \\x1b[31mcategory\n"
            "03:07:12.000 w3 a1 info  up\n");
  const auto seen = manager_.seen();
  ASSERT_EQ(seen.size(), 2u);
  const std::string filters = "/v1/jobs/shop/logs?limit=5&worker=3&attempt=1&operator=category&level=warn&grep=a%26b";
  EXPECT_EQ(seen[0].request, "GET " + filters);
  EXPECT_EQ(seen[1].request, "GET " + filters + "&offset=c%202");
}

TEST_F(Verbs, PlanOfAJobComesFromTheJobManager) {
  manager_.answer("GET /v1/jobs/shop/plan", 200, R"({"version":1,"format":"dot","text":"digraph {}\n"})");
  EXPECT_EQ(fake_.run("plan shop --format dot"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "digraph {}\n");
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/shop/plan?format=dot");
}

TEST_F(Verbs, ShowRequestSendsNothing) {
  EXPECT_EQ(fake_.run("status shop --show-request --watch"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "GET http://" + manager_.address() + "/v1/jobs/shop\n");
  EXPECT_EQ(fake_.err.str(), "");
  EXPECT_TRUE(manager_.seen().empty());
}

TEST_F(Verbs, ReadingVerbsExitWithFiveWhenNobodyAnswers) {
  const std::string nobody = " --manager 127.0.0.1:" + std::to_string(test::closed_port());
  for (const char* verb : {"list", "status shop", "cancel shop", "logs shop", "events shop", "state get shop totals 7",
                           "state scan shop totals", "plan shop", "cluster status --data /nonexistent"}) {
    EXPECT_EQ(fake_.run(verb + nobody), ExitCode::kUnreachable) << verb;
    EXPECT_NE(fake_.err.str().find("does not answer (address from --manager). Its jobs end with it"), std::string::npos)
        << fake_.err.str();
  }
  EXPECT_EQ(fake_.run("version" + nobody), ExitCode::kDone);
}

constexpr const char* kStateHead =
    R"({"version":1,"now_ms":1772334431000,"job":"shop","operator":"totals","state":"sums",
  "ttl_ms":null,"checkpoint":1609,"checkpoint_kind":"checkpoint","checkpoint_ms":1772334427000,)";

TEST_F(Verbs, StateGetPrintsTheValueAndOfWhenItIs) {
  manager_.answer("GET /v1/jobs/shop/state/totals/a/b", 200, std::string(kStateHead) + R"("kind":"value","expired":0,
    "entries":[{"key":"a/b","value":{"views":412,"carts":9}}],"next":null})");
  EXPECT_EQ(fake_.run("state get shop totals a/b"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "{\"views\":412,\"carts\":9}\n");
  EXPECT_EQ(fake_.err.str(), "totals.sums as of checkpoint 1609, 4 s old\n");
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/shop/state/totals/a%2Fb?limit=1000");
  EXPECT_EQ(fake_.run("state get shop totals --key a/b --checkpoint 1609 --json"), ExitCode::kDone);
  EXPECT_EQ(manager_.seen().back().request, "GET /v1/jobs/shop/state/totals/a%2Fb?limit=1000&checkpoint=1609");
  const auto body = nlohmann::json::parse(fake_.out.str());
  EXPECT_EQ(body["checkpoint"], 1609);
  EXPECT_EQ(body["entries"][0]["value"]["views"], 412);
  EXPECT_EQ(fake_.err.str(), "");
}

TEST_F(Verbs, StateGetOfAMapGetsAllOfIt) {
  manager_.answer("GET /v1/jobs/shop/state/totals.sums/77", 200, std::string(kStateHead) + R"("kind":"map","expired":1,
    "entries":[{"key":77,"map_key":"view","value":4},{"key":77,"map_key":"cart","value":2}],"next":"c0"})");
  manager_.answer("GET /v1/jobs/shop/state/totals.sums/77", 200, std::string(kStateHead) + R"("kind":"map","expired":2,
    "entries":[{"key":77,"map_key":5,"value":1}],"next":null})");
  EXPECT_EQ(fake_.run("state get shop totals.sums 77"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "{\"view\":4,\"cart\":2,\"5\":1}\n");
  EXPECT_EQ(fake_.err.str(),
            "totals.sums as of checkpoint 1609, 4 s old; 3 that have outlived their TTL are not shown\n");
  EXPECT_EQ(manager_.seen().back().request,
            "GET /v1/jobs/shop/state/totals.sums/77?limit=1000&checkpoint=1609&after=c0");
  manager_.answer("GET /v1/jobs/shop/state/pairs/7", 200, std::string(kStateHead) + R"("kind":"map","expired":0,
    "entries":[{"key":7,"map_key":[1,"x"],"value":4}],"next":null})");
  EXPECT_EQ(fake_.run("state get shop pairs 7"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "[{\"key\":[1,\"x\"],\"value\":4}]\n");
}

TEST_F(Verbs, StateScanGoesOnPageByPageOfOneCheckpoint) {
  manager_.answer("GET /v1/jobs/shop/state/totals", 200, std::string(kStateHead) + R"("kind":"value","expired":0,
    "entries":[{"key":1,"value":{"z":1,"a":2},"written_ms":5}],"next":"c1"})");
  manager_.answer("GET /v1/jobs/shop/state/totals", 200, std::string(kStateHead) + R"("kind":"value","expired":0,
    "entries":[{"key":2,"value":{"z":3,"a":4}}],"next":"c2"})");
  EXPECT_EQ(fake_.run("state scan shop totals -n 2"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "{\"key\":1,\"value\":{\"z\":1,\"a\":2}}\n{\"key\":2,\"value\":{\"z\":3,\"a\":4}}\n");
  EXPECT_EQ(fake_.err.str(), "totals.sums as of checkpoint 1609, 4 s old; there are more than these 2\n");
  ASSERT_EQ(manager_.seen().size(), 2u);
  EXPECT_EQ(manager_.seen()[0].request, "GET /v1/jobs/shop/state/totals?limit=2");
  EXPECT_EQ(manager_.seen()[1].request, "GET /v1/jobs/shop/state/totals?limit=1&checkpoint=1609&after=c1");
  manager_.answer("GET /v1/jobs/shop/state/all", 200, std::string(kStateHead) + R"("kind":"value","expired":0,
    "entries":[{"key":1,"value":{"z":1,"a":2},"written_ms":5}],"next":null})");
  EXPECT_EQ(fake_.run("state scan shop all --json"), ExitCode::kDone);
  EXPECT_EQ(nlohmann::json::parse(fake_.out.str())["entries"][0]["written_ms"], 5);
}

TEST_F(Verbs, LiveStateIsAskedOfAnAgent) {
  const std::string live = R"({"version":1,"now_ms":1772334431000,"job":"shop","operator":"totals","state":"sums",
    "kind":"value","ttl_ms":null,"consistency":"live","attempt":3,"checkpoint":1609,"expired":0,
    "entries":[{"key":77,"value":{"views":412}}],"next":null})";
  manager_.answer("GET /v1/jobs/shop/state/totals/77", 200, live);
  EXPECT_EQ(fake_.run("state get shop totals 77 --live --reads " + manager_.address()), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "{\"views\":412}\n");
  EXPECT_EQ(fake_.err.str(), "totals.sums as it is now, in attempt 3\n");

  manager_.answer("GET /v1/cluster", 200,
                  R"({"version":1,"agents":[{"id":"a","state":"lost","reads":"127.0.0.1:1"},{"id":"b","state":"ready"},
    {"id":"c","state":"ready","reads":")" +
                      manager_.address() + R"("}]})");
  manager_.answer("GET /healthz", 200, R"({"status":"ok"})");
  manager_.answer("GET /v1/jobs/shop/state/totals/77", 200, live);
  EXPECT_EQ(fake_.run("state get shop totals 77 --live"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), "{\"views\":412}\n");
  EXPECT_EQ(fake_.run("state get shop totals 77 --live --checkpoint 3"), ExitCode::kUsage);

  const std::string nobody = " --manager 127.0.0.1:" + std::to_string(test::closed_port());
  EXPECT_EQ(fake_.run("state get shop totals 77 --live --data /nonexistent" + nobody), ExitCode::kUnreachable);
  EXPECT_NE(fake_.err.str().find("--reads HOST:PORT"), std::string::npos) << fake_.err.str();
}

TEST_F(Verbs, StateThatIsNotThereIsExitCodeFour) {
  manager_.answer("GET /v1/jobs/shop/state/totls/77", 404,
                  R"({"error":{"code":"not_found","message":"no operator totls","near":["totals"]}})");
  EXPECT_EQ(fake_.run("state get shop totls 77"), ExitCode::kNotFound);
  EXPECT_EQ(fake_.err.str(), "no operator totls. Near: totals\n");
  EXPECT_EQ(fake_.run("state get shop totals"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("state get shop totals 7 --key 7"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("state get shop totals " + std::string(901, 'x')), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("state scan shop totals -n 0"), ExitCode::kUsage);
}

TEST_F(Verbs, ClusterStatusShowsAgents) {
  manager_.answer("GET /v1/cluster", 200,
                  R"({"version": 1, "manager": {"address": "127.0.0.1:7070", "pid": 4101, "version": "0.1.0",
    "uptime_ms": 8040000, "data": "/srv/freshet", "checkpoints": "/mnt/shared/freshet"}, "agents": [
    {"id": "local-1", "host": "shop-1", "state": "ready", "slots": 8, "used": 6, "cpu": 0.41,
     "memory": {"used": 5476083302, "total": 17179869184}, "disk_free": 65498251264, "jobs": 1, "heartbeat_ms_ago": 200,
     "version": "0.1.0", "pid": 4102},
    {"id": "local-2", "state": "lost", "slots": 8, "heartbeat_ms_ago": 80000}]})");
  ASSERT_EQ(fake_.run("cluster status --manager " + manager_.address()), ExitCode::kDone);
  test::expect_golden("cluster_status.txt", fake_.out.str());
}

}  // namespace
}  // namespace freshet::cli
