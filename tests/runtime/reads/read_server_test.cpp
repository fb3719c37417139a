#include "runtime/reads/read_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "runtime/reads/read_client.h"

namespace freshet::reads {
namespace {

/// Says back what it was asked, or what the path says.
ReadAnswer echo(const ReadRequest& request) {
  if (request.path == "/wait") return try_again("restarting", "soon");
  if (request.path == "/elsewhere") return {307, "{}", 0, "http://127.0.0.1:1/there?x=1"};
  nlohmann::json body{{"method", request.method},
                      {"path", request.path},
                      {"target", request.target},
                      {"body", request.body},
                      {"caller", request.caller}};
  body["query"] = request.query;
  return {200, body.dump(), 0, {}};
}

class ReadServerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.start()); }
  ReadServer server_{{}, echo};
  ReadClient client_;
};

TEST_F(ReadServerTest, HandsOnWhatWasAskedAndByWhom) {
  const auto answer = client_.get(server_.address(), "/v1/jobs/a%20b/state/o/%2Fk?limit=3&from=%26", "me");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  const auto body = nlohmann::json::parse(answer->body);
  EXPECT_EQ(body["path"], "/v1/jobs/a b/state/o//k");
  EXPECT_EQ(body["target"], "/v1/jobs/a%20b/state/o/%2Fk?limit=3&from=%26");
  EXPECT_EQ(body["query"], (nlohmann::json{{"limit", "3"}, {"from", "&"}}));
  EXPECT_EQ(body["caller"], "me");
  const auto posted = client_.post(server_.address(), "/x", std::string(500, 'c'), R"({"keys":[1]})");
  ASSERT_TRUE(posted);
  EXPECT_EQ(nlohmann::json::parse(posted->body)["body"], R"({"keys":[1]})");
  EXPECT_EQ(nlohmann::json::parse(posted->body)["caller"], std::string(128, 'c'));
}

TEST_F(ReadServerTest, WithoutANameTheAddressIsTheCaller) {
  httplib::Client client("http://" + server_.address());
  const auto answer = client.Get("/x");
  ASSERT_TRUE(answer);
  EXPECT_EQ(nlohmann::json::parse(answer->body)["caller"], "127.0.0.1");
}

TEST_F(ReadServerTest, ANameWithALineBreakIsNoSecondHeader) {
  httplib::Client client("http://" + server_.address());
  const auto encoded = client.Get("/x", httplib::Headers{{"X-Freshet-Caller", "me%0d%0aX-Other:%201%ff"}});
  ASSERT_TRUE(encoded);
  EXPECT_EQ(nlohmann::json::parse(encoded->body)["caller"], "me__X-Other:_1_");
  const auto raw = client_.get(server_.address(), "/x", "a\r\nX-Freshet-Caller: b");
  ASSERT_TRUE(raw);
  EXPECT_EQ(nlohmann::json::parse(raw->body)["caller"], "a__X-Freshet-Caller:_b");
}

TEST_F(ReadServerTest, SaysWhenToAskAgainAndWhere) {
  const auto wait = client_.get(server_.address(), "/wait", "me");
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->status, 503);
  EXPECT_EQ(wait->retry_after_s, 1);
  const auto elsewhere = client_.get(server_.address(), "/elsewhere", "me");
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->status, 307);
  std::string address, target;
  ASSERT_TRUE(split_url(elsewhere->location, address, target));
  EXPECT_EQ(address, "127.0.0.1:1");
  EXPECT_EQ(target, "/there?x=1");
}

TEST_F(ReadServerTest, AnswersMsgpackToWhoAcceptsIt) {
  httplib::Client client("http://" + server_.address());
  const auto answer = client.Get("/x", httplib::Headers{{"Accept", "application/msgpack"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->get_header_value("Content-Type"), "application/msgpack");
  const auto body = nlohmann::json::from_msgpack(answer->body);
  EXPECT_EQ(body["path"], "/x");
  EXPECT_EQ(body["method"], "GET");
}

TEST_F(ReadServerTest, RefusesBodiesAndAddressesThatAreTooLong) {
  httplib::Client client("http://" + server_.address());
  const auto body = client.Post("/x", std::string(1 << 20, 'x'), "application/json");
  EXPECT_TRUE(!body || body->status == 413);
  const auto target = client.Get("/" + std::string(20'000, 'x'));
  EXPECT_TRUE(!target || target->status == 414);
  const auto alive = client_.get(server_.address(), "/healthz", "me");
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->body, R"({"status":"ok"})");
}

TEST_F(ReadServerTest, ServesManyAtOnceOverConnectionsThatAreKept) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 50; ++i) {
        const auto answer = client_.get(server_.address(), "/" + std::to_string(i), std::to_string(thread));
        good += answer && nlohmann::json::parse(answer->body)["path"] == "/" + std::to_string(i);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

TEST(ReadClientTest, NobodyThereIsNoAnswer) {
  std::string address;
  {
    ReadServer server({}, echo);
    ASSERT_TRUE(server.start());
    address = server.address();
  }
  ReadClient client;
  EXPECT_FALSE(client.get(address, "/x", "me"));
  ReadServer taken({}, echo);
  ASSERT_TRUE(taken.start());
  const int port = std::stoi(taken.address().substr(taken.address().rfind(':') + 1));
  ReadServer second({.port = port}, echo);
  EXPECT_FALSE(second.start()) << "two servers do not share a port";
}

TEST(ReadClientTest, AConnectionThatTheServerClosedIsMadeAgain) {
  ReadClient client;
  auto server = std::make_unique<ReadServer>(ReadServerOptions{}, echo);
  ASSERT_TRUE(server->start());
  const std::string address = server->address();
  ASSERT_TRUE(client.get(address, "/x", "me"));
  server =
      std::make_unique<ReadServer>(ReadServerOptions{.port = std::stoi(address.substr(address.rfind(':') + 1))}, echo);
  if (!server->start()) GTEST_SKIP() << "somebody has taken the port meanwhile";
  EXPECT_TRUE(client.get(address, "/x", "me"));
}

TEST(SplitUrl, TakesWhatIsHttp) {
  std::string address, target;
  EXPECT_TRUE(split_url("http://h:1", address, target));
  EXPECT_EQ(target, "/");
  for (const char* text : {"", "https://h/", "http://", "http:///x", "h:1/x"})
    EXPECT_FALSE(split_url(text, address, target)) << text;
}

}  // namespace
}  // namespace freshet::reads
