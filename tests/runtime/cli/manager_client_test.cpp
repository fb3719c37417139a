#include "runtime/cli/manager_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/cli/error_body.h"
#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

class ManagerClientTest : public testing::Test {
 protected:
  ManagerClient client(std::size_t max_answer_bytes = ManagerClient::kMaxAnswerBytes) {
    return client_of(manager_.port(), max_answer_bytes);
  }
  ManagerClient client_of(int port, std::size_t max_answer_bytes = ManagerClient::kMaxAnswerBytes) {
    fake_.use_real_time();
    ManagerClient::Options options;
    options.address.port = port;
    options.timeout_ms = timeout_ms_;
    options.max_answer_bytes = max_answer_bytes;
    options.steady_ms = fake_.around.steady_ms;
    options.token = token_;
    options.show_on = show_on_;
    return ManagerClient(options);
  }

  test::FakeSurroundings fake_;
  test::FakeManager manager_;
  std::int64_t timeout_ms_ = 30'000;
  std::string token_;
  std::ostream* show_on_ = nullptr;
};

TEST_F(ManagerClientTest, HandsOutGoodAnswers) {
  manager_.answer("GET /v1/jobs", 200, R"({"version":1,"jobs":[]})");
  manager_.answer("POST /v1/jobs", 201, R"({"id":"j-1"})");
  manager_.answer("DELETE /v1/jobs/j-1", 204, "");
  token_ = "s3cret";
  const auto jobs = client().get("/v1/jobs");
  ASSERT_TRUE(jobs) << jobs.failure().message;
  EXPECT_EQ(jobs->status, 200);
  EXPECT_EQ(jobs->body.at("version"), 1);
  const auto created = client().post("/v1/jobs", {{"name", "shop"}});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->status, 201);
  const auto removed = client().remove("/v1/jobs/j-1");
  ASSERT_TRUE(removed);
  EXPECT_TRUE(removed->body.is_null());
  const auto seen = manager_.seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].request, "POST /v1/jobs");
  EXPECT_EQ(seen[1].body, R"({"name":"shop"})");
  EXPECT_EQ(seen[1].authorization, "Bearer s3cret");
}

TEST_F(ManagerClientTest, SendsBytesAndAsksForExistence) {
  const std::string bytes(
      "\x7f"
      "ELF\0\xff",
      6);
  manager_.answer("PUT /v1/libraries/abc", 201, "{}");
  manager_.answer("HEAD /v1/libraries/abc", 200, "");
  ASSERT_TRUE(client().put("/v1/libraries/abc", bytes));
  EXPECT_EQ(manager_.seen().at(0).body, bytes);
  const auto there = client().exists("/v1/libraries/abc");
  ASSERT_TRUE(there) << there.failure().message;
  EXPECT_TRUE(*there);
  const auto missing = client().exists("/v1/libraries/def");
  ASSERT_TRUE(missing) << missing.failure().message;
  EXPECT_FALSE(*missing);
}

TEST_F(ManagerClientTest, MapsEveryErrorCodeToItsExitCode) {
  const std::pair<const char*, ExitCode> cases[] = {
      {"validation", ExitCode::kRefused}, {"not_found", ExitCode::kNotFound},  {"timeout", ExitCode::kTimeout},
      {"bad_state", ExitCode::kBadState}, {"forbidden", ExitCode::kForbidden}, {"no_room", ExitCode::kFailed},
      {"failed", ExitCode::kFailed}};
  for (const auto& [code, expected] : cases) {
    const std::string path = std::string("/v1/") + code;
    manager_.answer("GET " + path, 400, json{{"error", {{"code", code}, {"message", "because"}}}});
    const auto response = client().get(path);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.failure().code, expected) << code;
    EXPECT_EQ(response.failure().message, "because");
  }
}

