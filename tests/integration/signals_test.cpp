// Every kind of process is told to end, and killed. What depends on it ends, too, and says why; nothing stays behind:
// no process, no listening socket, no file that looks finished.

#include <gmock/gmock.h>

#include <fstream>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "tests/integration/background_program.h"
#include "tests/integration/eventually.h"
#include "tests/integration/process_table.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kInterrupted = 130;
const std::string kJob = "burst";

/// A job that never ends by itself and has result files under way.
std::vector<std::string> endless(const std::string& output) {
  auto words = parameters({"count=1000000000000", "one_by_one=true", "output=" + output});
  words.insert(words.end(), {"--parallelism", "2"});
  return words;
}

class Signals : public ::testing::Test {
 protected:
  void expect_nothing_is_left(const std::set<std::string>& sockets) {
    EXPECT_TRUE(eventually(kPatience, [this] { return processes_with(directory_.path("")).empty(); }));
    for (const pid_t pid : processes_with(directory_.path(""))) ADD_FAILURE() << "left: " << command_line(pid);
    EXPECT_THAT(still_listening(sockets), IsEmpty());
    EXPECT_THAT(unmarked_files(output_), IsEmpty());
    for (const char* part : {"part-00000.csv", "part-00001.csv"})
      EXPECT_FALSE(std::filesystem::exists(output_ + "/" + part)) << "a job that did not finish has a finished file";
  }
  bool all_gone(const std::vector<pid_t>& pids) const {
    return eventually(kPatience, [&] { return std::none_of(pids.begin(), pids.end(), is_alive); });
  }

  TestDirectory directory_{};
  const std::string output_ = directory_.path("out");
};

/// A run with two workers that is under way.
class SignalsToRun : public Signals {
 protected:
  void start() {
    std::vector<std::string> arguments{"run",    FRESHET_FAULTS,           "--job", kJob, "--workers", "2",
                                       "--data", directory_.path("engine")};
    const auto words = endless(output_);
    arguments.insert(arguments.end(), words.begin(), words.end());
    program_.emplace(arguments, directory_.path("run.txt"));
    ASSERT_TRUE(eventually(kPatience, [this] { return !address_in(program_->output()).empty(); }));
    auto pids = EngineView(address_in(program_->output())).worker_pids(kJob);
    ASSERT_EQ(pids.size(), 2u);
    pids.push_back(program_->pid());
    sockets_ = listening_sockets(pids);
    ASSERT_GE(sockets_.size(), 4u);  // REST, control, and each worker's
  }
  std::optional<BackgroundProgram> program_;
  std::set<std::string> sockets_;
};

TEST_F(SignalsToRun, CtrlCStopsItCleanlyWith130) {
  ASSERT_NO_FATAL_FAILURE(start());
  program_->signal(SIGINT);
  EXPECT_EQ(program_->wait(kPatience), kInterrupted) << program_->output();
  EXPECT_THAT(program_->output(), AllOf(HasSubstr("stopping " + kJob), HasSubstr("CANCELLED")));
  expect_nothing_is_left(sockets_);
}

TEST_F(SignalsToRun, SigtermStopsItCleanly) {
  ASSERT_NO_FATAL_FAILURE(start());
  program_->signal(SIGTERM);
  EXPECT_EQ(program_->wait(kPatience), kInterrupted) << program_->output();
  expect_nothing_is_left(sockets_);
}

TEST_F(SignalsToRun, WorkersOfAKilledRunEndByThemselves) {
  ASSERT_NO_FATAL_FAILURE(start());
  program_->signal(SIGKILL);
  EXPECT_EQ(program_->wait(kPatience), -SIGKILL);
  expect_nothing_is_left(sockets_);
}

