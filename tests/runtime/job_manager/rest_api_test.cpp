#include "runtime/job_manager/rest_api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/job_manager/base64.h"
#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/rest_submission.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using nlohmann::json;

class FakeLogs final : public LogSource {
 public:
  LogPage read(const LogQuery& query) override {
    asked = query;
    return page;
  }
  LogQuery asked;
  LogPage page{1, "c-88", {{3, 1, 1000, "warn", "category", "no such category: 0"}}};
};

class RestApiTest : public testing::Test {
 protected:
  RestResponse call(const std::string& method, const std::string& path, const std::string& body = "",
                    std::map<std::string, std::string> query = {}) {
    RestResponse response = api.handle({method, path, std::move(query), body});
    cluster.deliver();
    return response;
  }
  json get(const std::string& path, std::map<std::string, std::string> query = {}) {
    const RestResponse response = call("GET", path, "", std::move(query));
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  json submission_body(const std::string& name = "shop") {
    return {{"name", name},
            {"job", "shop"},
            {"library", {{"name", "libshop.so"}, {"sha256", base::sha256_hex(cluster.library)}}},
            {"parameters", json::object()},
            {"options", {{"parallelism", 2}}},
            {"graph_base64", base64_of(cluster.submission(name).graph)}};
  }
  static std::string code_of(const RestResponse& response) { return json::parse(response.body)["error"]["code"]; }

  FakeCluster cluster;
  FakeLogs logs;
  CheckpointVerifier verifier{cluster.checkpoints};
  RestApi api{*cluster.manager, logs, verifier};
};

TEST_F(RestApiTest, SubmittedJobIsListedShownAndCancelled) {
  cluster.add_agent("local-1", 8);
  cluster.deliver();
  const RestResponse accepted = call("POST", "/v1/jobs", submission_body().dump());
  ASSERT_EQ(accepted.status, 201) << accepted.body;
  EXPECT_EQ(accepted.body,
            R"({"id":"job-1","name":"shop","revision":1,"tasks":4,"state":"Deploying","reason":"","operators":2,)"
            R"("placed":[{"agent":"local-1","tasks":4}]})");
  EXPECT_EQ(call("GET", "/v1/jobs").body,
            R"({"version":1,"now_ms":1700000000000,"jobs":[{"id":"job-1","name":"shop","state":"Running",)"
            R"("health":"OK","problem":null,"since_ms":1700000000000,"attempt":1,"revision":1,"records_in_per_s":0,)"
            R"("tasks":4,"restarts":0}]})");
  for (const char* name : {"shop", "job-1", "sh"}) EXPECT_EQ(get(std::string("/v1/jobs/") + name)["id"], "job-1");
  const RestResponse cancelled = call("POST", "/v1/jobs/shop/actions", R"({"action":"cancel"})");
  EXPECT_EQ(cancelled.status, 202);
  EXPECT_EQ(cancelled.body, R"({"operation":"op-1","job":"job-1"})");
  EXPECT_EQ(get("/v1/jobs/shop")["state"], "Cancelled");
  EXPECT_EQ(get("/v1/jobs/shop")["health"], nullptr);
  EXPECT_EQ(call("POST", "/v1/jobs/shop/actions", R"({"action":"cancel"})").status, 409);
}

TEST_F(RestApiTest, StatusShowsOperatorsWorkersAndProblems) {
  cluster.add_agent("local-1", 8);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  wire::TaskStatus task;
  task.task = {1, 0};
  task.phase = "running";
  task.latency_us = std::vector<std::uint64_t>(30, 1);
  task.operators = {{1, 1000, 0, 2, 1, 3, 0, 0, {7}}};
  const WorkerKey key{job, Attempt{1}, WorkerId{0}};
  cluster.from_worker(key, wire::WorkerStatus{key, {task}, 0, 4096, {{1, "totals", "malformed", "m", "o", "{}"}}});
  cluster.deliver();
  cluster.clock.advance(std::chrono::seconds(2));
  task.operators[0].records_in = 3000;
  task.busy_ns = 1'000'000'000;
  task.idle_ns = 1'000'000'000;
  cluster.from_worker(key, wire::WorkerStatus{key, {task}, 0, 4096, {}});
  cluster.deliver();
  const json status = get("/v1/jobs/shop");
  EXPECT_EQ(status["version"], 1);
  EXPECT_EQ(status["operators"].size(), 2u);
  const json& totals = status["operators"][1];
  EXPECT_EQ(totals["id"], "totals");
  EXPECT_EQ(totals["tasks"], 2);
  EXPECT_EQ(totals["records_in"], 3000);
  EXPECT_EQ(totals["in_per_s"], 1000);
  EXPECT_EQ(totals["out_per_s"], nullptr);
  EXPECT_EQ(totals["busy"], 0.5);
  EXPECT_EQ(totals["where"], json({"local-1"}));
  EXPECT_EQ(totals["tasks_detail"].size(), 2u);
  EXPECT_EQ(totals["counters"][0]["value"], 7);
  EXPECT_EQ(status["operators"][0]["in_per_s"], nullptr);
  EXPECT_EQ(status["dead_letters"], 1);
  EXPECT_EQ(status["late"], 3);
  EXPECT_EQ(status["workers"][0]["memory_bytes"], 4096);
  EXPECT_EQ(status["dead_letter_samples"][0]["reason"], "malformed");
}

TEST_F(RestApiTest, WaitingForSlotsIsAStateWithAProblemAndATry) {
  ASSERT_EQ(call("POST", "/v1/jobs", submission_body().dump()).status, 201);
  const json status = get("/v1/jobs/shop");
  EXPECT_EQ(status["state"], "Scheduling");
  EXPECT_EQ(status["health"], "STALLED");
  EXPECT_EQ(status["problems"][0]["kind"], "NO_SLOTS");
  EXPECT_EQ(status["problems"][0]["try"], json({"freshet cluster status"}));
  EXPECT_EQ(get("/v1/jobs")["jobs"][0]["problem"], "NO_SLOTS");
}

TEST_F(RestApiTest, AllThatIsWrongIsToldAtOnce) {
  json body = submission_body();
  body["name"] = "no spaces";
  body["parameters"] = {{"hot", 20}};
  body["options"]["parallelism"] = "four";
  body["options"]["frobnicate"] = 1;
  body["graph_base64"] = "####";
  const RestResponse refused = call("POST", "/v1/jobs", body.dump());
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(code_of(refused), "validation");
  EXPECT_EQ(json::parse(refused.body)["error"]["problems"].size(), 4u) << refused.body;

  json wrong = submission_body();
  wrong["name"] = "no spaces";
  wrong["options"]["parallelism"] = 0;
  wrong["parameters"] = {{"hto", "20"}};
  const RestResponse invalid = call("POST", "/v1/jobs", wrong.dump());
  EXPECT_EQ(invalid.status, 422);
  EXPECT_TRUE(cluster.manager->table().all().empty());
}

TEST_F(RestApiTest, CrashesPerRecordAreTheSubmittersToSay) {
  json body = submission_body();
  for (const json& wrong : {json(-1), json(1001), json("3")}) {
    body["options"]["crashes_per_record"] = wrong;
    const RestResponse refused = call("POST", "/v1/jobs", body.dump());
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(refused.body.find("option crashes_per_record"), std::string::npos) << refused.body;
  }
  body["options"]["crashes_per_record"] = 0;
  ASSERT_EQ(call("POST", "/v1/jobs", body.dump()).status, 201);
  EXPECT_EQ(cluster.manager->table().all().begin()->second->crashes().limit(), 0u);
  body["name"] = "other";
  body["options"].erase("crashes_per_record");
  ASSERT_EQ(call("POST", "/v1/jobs", body.dump()).status, 201);
  EXPECT_EQ(cluster.manager->table().all().rbegin()->second->crashes().limit(), 3u);
}

TEST_F(RestApiTest, GraphProblemsComeInTheValidatorsWords) {
  json body = submission_body();
  body["options"]["parallelism"] = 0;
  body["parameters"] = {{"hto", "20"}};
  const json error = json::parse(call("POST", "/v1/jobs", body.dump()).body)["error"];
  EXPECT_EQ(error["message"], "refused: 2 errors, nothing was started") << error;
}

TEST_F(RestApiTest, LibraryComesFirstAndTheNameIsFree) {
  json body = submission_body();
  body["library"]["sha256"] = base::sha256_hex("another");
  const RestResponse missing = call("POST", "/v1/jobs", body.dump());
  EXPECT_EQ(missing.status, 422);
  EXPECT_NE(missing.body.find("is not stored"), std::string::npos);

  ASSERT_EQ(call("POST", "/v1/jobs", submission_body().dump()).status, 201);
  const RestResponse taken = call("POST", "/v1/jobs", submission_body().dump());
  EXPECT_EQ(taken.status, 422);
  EXPECT_NE(taken.body.find("is taken by job-1, which is Scheduling"), std::string::npos) << taken.body;
  call("POST", "/v1/jobs/shop/actions", R"({"action":"cancel"})");
  EXPECT_EQ(call("POST", "/v1/jobs", submission_body().dump()).status, 201);
}

TEST_F(RestApiTest, LibrariesAreStoredUnderTheirHashOnly) {
  const std::string bytes = "bytes of a library";
  const std::string path = "/v1/libraries/" + base::sha256_hex(bytes);
  EXPECT_EQ(call("HEAD", path).status, 404);
  EXPECT_EQ(call("PUT", path, "other bytes").status, 422);
  EXPECT_EQ(call("HEAD", path).status, 404);
  const RestResponse stored = call("PUT", path, bytes);
  EXPECT_EQ(stored.status, 201);
  EXPECT_EQ(stored.body, R"({"sha256":")" + base::sha256_hex(bytes) + R"(","bytes":18})");
  EXPECT_EQ(call("PUT", path, bytes).status, 200);
  EXPECT_EQ(call("HEAD", path).status, 200);
  EXPECT_EQ(call("PUT", "/v1/libraries/../../etc", bytes).status, 404);
  EXPECT_EQ(call("PUT", "/v1/libraries/short", bytes).status, 422);
}

TEST_F(RestApiTest, UnknownJobNamesWhatIsNear) {
  cluster.submit("shop");
  const RestResponse missing = call("GET", "/v1/jobs/shpo");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, R"({"error":{"code":"not_found","message":"there is no job shpo","near":["shop"]}})");
  for (const char* path : {"/v1/jobs/x/plan", "/v1/jobs/x/events", "/v1/jobs/x/logs"})
    EXPECT_EQ(code_of(call("GET", path)), "not_found");
}

