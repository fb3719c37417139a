#include "runtime/job_manager/http_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;

/// The owner's thread: runs what is posted, unless it is held.
class Owner {
 public:
  Owner() : thread_([this] { run(); }) {}
  ~Owner() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_all();
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    is_held_ = held;
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || (!is_held_ && !waiting_.empty()); });
      if (is_over_) return;
      const auto work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool is_held_ = false;
  bool is_over_ = false;
  std::thread thread_;
};

std::atomic<int> waits_at_work{0};  // answers to /waits

RestResponse echo(const RestRequest& request) {
  if (request.path == "/later") {
    RestResponse response;
    response.later = [](const RestResponse::IsToEnd&) { return RestResponse{200, "text/plain", "later"}; };
    return response;
  }
  if (request.path == "/waits") {
    RestResponse response;
    response.later = [](const RestResponse::IsToEnd& is_to_end) {
      ++waits_at_work;
      while (!is_to_end()) std::this_thread::yield();
      return RestResponse{200, "text/plain", "ended"};
    };
    return response;
  }
  std::string text = request.method + " " + request.path + " " + request.body;
  for (const auto& [name, value] : request.query) text += " " + name + "=" + value;
  return {request.path == "/missing" ? 404 : 200, "text/plain", text};
}

class HttpServerTest : public testing::Test {
 protected:
  void start(Duration timeout) {
    server = std::make_unique<HttpServer>(HttpOptions{"127.0.0.1", 0, timeout}, echo,
                                          [this](std::function<void()> work) { owner.post(std::move(work)); });
    ASSERT_TRUE(server->start().ok());
    ASSERT_GT(server->port(), 0);
  }
  Owner owner;
  std::unique_ptr<HttpServer> server;
};

TEST_F(HttpServerTest, RequestsReachTheHandlerDecoded) {
  start(60'000ms);
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/v1/jobs/a%20b?format=text&x=1%2B2")->body, "GET /v1/jobs/a b  format=text x=1+2");
  EXPECT_EQ(client.Post("/v1/jobs", "{}", "application/json")->body, "POST /v1/jobs {}");
  EXPECT_EQ(client.Put("/v1/libraries/x", std::string("\0bytes", 6), "application/octet-stream")->body,
            std::string("PUT /v1/libraries/x \0bytes", 26));
  EXPECT_EQ(client.Get("/missing")->status, 404);
  const auto head = client.Head("/v1/libraries/x");
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpServerTest, LongPathsAndBodiesThatAnnounceTooMuchAreRefused) {
  start(60'000ms);
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/" + std::string(8'000, 'x'))->status, 200);
  EXPECT_EQ(client.Get("/" + std::string(9'000, 'x'))->status, 414);
  // Only says that it is long: the server answers before there is a body to wait for.
  const httplib::Headers headers = {{"Content-Length", std::to_string(HttpServer::kMaxBodyBytes + 1)}};
  httplib::Client greedy("127.0.0.1", server->port());
  const auto response = greedy.Post("/v1/jobs", headers, "x", "application/json");
  EXPECT_TRUE(!response || response->status == 413);
}

TEST_F(HttpServerTest, BusyOwnerIsAnsweredFor) {
  start(40ms);
  owner.hold(true);
  httplib::Client client("127.0.0.1", server->port());
  const auto response = client.Get("/v1/jobs");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_NE(response->body.find(R"("code":"timeout")"), std::string::npos);
  server.reset();
  owner.hold(false);  // what was posted may still run
}

TEST_F(HttpServerTest, StopDoesNotWaitForTheOwner) {
  start(600'000ms);
  owner.hold(true);
  std::thread asking([this] {
    httplib::Client client("127.0.0.1", server->port());
    [[maybe_unused]] const auto response = client.Get("/v1/jobs");
  });
  server->stop();
  asking.join();
}

TEST_F(HttpServerTest, AnswersThatWaitForDisksDoNotHoldUpTheOwner) {
  start(60'000ms);
  waits_at_work = 0;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < HttpServer::kMostLater; ++i)
    waiting.emplace_back([port = server->port()] {
      httplib::Client client("127.0.0.1", port);
      [[maybe_unused]] const auto response = client.Get("/waits");
    });
  while (waits_at_work < HttpServer::kMostLater) std::this_thread::yield();
  httplib::Client client("127.0.0.1", server->port());
  const auto one_too_many = client.Get("/later");
  const auto beside_them = client.Get("/v1/jobs");
  server->stop();
  ASSERT_TRUE(one_too_many && beside_them);
  EXPECT_EQ(one_too_many->status, 503);
  EXPECT_EQ(beside_them->body, "GET /v1/jobs ");
}

TEST_F(HttpServerTest, AnAnswerThatWaitsForDisksComesWhenItIsThere) {
  start(60'000ms);
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/later")->body, "later");
}

TEST_F(HttpServerTest, AnAnswerThatWaitsForDisksIsGivenUpInTime) {
  server = std::make_unique<HttpServer>(HttpOptions{"127.0.0.1", 0, 60'000ms, 1ms}, echo,
                                        [this](std::function<void()> work) { owner.post(std::move(work)); });
  ASSERT_TRUE(server->start().ok());
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/waits")->body, "ended");
}

TEST_F(HttpServerTest, PortThatIsTakenIsAnError) {
  start(60'000ms);
  HttpServer second({"127.0.0.1", server->port(), 1'000ms}, echo, [](std::function<void()>) {});
  const Status started = second.start();
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find("the port is taken"), std::string::npos);
}

}  // namespace
}  // namespace freshet::manager
