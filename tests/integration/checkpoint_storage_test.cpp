// Checkpoints in a folder apart from all data folders: what a start says about it, and that a job survives the loss of
// a machine with all that was on it. What it commits in the end is counted apart from the engine.

#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/eventually.h"
#include "tests/integration/process_table.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// What is left of the machine of local-2 when its processes have been killed.
enum class Loss { whole_data_folder, workers_folders };

/// A cluster of two agents, checkpoints elsewhere, and the user_behavior job that reads two files for some seconds.
class LostMachine : public ::testing::TestWithParam<Loss> {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 6'000, kUsers = 40;

  void SetUp() override {
    auto arguments = parameters(
        {events_.input(), "input.rate=1500", "input.time=s", "emit=100ms", "output=" + directory_.path("out")});
    arguments.insert(arguments.end(), {"--name", "shop", "--parallelism", "2", "--checkpoint-interval", "200ms"});
    const auto submitted = cluster_.submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  nlohmann::json job() const { return cluster_.view().job("shop"); }
  /// Those of local-2: its agent and its workers.
  std::vector<pid_t> second_machine() const { return processes_with(machine_); }
  void lose_second_machine() const {
    for (const pid_t pid : second_machine()) kill(pid, SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] { return second_machine().empty(); }));
    if (GetParam() == Loss::whole_data_folder)
      fs::rename(machine_, directory_.path("taken-away"));
    else
      EXPECT_GT(fs::remove_all(machine_ + "/jobs"), 0u);
  }
  void expect_exact_results() const {
    ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << job();
    events_.expect_exact(directory_.path("out"));
  }

  TestDirectory directory_{};
  const UserEvents events_{directory_.path(""), kFiles, kLinesPerFile, kUsers};
  const std::string storage_ = directory_.path("elsewhere/checkpoints");
  TestCluster cluster_{directory_.path("cluster"), 2, {"--checkpoint-storage", storage_}};
  const std::string machine_ = directory_.path("cluster/local-2");
};

TEST_P(LostMachine, TheJobGoesOnOnTheOtherOneAndItsResultsAreExact) {
  ASSERT_TRUE(eventually(kPatience, [&] { return job()["last_checkpoint"]["number"].is_number(); }));
  EXPECT_TRUE(fs::exists(storage_ + "/job-1/manifests"));
  EXPECT_FALSE(fs::exists(directory_.path("cluster/manager/checkpoints")));
  ASSERT_GE(second_machine().size(), 2u) << "an agent, and a worker that is lost with it";
  lose_second_machine();
  const auto lost = job();
  ASSERT_LT(lost["records_in"].get<long long>(), kFiles * kLinesPerFile) << "it was lost too late to matter";
  expect_exact_results();
  EXPECT_GT(job()["attempt"].get<int>(), 1);
  const auto moved = job();
  for (const auto& worker : moved["workers"]) EXPECT_EQ(worker["agent"], "local-1");
  EXPECT_FALSE(fs::exists(machine_ + "/jobs"));
}

INSTANTIATE_TEST_SUITE_P(Losses, LostMachine, ::testing::Values(Loss::whole_data_folder, Loss::workers_folders),
                         [](const auto& loss) {
                           return loss.param == Loss::whole_data_folder ? "WithItsDataFolder" : "WithItsWorkersFolders";
                         });

/// A cluster without agents: it is the job manager that has to find its checkpoints.
class StorageAtStart : public ::testing::Test {
 protected:
  ~StorageAtStart() override { stop(); }
  Ended start(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"cluster",        "start",       "--agents",  "0",
                                   "--port",         port_,         "--data",    directory_.path("cluster"),
                                   "--control-port", control_port_, "--timeout", "60s"};
    words.insert(words.end(), more.begin(), more.end());
    return run_freshet(words);
  }
  void stop() const { EXPECT_EQ(run_freshet({"cluster", "stop", "--data", directory_.path("cluster")}).exit_code, 0); }

  TestDirectory directory_{};
  const std::string port_ = std::to_string(free_port()), control_port_ = std::to_string(free_port());
};

TEST_F(StorageAtStart, AFolderThatCannotBeMadeEndsTheStartWithARemedy) {
  std::ofstream(directory_.path("file")) << "no folder";
  const auto refused = start({"--checkpoint-storage", directory_.path("file/below")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output,
              AllOf(HasSubstr("the checkpoint storage " + directory_.path("file/below") + " cannot be used: "),
                    HasSubstr("remedy  make it writable"), HasSubstr("has been stopped again")));
}

TEST_F(StorageAtStart, TheNextStartFindsItWithoutTheFlagAndRefusesAnother) {
  const std::string folder = directory_.path("elsewhere");
  const auto started = start({"--checkpoint-storage", folder});
  ASSERT_EQ(started.exit_code, 0) << started.output;
  EXPECT_THAT(started.output, HasSubstr("\ncheckpoints   " + folder + "\n"));
  const auto other = start({"--checkpoint-storage", directory_.path("other")});
  EXPECT_EQ(other.exit_code, 7);
  EXPECT_THAT(other.output, AllOf(HasSubstr("runs already, with its checkpoints in " + folder), HasSubstr("Stop it")));
  stop();
  fs::create_directory(folder + "/job-1");  // as if a job had run
  const auto again = start();
  ASSERT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("\ncheckpoints   " + folder + "\n"));
  stop();
  const auto moved = start({"--checkpoint-storage", directory_.path("other")});
  EXPECT_EQ(moved.exit_code, 1);
  EXPECT_THAT(moved.output, HasSubstr("the jobs' checkpoints are in " + folder));
}

}  // namespace
}  // namespace freshet::integration
