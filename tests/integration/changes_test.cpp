// Jobs that are stopped, restarted, rescaled, upgraded and killed while they read, by the command line and by signals;
// what they have committed in the end is counted apart from the engine.

#include <gmock/gmock.h>

#include <signal.h>
#include <filesystem>
#include <fstream>

#include <thread>

#include "tests/integration/eventually.h"
#include "tests/integration/result_table.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// A cluster of two agents and the user_behavior job, which reads some files for some seconds.
class Changes : public ::testing::Test {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 6'000, kUsers = 40, kLeastEvents = 20;

  void SetUp() override {
    const auto submitted = submit();
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  Ended submit(const std::string& name = "shop", const std::string& output = "out",
               const std::vector<std::string>& more = {}) const {
    auto arguments = parameters(
        {events_.input(), "input.rate=1500", "input.time=s", "emit=100ms", "output=" + directory_.path(output)});
    arguments.insert(arguments.end(), {"--name", name, "--parallelism", "2", "--checkpoint-interval", "200ms"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cluster_.submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
  }
  Ended must(const std::vector<std::string>& verb) const {
    const auto ended = cluster_.verb(verb);
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    return ended;
  }
  void expect_exact_results() const {
    ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << cluster_.view().job("shop");
    events_.expect_exact(directory_.path("out"));
  }

  long long newest_checkpoint() const {
    const auto last = cluster_.view().job("shop")["last_checkpoint"];
    return last.is_object() ? last.value("number", 0LL) : 0;
  }
  /// Answers how many files that were.
  int flip_a_byte_in_the_files_of(long long checkpoint) const {
    int files = 0;
    const std::string begin = "c" + std::to_string(checkpoint) + "-";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_.data())) {
      if (!entry.path().filename().string().starts_with(begin)) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const auto middle = static_cast<std::streamoff>(entry.file_size() / 2);
      file.seekg(middle);
      const int byte = file.get();
      file.seekp(middle);
      file.put(static_cast<char>(byte ^ 1));
      ++files;
    }
    return files;
  }

  TestDirectory directory_{};
  const UserEvents events_{directory_.path(""), kFiles, kLinesPerFile, kUsers};
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(Changes, RescaledStoppedAndRestartedWhileItReadsNothingIsLostOrDoubled) {
  EXPECT_THAT(must({"rescale", "shop", "--parallelism", "4"}).output,
              AllOf(HasSubstr("savepoint"), HasSubstr("restored"), HasSubstr("Running, attempt 2, revision 2"),
                    HasSubstr("stood still"), HasSubstr("\nundo: freshet rescale shop --parallelism 2")));
  EXPECT_THAT(must({"stop", "shop"}).output, HasSubstr("Stopped, all results up to it are committed"));
  EXPECT_EQ(cluster_.view().state_of("shop"), "Stopped");
  EXPECT_THAT(must({"restart", "shop"}).output, HasSubstr("Running    attempt 3"));
  must({"rescale", "shop", "--parallelism", "3"});
  EXPECT_THAT(must({"rollback", "shop"}).output, AllOf(HasSubstr("restored"), HasSubstr("stood still")));
  EXPECT_THAT(must({"revisions", "shop"}).output, AllOf(HasSubstr("submitted"), HasSubstr("rollback")));
  expect_exact_results();
}

TEST_F(Changes, KilledWorkersAreReplacedAndTheJobGoesOnWhereItWas) {
  for (int kills = 0; kills < 3; ++kills) {
    ASSERT_TRUE(eventually(kPatience, [&] { return cluster_.view().worker_pids("shop").size() == 2u; }));
    const auto attempt = cluster_.view().job("shop")["attempt"].get<int>();
    kill(cluster_.view().worker_pids("shop").at(static_cast<std::size_t>(kills % 2)), SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] {
      const auto job = cluster_.view().job("shop");
      return job["attempt"].get<int>() > attempt && job["state"] == "Running";
    })) << cluster_.view().job("shop");
  }
  expect_exact_results();
}

