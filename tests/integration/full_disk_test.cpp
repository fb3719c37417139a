// A disk that is full for a while: state that does not fit into memory has nowhere to go, or checkpoints have not.
// Nothing fails, and what is committed in the end is counted apart from the engine.

#include <gmock/gmock.h>

#include <filesystem>
#include <optional>

#include "tests/integration/eventually.h"
#include "tests/integration/small_disk.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using ::testing::HasSubstr;

class FullDisk : public ::testing::Test {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 80'000, kUsers = 20'000;

  /// A cluster whose `folder`, "cluster" or "checkpoints", is on a disk of its own. False: this process may not make
  /// one.
  bool start_with_small_disk(const std::string& folder) {
    for (const char* each : {"cluster", "checkpoints"}) fs::create_directories(directory_.path(each));
    try {
      disk_.emplace(directory_.path(folder), 128u << 20);
    } catch (const std::runtime_error&) {
      return false;
    }
    cluster_.emplace(directory_.path("cluster"), 2,
                     std::vector<std::string>{"--checkpoint-storage", directory_.path("checkpoints")});
    return true;
  }
  void submit(const std::vector<std::string>& more) const {
    auto arguments = parameters({events_.input(), "input.rate=20000", "input.time=s", "emit=200ms",
                                 "output=" + directory_.path("out"), "session_gap=0ms", "visits_window=0ms", "hot=0"});
    arguments.insert(arguments.end(), {"--name", "shop", "--parallelism", "2", "--checkpoint-interval", "300ms"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto submitted = cluster_->submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
    ASSERT_TRUE(eventually(kPatience, [&] { return job()["last_checkpoint"]["number"].is_number(); })) << job();
  }
  nlohmann::json job() const { return cluster_->view().job("shop"); }
  /// Its problem of that kind, or null.
  nlohmann::json problem(const std::string& kind) const {
    const auto status = job();
    for (const auto& problem : status["problems"])
      if (problem["kind"] == kind) return problem;
    return {};
  }
  void expect_exact_results_of_one_attempt() const {
    ASSERT_TRUE(cluster_->view().wait_for("shop", "Finished")) << job();
    events_.expect_exact(directory_.path("out"));
    EXPECT_EQ(job()["attempt"], 1) << "it was waited for, and nothing was begun anew";
    EXPECT_THAT(job()["problems"], ::testing::IsEmpty());
  }

  static constexpr const char* kSkipped = "to mount a disk takes root or CAP_SYS_ADMIN";
  TestDirectory directory_{};
  std::optional<SmallDisk> disk_;
  const UserEvents events_{directory_.path(""), kFiles, kLinesPerFile, kUsers};
  std::optional<TestCluster> cluster_;
};

TEST_F(FullDisk, UnderTheStateHoldsTheJobBackUntilThereIsRoomAndNothingIsLostOrDoubled) {
  if (!start_with_small_disk("cluster")) GTEST_SKIP() << kSkipped;
  ASSERT_NO_FATAL_FAILURE(submit({"--state-memory", "200KiB"}));
  disk_->fill();
  ASSERT_TRUE(eventually(kPatience, [&] {
    const auto full = problem("DISK_FULL");
    return !full.is_null() && full["what"].get<std::string>().find("tasks wait") != std::string::npos;
  })) << job();
  EXPECT_EQ(job()["state"], "Running");
  EXPECT_EQ(job()["health"], "DEGRADED");
  disk_->make_room();
  expect_exact_results_of_one_attempt();
}

TEST_F(FullDisk, UnderTheCheckpointsFailsThemAndTheJobGoesOn) {
  if (!start_with_small_disk("checkpoints")) GTEST_SKIP() << kSkipped;
  ASSERT_NO_FATAL_FAILURE(submit({}));
  const auto failed = [&] { return job()["checkpoints_failed_in_a_row"].get<int>(); };
  disk_->fill();
  ASSERT_TRUE(eventually(kPatience, [&] { return failed() > 4; })) << "more than are tolerated: " << job();
  EXPECT_EQ(job()["state"], "Running");
  EXPECT_THAT(problem("CHECKPOINT_FAILING").dump(), HasSubstr("No space left on device"));
  disk_->make_room();
  ASSERT_TRUE(eventually(kPatience, [&] { return failed() == 0; })) << job();
  expect_exact_results_of_one_attempt();
}

}  // namespace
}  // namespace freshet::integration