TEST_F(RestApiTest, PlanComesInThreeForms) {
  cluster.submit("shop");
  EXPECT_NE(get("/v1/jobs/shop/plan")["text"].get<std::string>().find("totals"), std::string::npos);
  EXPECT_NE(get("/v1/jobs/shop/plan", {{"format", "dot"}})["text"].get<std::string>().find("digraph"),
            std::string::npos);
  EXPECT_EQ(get("/v1/jobs/shop/plan", {{"format", "json"}})["plan"]["tasks"], 4);
  EXPECT_EQ(call("GET", "/v1/jobs/shop/plan", "", {{"format", "svg"}}).status, 422);
}

TEST_F(RestApiTest, EventsLogsClusterAndVersion) {
  cluster.add_agent("local-1", 8);
  cluster.deliver();
  cluster.submit("shop");
  cluster.deliver();
  EXPECT_EQ(get("/v1/jobs/shop/events")["events"][0]["text"], "Submitted as job-1");
  EXPECT_EQ(get("/v1/jobs/shop/logs", {{"limit", "5"}, {"worker", "3"}})["lines"][0]["operator"], "category");
  EXPECT_EQ(logs.asked.limit, 5u);
  EXPECT_EQ(logs.asked.worker, 3u);
  EXPECT_EQ(call("GET", "/v1/jobs/shop/logs", "", {{"limit", "many"}}).status, 422);
  const json agent = get("/v1/cluster")["agents"][0];
  EXPECT_EQ(agent["id"], "local-1");
  EXPECT_EQ(agent["used"], 4);
  EXPECT_EQ(get("/v1/version")["version"], 1);
  EXPECT_EQ(get("/healthz")["status"], "ok");
  EXPECT_EQ(get("/readyz")["status"], "ready");
}