TEST(ErrorBody, FallsBackOnTheStatus) {
  const std::pair<int, ExitCode> cases[] = {
      {400, ExitCode::kRefused}, {401, ExitCode::kForbidden}, {403, ExitCode::kForbidden}, {404, ExitCode::kNotFound},
      {408, ExitCode::kTimeout}, {409, ExitCode::kBadState},  {422, ExitCode::kRefused},   {429, ExitCode::kForbidden},
      {500, ExitCode::kFailed},  {504, ExitCode::kTimeout},   {302, ExitCode::kFailed}};
  for (const auto& [status, expected] : cases) {
    const Failure failure = failure_of(status, json());
    EXPECT_EQ(failure.code, expected) << status;
    EXPECT_EQ(failure.message, "the job manager answered HTTP " + std::to_string(status));
  }
  EXPECT_EQ(failure_of(500, json::parse(R"({"error": "a text"})")).code, ExitCode::kFailed);
  EXPECT_EQ(failure_of(500, json::parse(R"({"error": {"code": 7, "message": [], "problems": {}}})")).code,
            ExitCode::kFailed);
}

TEST(ErrorBody, ListsAllProblemsAndNearNames) {
  const Failure refused = failure_of(422, json::parse(R"({"error": {"code": "validation",
    "message": "refused: 2 errors, nothing was started", "problems": [
      {"where": "parameter hto", "message": "unknown. Did you mean hot?", "remedy": "freshet describe lib.so"},
      {"where": "parallelism 0", "message": "must be 1 to 128"}, {"message": "no place"}, 5]}})"));
  EXPECT_EQ(refused.message,
            "refused: 2 errors, nothing was started\n"
            "  parameter hto: unknown. Did you mean hot? (freshet describe lib.so)\n"
            "  parallelism 0: must be 1 to 128\n"
            "  no place\n"
            "  no message");
  const Failure missing = failure_of(
      404, json::parse(R"({"error": {"code": "not_found", "message": "no job 'shp'", "near": ["shop", "shop-2"]}})"));
  EXPECT_EQ(missing.message, "no job 'shp'. Near: shop, shop-2");
}

TEST_F(ManagerClientTest, SaysThatNobodyAnswersAndWhatToDo) {
  const int port = test::closed_port();
  const auto response = client_of(port).get("/v1/jobs");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.failure().code, ExitCode::kUnreachable);
  EXPECT_EQ(response.failure().message, "job manager 127.0.0.1:" + std::to_string(port) +
                                            " does not answer. Its jobs end with it · start it: freshet cluster start");
}

TEST_F(ManagerClientTest, RefusesAnAnswerOverItsLimit) {
  manager_.answer("GET /v1/jobs", 200, json{{"text", std::string(10'000, 'x')}});
  EXPECT_TRUE(client(20'000).get("/v1/jobs"));
  const auto response = client(1'000).get("/v1/jobs");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.failure().code, ExitCode::kFailed);
  EXPECT_NE(response.failure().message.find("larger than 1000 B"), std::string::npos) << response.failure().message;
}

TEST_F(ManagerClientTest, RefusesWhatIsNoJsonObject) {
  for (const char* answer : {"<html>", "[]", "\"x\"", "7"}) {
    manager_.answer("GET /v1/jobs", 200, answer);
    const auto response = client().get("/v1/jobs");
    ASSERT_FALSE(response) << answer;
    EXPECT_EQ(response.failure().message,
              manager_.address() + " answered something that is not a JSON object. Is it a job manager?");
  }
}

TEST_F(ManagerClientTest, GivesUpOnAServerThatAcceptsAndIsSilent) {
  // The kernel accepts into the backlog; nobody ever reads.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  timeout_ms_ = 50;
  const auto response = client_of(ntohs(address.sin_port)).get("/v1/jobs");
  close(listener);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.failure().code, ExitCode::kTimeout) << response.failure().message;
}

TEST_F(ManagerClientTest, OnlyShowsRequestsWhenAsked) {
  show_on_ = &fake_.out;
  auto showing = client_of(7070);
  const auto response = showing.post("/v1/jobs/shop/actions", {{"action", "cancel"}});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.failure().code, ExitCode::kDone);
  EXPECT_EQ(response.failure().message, "");
  EXPECT_EQ(fake_.out.str(), "POST http://127.0.0.1:7070/v1/jobs/shop/actions\n{\"action\":\"cancel\"}\n");
  EXPECT_TRUE(manager_.seen().empty());
}

TEST(PathSegment, EncodesWhatWouldChangeThePath) {
  EXPECT_EQ(path_segment("shop-1_a.b~"), "shop-1_a.b~");
  EXPECT_EQ(path_segment("a/b?c#d e%ö"), "a%2Fb%3Fc%23d%20e%25%C3%B6");
}

}  // namespace
}  // namespace freshet::cli
