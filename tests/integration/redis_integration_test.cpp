// A job whose totals are in Redis, with real processes: workers and Redis are killed while it runs, and what the hashes
// hold in the end is counted apart from the engine.

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/redis/redis_server.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using redis::testing::RedisServer;
using ::testing::AllOf;
using ::testing::HasSubstr;

class RedisJobs : public ::testing::Test {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 5'000, kUsers = 300;

  void SetUp() override {
    if (!RedisServer::is_installed())
      GTEST_SKIP() << "no redis-server and no redis-check-rdb here: scripts/install_dependencies.sh";
    for (int file = 0; file < kFiles; ++file) {
      std::ofstream out(directory_.path("visits-" + std::to_string(file) + ".csv"));
      out << "user,amount\n";
      for (int line = 0; line < kLinesPerFile; ++line) {
        const std::string user = "u" + std::to_string((line * 7 + file) % kUsers);
        out << user << ',' << line % 13 << '\n';
        auto& [visits, amount] = expected_["user:" + user];
        ++visits;
        amount += line % 13;
      }
    }
    redis_ = std::make_unique<RedisServer>(RedisServer::Options{.keeps = true});
    cluster_ = std::make_unique<TestCluster>(directory_.path("cluster"), 2);
    auto arguments = parameters({"input=" + directory_.path("visits-*.csv"), "input.rate=1000",
                                 "redis=" + redis_->address(), "redis.timeout=300ms"});
    arguments.insert(arguments.end(), {"--name", "counts", "--parallelism", "2", "--checkpoint-interval", "200ms",
                                       "--restart", "fixed 100 100ms"});
    const auto submitted = cluster_->submit(FRESHET_REDIS_COUNTS, "redis_counts", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  int attempt() const { return cluster_->view().job("counts")["attempt"].get<int>(); }
  bool runs_again_after(int attempt_before) const {
    return eventually(kPatience, [&] {
      const auto job = cluster_->view().job("counts");
      return job["attempt"].get<int>() > attempt_before && job["state"] == "Running";
    });
  }
  void expect_exact_hashes() const {
    ASSERT_TRUE(cluster_->view().wait_for("counts", "Finished")) << cluster_->view().job("counts");
    const auto client = redis_->client();
    std::map<std::string, std::pair<long long, long long>> found;
    for (const auto& key : client.keys()) {
      auto hash = client.hash(key);
      found[key] = {std::stoll(hash["visits"]), std::stoll(hash["amount"])};
    }
    EXPECT_EQ(found, expected_);
  }

  TestDirectory directory_{};
  std::map<std::string, std::pair<long long, long long>> expected_;  // visits and amount, by Redis' key
  std::unique_ptr<RedisServer> redis_;
  std::unique_ptr<TestCluster> cluster_;
};

TEST_F(RedisJobs, HashesAreExactThoughWorkersAreKilledTwice) {
  for (std::size_t kills = 0; kills < 2; ++kills) {
    ASSERT_TRUE(eventually(kPatience, [&] { return cluster_->view().worker_pids("counts").size() == 2u; }));
    const int before = attempt();
    kill(cluster_->view().worker_pids("counts").at(kills), SIGKILL);
    ASSERT_TRUE(runs_again_after(before)) << cluster_->view().job("counts");
  }
  expect_exact_hashes();
  EXPECT_GE(attempt(), 3);
}

TEST_F(RedisJobs, ARedisThatDiesFailsTheAttemptAndOneThatComesBackGoesOn) {
  const int before = attempt();
  ASSERT_TRUE(eventually(kPatience, [&] { return redis_->client().call({"DBSIZE"}) != "0"; }));
  redis_->kill();
  ASSERT_TRUE(eventually(kPatience, [&] { return attempt() > before; })) << cluster_->view().job("counts");
  redis_->start();
  expect_exact_hashes();
}

}  // namespace
}  // namespace freshet::integration