/// A cluster of two agents with one worker on each.
class SignalsToCluster : public Signals {
 protected:
  void SetUp() override {
    auto arguments = endless(output_);
    arguments.insert(arguments.end(), {"--restart", "none"});
    const auto submitted = cluster_.submit(FRESHET_FAULTS, kJob, arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
    workers_ = cluster_.view().worker_pids(kJob);
    ASSERT_EQ(workers_.size(), 2u);
    std::vector<pid_t> all = workers_;
    all.push_back(cluster_.manager_pid());
    sockets_ = listening_sockets(all);
    ASSERT_GE(sockets_.size(), 4u);
  }
  void TearDown() override {
    const auto stopped = cluster_.stop();
    EXPECT_EQ(stopped.exit_code, 0) << stopped.output;
    EXPECT_THAT(stopped.output, ::testing::Not(HasSubstr("killed")));
    expect_nothing_is_left(sockets_);
  }
  std::string status() const { return cluster_.verb({"status", kJob}).output; }
  void expect_failed() { EXPECT_TRUE(cluster_.view().wait_for(kJob, "Failed")) << cluster_.view().job(kJob); }
  /// The agent that a worker runs under, and what the status says of that worker.
  std::string agent_of(pid_t worker) const {
    const auto job = cluster_.view().job(kJob);
    for (const auto& each : job["workers"])
      if (each["pid"] == worker) return each["agent"];
    return "?";
  }

  TestCluster cluster_{directory_.path("cluster"), 2, {"--orphan-after", "2s"}};
  std::vector<pid_t> workers_;
  std::set<std::string> sockets_;
};

TEST_F(SignalsToCluster, AWorkerThatIsToldToEndFailsTheJob) {
  const std::string agent = agent_of(workers_[0]);
  kill(workers_[0], SIGTERM);
  expect_failed();
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_THAT(status(), AllOf(HasSubstr("FAILED"), HasSubstr("SIGTERM"), HasSubstr("worker 0 on " + agent)));
}

TEST_F(SignalsToCluster, AKilledWorkerFailsTheJobWithSignalAndAgent) {
  const std::string agent = agent_of(workers_[0]);
  kill(workers_[0], SIGKILL);
  expect_failed();
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_THAT(status(), AllOf(HasSubstr("FAILED"), HasSubstr("WORKER_CRASHED"), HasSubstr("SIGKILL"),
                              HasSubstr("worker 0 on " + agent)));
}

TEST_F(SignalsToCluster, AnAgentThatIsToldToEndTakesItsWorkersWithIt) {
  kill(cluster_.agent_pids()[0], SIGTERM);
  EXPECT_TRUE(all_gone({cluster_.agent_pids()[0]}));
  expect_failed();
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_THAT(status(), AllOf(HasSubstr("FAILED"), HasSubstr("local-1")));
}

TEST_F(SignalsToCluster, AKilledAgentFailsTheJobAndItsWorkersEnd) {
  kill(cluster_.agent_pids()[0], SIGKILL);
  expect_failed();
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_THAT(status(), AllOf(HasSubstr("FAILED"), HasSubstr("AGENT_LOST"), HasSubstr("local-1")));
}

TEST_F(SignalsToCluster, AnAgentThatIsStartedAnewTakesItsWorkersOver) {
  const pid_t killed = cluster_.agent_pids()[0];
  kill(killed, SIGKILL);
  ASSERT_TRUE(all_gone({killed}));
  const auto started = cluster_.start_again();
  ASSERT_EQ(started.exit_code, 0) << started.output;
  ASSERT_TRUE(eventually(kPatience,
                         [&] {
                           const auto cluster = cluster_.view().cluster();
                           return cluster.contains("agents") && cluster["agents"].at(0).value("pid", killed) != killed;
                         }))
      << cluster_.view().cluster() << "\n"
      << std::ifstream(cluster_.data() + "/local-1.log").rdbuf();
  const auto events = [&] { return cluster_.view().job(kJob).value("records_in", 0LL); };
  const long long before = events();
  EXPECT_TRUE(eventually(kPatience, [&] { return events() > before; })) << status();
  const auto job = cluster_.view().job(kJob);
  EXPECT_EQ(job["state"], "Running") << job;
  EXPECT_EQ(job["attempt"], 1);
  EXPECT_EQ(cluster_.view().worker_pids(kJob), workers_);
  const auto cancelled = cluster_.verb({"cancel", kJob});
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.output;
  EXPECT_TRUE(all_gone(workers_)) << "whose child a worker is does not matter";
}

TEST_F(SignalsToCluster, ASecondAgentInTheFolderOfAnotherIsRefused) {
  const Ended second = run_freshet(
      {"agent", "--manager", cluster_.control_address(), "--name", "second", "--data", cluster_.data() + "/local-1"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.output, HasSubstr("another agent works in " + cluster_.data() + "/local-1"));
  EXPECT_EQ(cluster_.view().worker_pids(kJob), workers_);
}

TEST_F(SignalsToCluster, WorkersEndByThemselvesWhenTheJobManagerIsToldToEnd) {
  kill(cluster_.manager_pid(), SIGTERM);
  EXPECT_TRUE(all_gone({cluster_.manager_pid()}));
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_THAT(cluster_.verb({"status", kJob}).exit_code, 5);
}

TEST_F(SignalsToCluster, WorkersEndByThemselvesWhenTheJobManagerIsKilled) {
  const auto killed_at = std::chrono::steady_clock::now();
  kill(cluster_.manager_pid(), SIGKILL);
  EXPECT_TRUE(all_gone(workers_));
  EXPECT_GE(std::chrono::steady_clock::now() - killed_at, std::chrono::milliseconds(1500))
      << "data flows on for the time that was stated";
  EXPECT_THAT(cluster_.agent_pids(), ::testing::Each(::testing::Truly(is_alive)));
}

}  // namespace
}  // namespace freshet::integration