TEST_F(RestApiTest, HostileRequestsAreRefused) {
  EXPECT_EQ(call("POST", "/v1/jobs", std::string(100'000, '[')).status, 422);
  EXPECT_EQ(call("POST", "/v1/jobs", "not json").status, 422);
  EXPECT_EQ(call("POST", "/v1/jobs", "[]").status, 422);
  EXPECT_EQ(call("POST", "/v1/jobs", std::string(kMaxSubmissionBytes + 1, ' ')).status, 422);
  EXPECT_EQ(call("POST", "/v1/jobs/x/actions", R"({"action":1})").status, 422);
  EXPECT_EQ(call("POST", "/v1/jobs/x/actions", std::string(kMaxSubmissionBytes + 1, ' ')).status, 422);
  EXPECT_EQ(call("GET", "/" + std::string(RestApi::kMaxPathBytes, 'x')).status, 404);
  EXPECT_EQ(call("GET", "").status, 404);
  EXPECT_EQ(call("GET", "/v1").status, 404);
  EXPECT_EQ(call("GET", "/v1/jobs/" + std::string(200, 'x')).status, 404);
  EXPECT_EQ(call("GET", "/v1/jobs/\xff\xfe").status, 404);
  EXPECT_EQ(call("DELETE", "/v1/jobs").status, 405);
  EXPECT_EQ(call("POST", "/metrics").status, 405);
}

TEST_F(RestApiTest, TooManyParametersOrTooLongOnesAreRefused) {
  json body = submission_body();
  for (std::size_t i = 0; i <= kMaxParameters; ++i) body["parameters"]["p" + std::to_string(i)] = "1";
  EXPECT_NE(call("POST", "/v1/jobs", body.dump()).body.find("more than 1000"), std::string::npos);
  body = submission_body();
  body["parameters"]["p"] = std::string(kMaxParameterBytes + 1, 'x');
  EXPECT_NE(call("POST", "/v1/jobs", body.dump()).body.find("longer than 64 KiB"), std::string::npos);
}

TEST(JsonDepth, BracketsInStringsDoNotCount) {
  EXPECT_TRUE(json_depth_within(R"({"a":"[[[[\"[["})", 1));
  EXPECT_TRUE(json_depth_within("[[]]", 2));
  EXPECT_FALSE(json_depth_within("[[[]]]", 2));
}

TEST(Base64, StrictOrNothing) {
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(decode_base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(decode_base64(""), "");
  for (const char* bad : {"Zm9", "Zm9v\n", "====", "Z===", "Zm=v", "Zm9vYh==", "Zm 9", "Zm9_"})
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace freshet::manager