TEST_F(Changes, PausedItReadsNothingAndResumedItGoesOn) {
  must({"pause", "shop"});
  // What workers tell is a moment old: it comes to rest, and long before everything is read.
  long long read = -1, before = -2;
  EXPECT_TRUE(eventually(kPatience, [&] {
    before = read;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    read = cluster_.view().job("shop")["records_in"].get<long long>();
    return read == before;
  }));
  EXPECT_LT(read, kFiles * kLinesPerFile);
  EXPECT_THAT(must({"resume", "shop"}).output, HasSubstr("stood still"));
  EXPECT_THAT(must({"restart", "shop"}).output, AllOf(HasSubstr("restored"), HasSubstr("stood still")));
  expect_exact_results();
}

TEST_F(Changes, UpgradedWithOtherParametersItKeepsItsState) {
  EXPECT_THAT(must({"upgrade", "shop", FRESHET_USER_BEHAVIOR, "--job", "user_behavior", "--param", "emit=50ms"}).output,
              AllOf(HasSubstr("revision 2"), HasSubstr("stood still"), HasSubstr("\nundo: freshet rollback shop")));
  expect_exact_results();
}

TEST_F(Changes, ASecondJobBesideItBeginsWithItsState) {
  ASSERT_TRUE(eventually(
      kPatience, [&] { return cluster_.view().job("shop").value("records_in", 0) > kUsers * kLeastEvents * 2; }));
  must({"savepoint", "create", "shop"});
  const auto second = submit("next", "next", {"--from", "shop"});
  ASSERT_EQ(second.exit_code, 0) << second.output;
  ASSERT_TRUE(cluster_.view().wait_for("next", "Finished")) << cluster_.view().job("next");
  const ResultTable users(directory_.path("next/users"));
  std::map<std::string, long long> first, most;
  for (std::size_t row = 0; row < users.rows(); ++row) {
    first.emplace(users.text(row, "user"), users.number(row, "events"));
    most[users.text(row, "user")] = std::max(most[users.text(row, "user")], users.number(row, "events"));
  }
  for (const auto& [user, events] : first) EXPECT_GE(events, kLeastEvents) << user << " began anew";
  EXPECT_EQ(most, events_.by_user()) << "what it did not read itself it has from the savepoint";
  expect_exact_results();
}

TEST_F(Changes, BehindADamagedCheckpointAJobGoesOnlyWhenDuplicatesAreAllowed) {
  ASSERT_TRUE(eventually(kPatience, [&] { return newest_checkpoint() > 1; }));
  must({"stop", "shop"});
  const long long damaged = newest_checkpoint();
  ASSERT_GT(flip_a_byte_in_the_files_of(damaged), 0);
  const auto failed = cluster_.verb({"restart", "shop"});
  EXPECT_EQ(failed.exit_code, 1) << failed.output;
  EXPECT_THAT(failed.output, AllOf(HasSubstr("checkpoint " + std::to_string(damaged)),
                                   HasSubstr("freshet restart shop --allow-duplicates")));
  EXPECT_EQ(cluster_.view().state_of("shop"), "Failed");
  EXPECT_EQ(cluster_.verb({"restart", "shop"}).exit_code, 7) << "it would fail again";
  must({"restart", "shop", "--allow-duplicates"});
  ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << cluster_.view().job("shop");
  std::map<std::string, long long> last;
  const ResultTable users(directory_.path("out/users"));
  for (std::size_t row = 0; row < users.rows(); ++row) last[users.text(row, "user")] = users.number(row, "events");
  EXPECT_EQ(last, events_.by_user()) << "results come twice, and they are right";
}

TEST_F(Changes, AStoppedJobIsDeletedWithItsCheckpointsOnlyOnPurpose) {
  EXPECT_EQ(cluster_.verb({"delete", "shop", "--yes"}).exit_code, 7);
  must({"stop", "shop"});
  EXPECT_EQ(cluster_.verb({"delete", "shop"}).exit_code, 2);
  must({"delete", "shop", "--yes"});
  EXPECT_EQ(cluster_.verb({"status", "shop"}).exit_code, 4);
}

}  // namespace
}  // namespace freshet::integration
