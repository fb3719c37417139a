// Dead letters with real processes: a Redis that is killed, and a key in it of the wrong type, make records fail for
// good; they are listed with their reasons and replayed when all is mended. What comes out is counted apart from the
// engine.

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "tests/integration/eventually.h"
#include "tests/integration/result_table.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/redis/redis_server.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using nlohmann::json;
using redis::testing::RedisServer;
using ::testing::HasSubstr;

constexpr int kLines = 40'000, kUsers = 40, kItems = 50;
constexpr long long kStartMs = 1'772'334'000'000;
constexpr int kBadItem = 7;  // whose key is of the wrong type

std::string user_of(int line) { return "u" + std::to_string(line * 7 % kUsers); }
int item_of(int line) { return line * 3 % kItems; }
/// Ten a second.
long long time_of(int line) { return kStartMs + line * 100LL; }

class DeadLettersOfAJob : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::is_installed())
      GTEST_SKIP() << "no redis-server and no redis-check-rdb here: scripts/install_dependencies.sh";
    std::ofstream out(directory_.path("visits.csv"));
    out << "id,user,item,at\n";
    for (int line = 0; line < kLines; ++line)
      out << line << ',' << user_of(line) << ",i" << item_of(line) << ',' << time_of(line) << '\n';
    out.close();
    redis_ = std::make_unique<RedisServer>(RedisServer::Options{.keeps = true});
    for (int item = 0; item < kItems; ++item)
      if (item != kBadItem) redis_->client().call({"SET", key_of(item), std::to_string(item)});
    redis_->client().call({"HSET", key_of(kBadItem), "not", "a text"});
    cluster_ = std::make_unique<TestCluster>(directory_.path("cluster"), 2);
    auto arguments =
        parameters({"input=" + directory_.path("visits.csv"), "input.rate=400", "output=" + directory_.path("out"),
                    "redis=" + redis_->address(), "redis.timeout=200ms"});
    arguments.insert(arguments.end(), {"--name", "prices", "--parallelism", "2", "--workers", "2",
                                       "--checkpoint-interval", "200ms", "--restart", "fixed 100 100ms"});
    const auto submitted = cluster_->submit(FRESHET_REDIS_PRICES, "redis_prices", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  static std::string key_of(int item) { return "price:i" + std::to_string(item); }
  json job() const { return cluster_->view().job("prices"); }
  json letters(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"dead-letters", "list", "prices", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const auto listed = cluster_->verb(words);
    EXPECT_EQ(listed.exit_code, 0) << listed.output;
    return json::parse(listed.output, nullptr, false);
  }
  std::size_t kept_of(const std::string& reason) const {
    const json listed = letters();
    for (const auto& group : listed["groups"])
      if (group["reason"] == reason) return group["count"];
    return 0;
  }
  /// The rest of the input comes at once.
  void resume_and_hurry() {
    ASSERT_EQ(cluster_->verb({"resume", "prices"}).exit_code, 0);
    const auto upgraded = cluster_->verb({"upgrade", "prices", FRESHET_REDIS_PRICES, "--param", "input.rate=1000000"});
    ASSERT_EQ(upgraded.exit_code, 0) << upgraded.output;
  }
  void mend() {
    redis_->start();
    redis_->client().call({"DEL", key_of(kBadItem)});
    redis_->client().call({"SET", key_of(kBadItem), std::to_string(kBadItem)});
  }
  /// All that failed waits for nothing but a replay.
  void let_fail_and_pause() {
    ASSERT_TRUE(eventually(kPatience, [&] { return kept_of("refused by redis") >= 5; })) << job();
    redis_->kill();
    ASSERT_TRUE(eventually(kPatience, [&] { return kept_of("exception freshet::TryAgain") >= 1; })) << job();
    ASSERT_EQ(cluster_->verb({"pause", "prices"}).exit_code, 0) << job();
    ASSERT_LT(job()["records_in"], kLines) << "nothing is left to be read: this shows nothing";
  }
  void expect_exact_results() const {
    ASSERT_TRUE(cluster_->view().wait_for("prices", "Finished")) << job();
    std::map<std::string, long long> visits, spent;
    std::map<std::pair<std::string, long long>, long long> windows;
    for (int line = 0; line < kLines; ++line) {
      ++visits[user_of(line)];
      spent[user_of(line)] += item_of(line);
      ++windows[{user_of(line), time_of(line) / 10'000}];
    }
    const ResultTable totals(directory_.path("out/totals"));
    EXPECT_EQ(totals.by("user", "visits"), visits) << "running totals are those of a clean run";
    EXPECT_EQ(totals.by("user", "spent"), spent);
    // Windows differ exactly by what is booked as late after a retry.
    const ResultTable late(directory_.path("out/late"));
    for (std::size_t row = 0; row < late.rows(); ++row)
      --windows[{late.text(row, "user"), time_of(static_cast<int>(late.number(row, "id"))) / 10'000}];
    std::erase_if(windows, [](const auto& window) { return window.second == 0; });
    long long in_windows = 0;
    for (const auto& [window, count] : windows) in_windows += count;
    const ResultTable counted(directory_.path("out/windows"));
    long long found = 0;
    for (std::size_t row = 0; row < counted.rows(); ++row) found += counted.number(row, "visits");
    EXPECT_EQ(counted.rows(), windows.size());
    EXPECT_EQ(found, in_windows);
    long long after_retry = -1;
    const json finished = job();
    for (const auto& op : finished["operators"])
      for (const auto& counter : op["counters"])
        if (counter["name"] == "late_after_retry") after_retry = counter["value"];
    EXPECT_EQ(after_retry, static_cast<long long>(late.rows())) << "nothing else was late";
    EXPECT_GT(late.rows(), 0u);
  }

  TestDirectory directory_{};
  std::unique_ptr<RedisServer> redis_;
  std::unique_ptr<TestCluster> cluster_;
};

TEST_F(DeadLettersOfAJob, AreListedShownAndReplayedWhenAllIsMended) {
  let_fail_and_pause();
  const json listed = letters();
  for (const auto& letter : listed["letters"]) {
    EXPECT_EQ(letter["operator"], "price");
    const int line = letter["record"]["id"];
    EXPECT_EQ(letter["record"]["user"], user_of(line));
    EXPECT_EQ(letter["record"]["item"], "i" + std::to_string(item_of(line)));
    EXPECT_THAT(letter["origin"].get<std::string>(), HasSubstr("visits.csv, line " + std::to_string(line + 2)));
    if (letter["reason"] == "refused by redis") {
      EXPECT_EQ(item_of(line), kBadItem) << letter;
    }
  }
  const std::string id = std::to_string(listed["letters"][0]["id"].get<std::uint64_t>());
  const auto shown = cluster_->verb({"dead-letters", "show", "prices", id});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, HasSubstr("#" + id + "  operator price"));
  mend();
  const auto preview = cluster_->verb({"dead-letters", "replay", "prices", "--operator", "price", "--dry-run"});
  EXPECT_THAT(preview.output, HasSubstr("would go to price again"));
  const auto replayed = cluster_->verb({"dead-letters", "replay", "prices", "--operator", "price"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_THAT(replayed.output, HasSubstr("saved in checkpoint"));
  EXPECT_EQ(letters()["kept"], 0) << "the checkpoint holds the change";
  ASSERT_NO_FATAL_FAILURE(resume_and_hurry());
  expect_exact_results();
}

TEST_F(DeadLettersOfAJob, AreReplayedOnceThoughWorkersAreKilledMeanwhile) {
  let_fail_and_pause();
  mend();
  for (int kills = 0; kills < 3; ++kills) {
    const int before = job()["attempt"];
    const auto pids = cluster_->view().worker_pids("prices");
    (void)cluster_->view().post("/v1/jobs/prices/dead-letters", {{"action", "replay"}});
    kill(pids.at(static_cast<std::size_t>(kills) % pids.size()), SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] { return job()["attempt"] > before && job()["state"] == "Paused"; }))
        << job();
  }
  const auto replayed = cluster_->verb({"dead-letters", "replay", "prices"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  ASSERT_NO_FATAL_FAILURE(resume_and_hurry());
  expect_exact_results();
}

TEST_F(DeadLettersOfAJob, ThatAreDroppedAreGone) {
  ASSERT_TRUE(eventually(kPatience, [&] { return kept_of("refused by redis") >= 5; })) << job();
  ASSERT_EQ(cluster_->verb({"pause", "prices"}).exit_code, 0) << job();
  EXPECT_EQ(cluster_->verb({"dead-letters", "drop", "prices"}).exit_code, 2) << "it wants --yes";
  const auto dropped = cluster_->verb({"dead-letters", "drop", "prices", "--reason", "refused by redis", "--yes"});
  EXPECT_EQ(dropped.exit_code, 0) << dropped.output;
  EXPECT_EQ(kept_of("refused by redis"), 0u);
  EXPECT_EQ(cluster_->verb({"cancel", "prices"}).exit_code, 0);
  EXPECT_EQ(cluster_->verb({"dead-letters", "replay", "prices"}).exit_code, 7) << "the job is over";
  EXPECT_EQ(kept_of("refused by redis"), 0u) << "and can still be looked at";
}

}  // namespace
}  // namespace freshet::integration
