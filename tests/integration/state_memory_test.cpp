// State that is many times what a job may keep in memory: it goes to disk and comes back, workers are killed on the
// way, and what is committed in the end is counted apart from the engine.

#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "runtime/base/process.h"
#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;

class StateMemory : public ::testing::Test {
 protected:
  explicit StateMemory(int lines_per_file = 40'000, int users = 9'000)
      : events_(directory_.path(""), 2, lines_per_file, users) {}

  void submit(const std::string& rate, const std::vector<std::string>& more) {
    auto arguments = parameters({events_.input(), "input.rate=" + rate, "input.time=s", "emit=200ms",
                                 "output=" + directory_.path("out"), "session_gap=0ms", "visits_window=0ms", "hot=0"});
    arguments.insert(arguments.end(), {"--name", "shop", "--parallelism", "2", "--checkpoint-interval", "300ms"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto submitted = cluster_.submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  nlohmann::json job() const { return cluster_.view().job("shop"); }
  /// Folders of spilled state. Others may come and go while it looks.
  std::vector<std::string> spilled() const {
    std::vector<std::string> folders;
    std::error_code gone;
    fs::recursive_directory_iterator at(directory_.path("cluster"), gone);
    for (; !gone && at != fs::recursive_directory_iterator(); at.increment(gone))
      if (at->path().filename() == "state") folders.push_back(at->path());
    return folders;
  }
  void expect_exact_results() const {
    ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << job();
    events_.expect_exact(directory_.path("out"));
  }

  TestDirectory directory_{};
  /// Users come again after thousands of others, when they have left memory.
  const UserEvents events_;
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(StateMemory, WhatDoesNotFitGoesToDiskAndTheResultsAreExactThroughKills) {
  submit("4000", {"--state-memory", "200KiB"});  // lines a second of each file: ten seconds, time for two kills
  for (int kills = 0; kills < 2; ++kills) {
    ASSERT_TRUE(eventually(kPatience, [&] {
      const auto status = job();
      return status["state"] == "Running" && status["attempt"].get<int>() == kills + 1 &&
             !status["last_checkpoint"].is_null() && !cluster_.view().worker_pids("shop").empty() && !spilled().empty();
    })) << job();
    kill(cluster_.view().worker_pids("shop").at(0), SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] { return job()["attempt"].get<int>() == kills + 2; })) << job();
  }
  expect_exact_results();
  const std::string newest = "/attempt-" + std::to_string(job()["attempt"].get<int>()) + "/";
  for (const std::string& folder : spilled())
    EXPECT_NE(folder.find(newest), std::string::npos) << "killed workers' state is left behind: " << folder;
}

TEST_F(StateMemory, WithoutALimitNothingGoesToDisk) {
  submit("40000", {});
  bool has_spilled = false;
  ASSERT_TRUE(eventually(kPatience, [&] {
    has_spilled = has_spilled || !spilled().empty();  // the folder goes with its worker
    return job()["state"] == "Finished";
  })) << job();
  EXPECT_FALSE(has_spilled);
  expect_exact_results();
}

/// So much state that what a worker takes tells whether it keeps to its limit.
class LargeState : public StateMemory {
 protected:
  static constexpr std::uint64_t kStateMemory = 4 * kMiB;
  /// What this worker may take besides, see README.md: the program, frames under way, what is being saved, RocksDB.
  static constexpr std::uint64_t kBesides = 80 * kMiB;
  LargeState() : StateMemory(200'000, 150'000) {}

  /// Runs the job to its end. What the largest of its workers took at most, bytes.
  std::uint64_t most_taken(const std::vector<std::string>& more) {
    submit("1000000", more);
    std::uint64_t most = 0;
    EXPECT_TRUE(eventually(kPatience, [&] {
      for (const pid_t pid : cluster_.view().worker_pids("shop"))
        most = std::max(most, base::proportional_bytes(pid).value_or(0));
      return job()["state"] == "Finished";
    })) << job();
    std::cout << "the largest worker took " << most / kMiB << " MiB at most" << std::endl;
    return most;
  }
};

TEST_F(LargeState, AWorkerTakesItsStateMemoryAndAStatedConstant) {
  EXPECT_LE(most_taken({"--state-memory", "4MiB"}), kStateMemory + kBesides);
  expect_exact_results();
}

TEST_F(LargeState, WithoutALimitItTakesWhatThereIs) {
  EXPECT_GE(most_taken({}), 10 * kStateMemory + kBesides) << "the other test measures nothing";
}

}  // namespace
}  // namespace freshet::integration
