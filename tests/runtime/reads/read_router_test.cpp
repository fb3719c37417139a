#include "runtime/agent/read_router.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "runtime/reads/read_server.h"
#include "tests/runtime/reads/live_job_support.h"

namespace freshet::agent {
namespace {

using namespace live_job_test;
using nlohmann::json;

/// Two workers that serve one job, and an agent's router before them.
class ReadRouterTest : public testing::Test {
 protected:
  ReadRouterTest() {
    for (std::uint32_t number = 0; number < 2; ++number) {
      services_.push_back(std::make_unique<worker::ReadService>(
          worker::ReadService::Options{.job_name = "shop", .reads_per_second = 0}, clock_));
      addresses_.push_back(services_.back()->open().value_or(""));
      lives_.push_back(job_.as_seen_by(number, 2));
    }
    for (std::uint32_t number = 0; number < 2; ++number) {
      lives_[number]->peers = {{0, addresses_[0]}, {1, addresses_[1]}};
      services_[number]->serve(lives_[number]);
    }
    router_.on_places({{{1}, "shop", 3, addresses_}});
  }
  reads::ReadAnswer get(const std::string& key) {
    return router_.handle(get_request("/v1/jobs/shop/state/spent/" + key));
  }

  RunningJob job_;
  base::SystemClock clock_;
  std::vector<std::unique_ptr<worker::ReadService>> services_;
  std::vector<std::shared_ptr<worker::LiveJob>> lives_;
  std::vector<std::string> addresses_;
  ReadRouter router_{{.reads_per_second = 0}, clock_};
};

TEST_F(ReadRouterTest, FindsEveryKeyWhicheverWorkerHasIt) {
  int sent_on = 0;
  for (const auto& [user, spent] : job_.spent) {
    const std::string number = user.substr(user.find(' ') + 1);
    const std::string target = "/v1/jobs/shop/state/spent/user%20" + number;
    const auto there = router_.handle({"GET", target, "/v1/jobs/shop/state/spent/" + user, {}, {}, "me"});
    ASSERT_EQ(there.status, 200) << there.body;
    EXPECT_EQ(body_of(there)["entries"][0]["value"]["purchases"], spent.purchases);
    const auto direct = services_[0]->handle(get_request("/v1/jobs/shop/state/spent/" + user));
    sent_on += direct.status == 307 && direct.location.starts_with("http://" + addresses_[1] + target);
  }
  EXPECT_GT(sent_on, 10) << "some keys are the other worker's";
}

TEST_F(ReadRouterTest, PutsAListTogetherFromAllWorkers) {
  json keys = json::array({"nobody"});
  for (const auto& [user, spent] : job_.spent) keys.push_back(user);
  const std::string path = "/v1/jobs/shop/state/spent";
  const auto answer = router_.handle({"POST", path, path, {}, json{{"keys", keys}}.dump(), "me"});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json body = body_of(answer);
  ASSERT_EQ(body["keys"].size(), keys.size());
  EXPECT_EQ(body["keys"][0], (json{{"key", "nobody"}, {"found", false}}));
  for (std::size_t i = 1; i < keys.size(); ++i) {
    EXPECT_EQ(body["keys"][i]["key"], keys[i]);
    ASSERT_TRUE(body["keys"][i].contains("entries")) << body["keys"][i];
    EXPECT_EQ(body["keys"][i]["entries"][0]["value"]["purchases"], job_.spent.at(keys[i].get<std::string>()).purchases);
  }
}

TEST_F(ReadRouterTest, WhatAWorkerRefusesIsRefused) {
  const auto refused = [&](const std::string& path) {
    const std::string whole = "/v1/jobs/shop/state/" + path;
    return code_of(router_.handle({"GET", whole, whole, {}, {}, "me"}));
  };
  EXPECT_EQ(refused("spnt/x"), "404 no_such_operator");
  EXPECT_EQ(refused("spent/nobody"), "404 no_such_key");
  EXPECT_EQ(refused("basket.secret/x"), "403 not_queryable");
  EXPECT_EQ(code_of(router_.handle(get_request("/v1/jobs/shpo/state/spent/x"))), "404 no_such_job");
  EXPECT_EQ(code_of(router_.handle(get_request("/v1/jobs"))), "404 not_found");
}

TEST_F(ReadRouterTest, AWorkerThatIsGoneIsPassedOver) {
  router_.on_places({{{1}, "shop", 3, {"127.0.0.1:1", addresses_[0], addresses_[1]}}});
  for (int i = 0; i < 3; ++i) {
    const auto answer =
        router_.handle({"GET", "/v1/jobs/shop/state/spent/user%207", "/v1/jobs/shop/state/spent/user 7", {}, {}, "me"});
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  router_.on_places({{{1}, "shop", 4, {"127.0.0.1:1"}}});
  EXPECT_EQ(code_of(get("x")), "503 restarting");
}

/// Takes connections, or rather the system does, and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  const std::string& address() const { return address_; }

 private:
  const int socket_;
  std::string address_;
};

TEST_F(ReadRouterTest, SilentWorkersTogetherCostNoMoreThanOneRequestMay) {
  const SilentServer silent;
  constexpr Duration kPatience(200);
  ReadRouter router({.reads_per_second = 0, .patience = kPatience}, clock_);
  router.on_places({{{1}, "shop", 3, std::vector<std::string>(100, silent.address())}});
  const auto began = clock_.steady();
  EXPECT_EQ(code_of(router.handle(get_request("/v1/jobs/shop/state/spent/x"))), "503 timeout");
  EXPECT_LT(clock_.steady() - began, 50 * kPatience) << "with all of them it would be 100 times as long";
}

TEST_F(ReadRouterTest, ItsEndDoesNotWaitForASilentWorker) {
  const SilentServer silent;
  constexpr auto kPatience = std::chrono::hours(1);
  ReadRouter router({.reads_per_second = 0, .patience = kPatience}, clock_);
  router.on_places({{{1}, "shop", 3, {silent.address()}}});
  const auto request = get_request("/v1/jobs/shop/state/spent/x");
  reads::ReadAnswer answer;
  std::thread asking([&] { answer = router.handle(request); });
  router.stop();
  asking.join();
  EXPECT_EQ(code_of(answer), "503 timeout") << "long before its patience is over";
  EXPECT_EQ(code_of(router.handle(request)), "503 timeout") << "nobody is asked any more";
}

TEST_F(ReadRouterTest, WhenTheWorkerOfAKeyDoesNotAnswerNobodyElseIsAskedForIt) {
  lives_[0]->peers = {{0, addresses_[0]}, {1, "127.0.0.1:1"}};
  lives_[1]->peers = lives_[0]->peers;
  router_.on_places({{{1}, "shop", 3, {addresses_[0], "127.0.0.1:1"}}});
  std::set<std::string> codes;
  for (const auto& [user, spent] : job_.spent) {
    const std::string target = "/v1/jobs/shop/state/spent/user%20" + user.substr(user.find(' ') + 1);
    codes.insert(code_of(router_.handle({"GET", target, "/v1/jobs/shop/state/spent/" + user, {}, {}, "me"})));
  }
  EXPECT_EQ(codes, (std::set<std::string>{"200", "503 restarting"}));
}

TEST_F(ReadRouterTest, IsNotSentToStrangers) {
  router_.on_places({{{1}, "shop", 3, {addresses_[0]}}});
  lives_[0]->peers = {{0, addresses_[0]}, {1, "127.0.0.1:22"}};
  std::set<std::string> codes;
  for (const auto& [user, spent] : job_.spent) {
    const std::string target = "/v1/jobs/shop/state/spent/user%20" + user.substr(user.find(' ') + 1);
    codes.insert(code_of(router_.handle({"GET", target, "/v1/jobs/shop/state/spent/" + user, {}, {}, "me"})));
  }
  EXPECT_EQ(codes, (std::set<std::string>{"200", "503 moving"}));
}

TEST_F(ReadRouterTest, AWorkerOfAnotherAttemptOrJobDoesNotAnswer) {
  router_.on_places({{{1}, "shop", 2, addresses_}});
  EXPECT_EQ(code_of(get("nobody")), "503 moving");
  router_.on_places({{{2}, "shop", 3, addresses_}});
  EXPECT_EQ(code_of(get("nobody")), "503 moving");
  router_.on_places({{{1}, "shop", 3, addresses_}});
  EXPECT_EQ(code_of(get("nobody")), "404 no_such_key");
}

TEST_F(ReadRouterTest, DoesNotSendOnWhatARouterSent) {
  reads::ReadServer agent({}, [&](const reads::ReadRequest& request) { return router_.handle(request); });
  ASSERT_TRUE(agent.start());
  router_.on_places({{{1}, "shop", 3, {agent.address()}}});
  EXPECT_EQ(code_of(get("nobody")), "503 moving") << "and not for ever";
}

TEST_F(ReadRouterTest, TakesAddressesOfWorkersOnlyAsNumbers) {
  const std::string port = addresses_[0].substr(addresses_[0].rfind(':'));
  std::uint32_t attempt = 10;
  for (const std::string& address :
       std::vector<std::string>{"localhost" + port, "127.0.0.1:0", "127.0.0.1:1/x", "a@127.0.0.1:1", ""}) {
    router_.on_places({{{1}, "shop", ++attempt, {address}}});
    EXPECT_EQ(body_of(router_.handle(get_request("/v1/reads")))["jobs"][0]["workers"], json::array()) << address;
  }
  router_.on_places({{{1}, "shop", 3, {"[::1]:7", addresses_[0]}}});
  EXPECT_EQ(body_of(router_.handle(get_request("/v1/reads")))["jobs"][0]["workers"], json({"[::1]:7", addresses_[0]}));
}

TEST_F(ReadRouterTest, AJobThatStartsIsToBeAskedAgainAndOneThatIsOverIsGone) {
  router_.on_places({{{2}, "shop", 1, {}}});
  const auto starting = get("x");
  EXPECT_EQ(code_of(starting), "503 restarting");
  EXPECT_EQ(starting.retry_after_s, 1);
  router_.on_places({});
  EXPECT_EQ(code_of(get("x")), "404 no_such_job");
}

TEST_F(ReadRouterTest, WhatAJobManagerThatWasStartedAnewDoesNotKnowYetIsKept) {
  router_.on_places({{{1}, "shop", 3, {}}});
  EXPECT_EQ(code_of(get("nobody")), "404 no_such_key") << "the workers run all the while";
  router_.on_places({{{1}, "shop", 4, {}}});
  EXPECT_EQ(code_of(get("nobody")), "503 restarting") << "these are of another attempt";
}

TEST_F(ReadRouterTest, AnAgentThatIsStartedAnewKnowsWhereTheWorkersAre) {
  const std::string file = testing::TempDir() + "/read_places";
  std::filesystem::remove(file);
  {
    ReadRouter before({.file = file, .reads_per_second = 0}, clock_);
    before.on_places({{{1}, "shop", 3, addresses_}});
  }
  ReadRouter after({.file = file, .reads_per_second = 0}, clock_);
  EXPECT_EQ(code_of(after.handle(get_request("/v1/jobs/shop/state/spent/nobody"))), "404 no_such_key");
  EXPECT_EQ(body_of(after.handle(get_request("/v1/reads")))["jobs"][0]["workers"], json(addresses_));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  ReadRouter damaged({.file = file, .reads_per_second = 0}, clock_);
  EXPECT_EQ(code_of(damaged.handle(get_request("/v1/jobs/shop/state/spent/nobody"))), "404 no_such_job");
  std::filesystem::remove(file);
}

TEST_F(ReadRouterTest, AGreedyCallerIsCutWhileAnotherIsServed) {
  base::ManualClock clock;
  ReadRouter router({.reads_per_second = 3}, clock);
  router.on_places({{{1}, "shop", 3, addresses_}});
  auto greedy = get_request("/v1/jobs/shop/state/spent/nobody");
  greedy.caller = "greedy";
  std::vector<int> statuses;
  for (int i = 0; i < 5; ++i) statuses.push_back(router.handle(greedy).status);
  EXPECT_EQ(statuses, (std::vector{404, 404, 404, 429, 429}));
  EXPECT_EQ(router.handle(get_request("/v1/jobs/shop/state/spent/nobody")).status, 404);
}

}  // namespace
}  // namespace freshet::agent
