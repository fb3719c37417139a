// What a job promises of its results, and how the engine keeps count of it: the audit, at-least-once, and the limit of
// results that wait for a checkpoint. What must come out is counted apart from the engine.

#include <gmock/gmock.h>
#include <signal.h>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using nlohmann::json;
using ::testing::Ge;
using ::testing::HasSubstr;

class Promises : public ::testing::Test {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 20'000, kUsers = 500;

  void submit(const std::vector<std::string>& more, const std::string& rate = "8000") {
    auto arguments = parameters(
        {events_.input(), "input.rate=" + rate, "input.time=s", "emit=200ms", "output=" + directory_.path("out")});
    arguments.insert(arguments.end(), {"--name", "shop", "--parallelism", "2"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto submitted = cluster_.submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  json job() const { return cluster_.view().job("shop"); }
  void kill_a_worker_behind_a_checkpoint() {
    ASSERT_TRUE(eventually(kPatience, [&] {
      return job()["state"] == "Running" && !job()["last_checkpoint"].is_null() &&
             !cluster_.view().worker_pids("shop").empty();
    })) << job();
    kill(cluster_.view().worker_pids("shop").at(0), SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] { return job()["attempt"].get<int>() == 2; })) << job();
  }
  void wait_for_the_end() { ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << job(); }

  TestDirectory directory_{};
  const UserEvents events_{directory_.path(""), kFiles, kLinesPerFile, kUsers};
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(Promises, TheAuditAccountsForEveryRecordOfTheInputThroughAKill) {
  submit({"--checkpoint-interval", "200ms"});
  kill_a_worker_behind_a_checkpoint();
  wait_for_the_end();
  events_.expect_exact(directory_.path("out"));
  const auto shown = cluster_.verb({"audit", "shop", "--json"});
  ASSERT_EQ(shown.exit_code, 0) << shown.output;
  const json audit = json::parse(shown.output);
  int from_source = 0;
  for (const json& edge : audit.at("edges")) {
    EXPECT_EQ(edge.at("sent"), edge.at("received")) << edge;
    EXPECT_EQ(edge.at("sent"), edge.at("applied").get<long long>() + edge.at("refused").get<long long>()) << edge;
    if ((edge.at("from") != "plausible" && edge.at("from") != "of_items") || edge.at("output") != "out") continue;
    ++from_source;
    EXPECT_EQ(edge.at("sent"), kFiles * kLinesPerFile) << "each line once, though some were read twice: " << edge;
  }
  EXPECT_EQ(from_source, 3) << "to what counts by user, by item and by action: " << audit;
  EXPECT_THAT(cluster_.verb({"audit", "shop"}).output, HasSubstr("\nbalances: every one of "));
}

TEST_F(Promises, AtLeastOnceLosesNothingThroughAKillAndIsNotAudited) {
  submit({"--checkpoint-interval", "200ms", "--guarantee", "at-least-once"});
  kill_a_worker_behind_a_checkpoint();
  wait_for_the_end();
  const ResultTable users(directory_.path("out") + "/users");
  std::map<std::string, long long> last;
  for (std::size_t row = 0; row < users.rows(); ++row) {
    long long& most = last[users.text(row, "user")];
    most = std::max<long long>(most, users.number(row, "events"));
  }
  ASSERT_EQ(last.size(), events_.by_user().size());
  for (const auto& [user, events] : events_.by_user()) EXPECT_THAT(last[user], Ge(events)) << user;
  const auto audit = cluster_.verb({"audit", "shop"});
  EXPECT_EQ(audit.exit_code, 7);
  EXPECT_THAT(audit.output, HasSubstr("at-least-once"));
}

TEST_F(Promises, TooManyResultsThatWaitForACheckpointBringOne) {
  submit({"--checkpoint-interval", "1h", "--max-uncommitted", "32KiB"});
  wait_for_the_end();
  events_.expect_exact(directory_.path("out"));
  const json all = cluster_.view().get("/v1/jobs/shop/checkpoints");
  EXPECT_GT(all.at("checkpoints").size(), 1u) << "besides the final one, though the interval is an hour: " << all;
  EXPECT_EQ(job()["attempt"], 1);
}

}  // namespace
}  // namespace freshet::integration
