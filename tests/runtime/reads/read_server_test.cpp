#include "runtime/reads/read_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/reads/read_client.h"
#include "runtime/reads/socket_stream.h"

namespace freshet::reads {
namespace {

/// Says back what it was asked, or what the path says.
ReadAnswer echo(const ReadRequest& request) {
  if (request.path == "/throw") throw std::runtime_error("no such luck");
  if (request.path == "/throw-a-number") throw 7;
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

TEST_F(ReadServerTest, WhatIsThrownIsAnAnswer) {
  for (const std::string path : {"/throw", "/throw-a-number"}) {
    const auto answer = client_.get(server_.address(), path, "me");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 500);
    EXPECT_EQ(nlohmann::json::parse(answer->body)["error"]["code"], "failed");
  }
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

/// What came back until the server closed, of a connection on which `bytes` were sent.
std::string answer_to(const std::string& address, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  (void)::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);  // the server may have closed meanwhile
  std::string answer;
  char part[4096];
  for (ssize_t got = 0; (got = ::recv(socket, part, sizeof part, 0)) > 0;)
    answer.append(part, static_cast<std::size_t>(got));
  ::close(socket);
  return answer;
}
std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST_F(ReadServerTest, BodiesThatDoNotSayHowLongTheyAreOrAreTooLongAreRefusedUnread) {
  const std::string next = "GET /healthz HTTP/1.1\r\n\r\n";
  const std::map<std::string, std::string> refusals{
      {"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST /x HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "400"},
      {"POST /x HTTP/1.1\r\n\r\n{}", "400"},
      {"POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "400"},
      {"POST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "413"},
      {"GET /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "400"},
      {"DELETE /x HTTP/1.1\r\n\r\n", "405"}};
  for (const auto& [request, status] : refusals) {
    const std::string answer = answer_to(server_.address(), request + next);
    EXPECT_EQ(answer.substr(9, 3), status) << request << answer;
    EXPECT_NE(answer.find(R"({"error":{"code":)"), std::string::npos) << request << answer;
    EXPECT_EQ(count(answer, "HTTP/1.1 "), 1u) << "what follows is not looked at: " << request << answer;
  }
}

TEST_F(ReadServerTest, AnyNumberOfHeadersIsTooMany) {
  std::string request = "GET /healthz HTTP/1.1\r\n";
  while (request.size() < SocketStream::kMostRequestBytes + 10'000)
    request += "X-More: " + std::string(1'000, 'x') + "\r\n";
  EXPECT_EQ(count(answer_to(server_.address(), request + "\r\n"), " 200 "), 0u);
}

TEST_F(ReadServerTest, PartsOfAnswersAreNotToBeHad) {
  httplib::Client client("http://" + server_.address());
  const auto answer = client.Get("/healthz", httplib::Headers{{"Range", "bytes=0-1,0-1,0-1"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, R"({"status":"ok"})");
}

TEST_F(ReadServerTest, AConnectionIsForAHundredRequests) {
  std::string requests;
  for (int i = 0; i < 150; ++i) requests += "GET /healthz HTTP/1.1\r\n\r\n";
  EXPECT_EQ(count(answer_to(server_.address(), requests), "HTTP/1.1 200"), 100u);
}

TEST(ReadServerLimits, ConnectionsForWhichNobodyHasTimeAreClosed) {
  std::atomic<bool> open{false};
  ReadServer server({.threads = 1}, [&](const ReadRequest& request) {
    open.wait(false);
    return echo(request);
  });
  ASSERT_TRUE(server.start());
  std::atomic<int> served{0}, cut{0};
  std::vector<std::thread> threads;
  constexpr int kClients = 80;  // one is served, 64 may wait
  for (int i = 0; i < kClients; ++i)
    threads.emplace_back([&] {
      httplib::Client client("http://" + server.address());
      client.set_read_timeout(60);
      ++(client.Get("/x") ? served : cut);
      if (cut >= kClients - 66) {
        open = true;
        open.notify_all();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GE(cut, kClients - 66);
  EXPECT_GE(served, 1);
}

TEST(ReadServerLimits, ItsEndDoesNotWaitForWhoDoesNotReadOrDoesNotAsk) {
  const base::SystemClock clock;
  std::atomic<int> asked{0};
  auto server = std::make_unique<ReadServer>(ReadServerOptions{}, [&](const ReadRequest&) {
    ++asked;
    return ReadAnswer{200, std::string(64u << 20, 'x'), 0, {}};
  });
  ASSERT_TRUE(server->start());
  const std::string address = server->address();
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const std::string request = "GET /x HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  while (asked == 0) std::this_thread::yield();
  const auto began = clock.steady();
  server.reset();
  EXPECT_LT(clock.steady() - began, std::chrono::seconds(8)) << "writing to it alone may take 10 s";
  ::close(socket);
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

TEST(ReadClientTest, KeepsConnectionsToAFewServersAndToThoseOnlyThatAreStillNamed) {
  ReadClient client;
  std::vector<std::unique_ptr<ReadServer>> servers;
  for (std::size_t i = 0; i < ReadClient::kMostServers + 3; ++i) {
    servers.push_back(std::make_unique<ReadServer>(ReadServerOptions{.threads = 1}, echo));
    ASSERT_TRUE(servers.back()->start());
    ASSERT_TRUE(client.get(servers.back()->address(), "/x", "me"));
  }
  EXPECT_EQ(client.idle_servers(), ReadClient::kMostServers);
  client.keep_only({servers.back()->address(), "127.0.0.1:1"});
  EXPECT_EQ(client.idle_servers(), 1u);
  client.keep_only({});
  EXPECT_EQ(client.idle_servers(), 0u);
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
