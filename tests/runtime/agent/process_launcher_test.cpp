#include "runtime/agent/process_launcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/base/process.h"

namespace freshet::agent {
namespace {

namespace fs = std::filesystem;

/// The executable is a shell script that stands in for `freshet worker …`.
class ProcessLauncherTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "freshet-launch-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  void TearDown() override {
    if (HasFatalFailure())
      for (const auto& survivor : ProcessLauncher({"", "", directory_}).take_over())
        ::kill(static_cast<pid_t>(survivor.pid), SIGKILL);
    fs::remove_all(directory_);
  }

  LauncherOptions options_with(const std::string& script) {
    const std::string path = directory_ + "/worker.sh";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path.c_str(), 0755);
    return {path, "127.0.0.1:7071", directory_};
  }
  static std::pair<WorkerKey, ExitStatus> wait_for_end(ProcessLauncher& launcher) {
    pollfd ready{launcher.exits_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 60'000), 1);
    auto ended = launcher.reap();
    EXPECT_EQ(ended.size(), 1u);
    return ended.at(0);
  }

  std::string directory_;
  const WorkerSpec spec_{{JobId{7}, Attempt{2}, WorkerId{1}}, "shop", "/libs/shop.so"};
};

TEST_F(ProcessLauncherTest, CommandLineSaysWhoTheWorkerIs) {
  ProcessLauncher launcher(options_with("echo \"$@\""));
  ASSERT_TRUE(launcher.start(spec_).ok());
  const auto [key, status] = wait_for_end(launcher);
  EXPECT_EQ(key, spec_.worker);
  EXPECT_EQ(status.code, 0);
  const std::string path = directory_ + "/jobs/job-7/attempt-2/worker-1";
  EXPECT_EQ(launcher.leftovers(key).last_words,
            "worker --manager 127.0.0.1:7071 --job 7 --attempt 2 --worker 1 --library /libs/shop.so --job-name shop "
            "--data " +
                path + " --crash-file " + path + ".crash --orphan-after 10000ms --reads-per-second 0");
}

TEST_F(ProcessLauncherTest, WhatEarlierAttemptsSpilledIsRemovedAndNothingElse) {
  const std::string job = directory_ + "/jobs/job-7";
  for (const char* folder : {"attempt-1/worker-0/state", "attempt-1/worker-3/state", "attempt-3/worker-0/state"}) {
    fs::create_directories(job + "/" + folder);
    std::ofstream(job + "/" + folder + "/CURRENT") << "MANIFEST";
  }
  std::ofstream(job + "/attempt-1/worker-0/worker.log") << "why it died";
  fs::create_directories(directory_ + "/jobs/job-8/attempt-1/worker-0/state");
  ProcessLauncher launcher(options_with("exit 0"));
  ASSERT_TRUE(launcher.start(spec_).ok());  // attempt 2
  wait_for_end(launcher);
  EXPECT_FALSE(fs::exists(job + "/attempt-1/worker-0/state"));
  EXPECT_FALSE(fs::exists(job + "/attempt-1/worker-3/state"));
  EXPECT_TRUE(fs::exists(job + "/attempt-1/worker-0/worker.log"));
  EXPECT_TRUE(fs::exists(job + "/attempt-3/worker-0/state/CURRENT")) << "a later attempt may be running";
  EXPECT_TRUE(fs::exists(directory_ + "/jobs/job-8/attempt-1/worker-0/state"));
}

/// The test is the parent of all of them, and waits for those that a launcher does not take for its children.
TEST_F(ProcessLauncherTest, ANewOneTakesOverWhatStillRuns) {
  const auto options = options_with("exec sleep 600");
  const WorkerSpec other{{JobId{7}, Attempt{2}, WorkerId{2}}, "shop", "/libs/shop.so"};
  pid_t left = 0;
  {
    ProcessLauncher first(options);
    left = static_cast<pid_t>(*first.start(spec_));
    ASSERT_TRUE(first.start(other).ok());
    first.kill(other.worker);
    wait_for_end(first);
  }
  ProcessLauncher second(options);
  const auto survivors = second.take_over();
  ASSERT_EQ(survivors.size(), 1u);
  EXPECT_EQ(survivors[0].worker, spec_.worker);
  EXPECT_EQ(survivors[0].pid, static_cast<std::uint64_t>(left));
  EXPECT_TRUE(second.reap().empty());
  second.kill(spec_.worker);
  const auto [key, status] = wait_for_end(second);
  EXPECT_EQ(key, spec_.worker);
  EXPECT_TRUE(status.is_guessed);
  EXPECT_EQ(status.code, -1);
  EXPECT_EQ(::waitpid(left, nullptr, 0), left);
  EXPECT_TRUE(ProcessLauncher(options).take_over().empty());
}

TEST_F(ProcessLauncherTest, WhatATakenOverWorkerSaysOfItsEndIsBelieved) {
  const auto options = options_with(
      "while [ \"$1\" != --data ]; do shift; done; while [ -d \"$2\" ] && [ ! -e \"$2/go\" ]; do sleep 0.02; done; "
      "echo 3 > "
      "\"$2/exit_code\"");
  const auto left = static_cast<pid_t>(*ProcessLauncher(options).start(spec_));
  ProcessLauncher second(options);
  ASSERT_EQ(second.take_over().size(), 1u);
  std::ofstream(second.path_of(spec_.worker) + "/go") << "";
  const auto [key, status] = wait_for_end(second);
  EXPECT_EQ(status.code, 3);
  EXPECT_FALSE(status.is_guessed);
  EXPECT_EQ(::waitpid(left, nullptr, 0), left);
}

TEST_F(ProcessLauncherTest, WhatAnotherWorkerOfThatNameSaidOfItsEndIsForgotten) {
  const auto options = options_with("exec sleep 600");
  const std::string path = directory_ + "/jobs/job-7/attempt-2/worker-1";
  fs::create_directories(path);
  std::ofstream(path + "/exit_code") << "0";
  const auto left = static_cast<pid_t>(*ProcessLauncher(options).start(spec_));
  ProcessLauncher second(options);
  ASSERT_EQ(second.take_over().size(), 1u);
  second.kill(spec_.worker);
  EXPECT_TRUE(wait_for_end(second).second.is_guessed);
  EXPECT_EQ(::waitpid(left, nullptr, 0), left);
}

TEST_F(ProcessLauncherTest, WhatPrintedMoreThanALogFileHoldsKeepsItsOutput) {
  ProcessLauncher launcher(options_with("head -c 17000000 /dev/zero | tr '\\0' x; kill -9 $$"));
  ASSERT_TRUE(launcher.start(spec_).ok());
  const auto [key, status] = wait_for_end(launcher);
  launcher.log_death(key, status);
  EXPECT_GT(fs::file_size(launcher.path_of(key) + ".out"), 17'000'000u);
}

TEST_F(ProcessLauncherTest, AProcessThatHasOnlyThePidOfAWorkerIsNotTakenOver) {
  const std::string attempt = directory_ + "/jobs/job-7/attempt-2";
  fs::create_directories(attempt);
  const std::string own = std::to_string(base::own_pid());
  int number = 0;
  for (const std::string& text :
       {own + " 1", std::string("1 1"), std::string("-1 1"), std::string("words"), std::string()})
    std::ofstream(attempt + "/worker-" + std::to_string(number++) + ".process") << text;
  std::ofstream(attempt + "/worker-1x.process") << own << ' ' << *base::process_start_time(base::own_pid());
  EXPECT_TRUE(ProcessLauncher(options_with("exit 0")).take_over().empty());
}

TEST_F(ProcessLauncherTest, LastLinesOfBothOutputsAreKept) {
  ProcessLauncher launcher(options_with("for i in 1 2 3 4 5 6; do echo line $i; done; echo the end >&2; exit 3"));
  ASSERT_TRUE(launcher.start(spec_).ok());
  const auto [key, status] = wait_for_end(launcher);
  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.signal, 0);
  EXPECT_EQ(launcher.leftovers(key).last_words, "line 3\nline 4\nline 5\nline 6\nthe end");
}

TEST_F(ProcessLauncherTest, TerminateAsks) {
  ProcessLauncher launcher(options_with("exec sleep 600"));
  ASSERT_TRUE(launcher.start(spec_).ok());
  launcher.terminate(spec_.worker);
  EXPECT_EQ(wait_for_end(launcher).second.signal, SIGTERM);
  launcher.terminate(spec_.worker);  // gone: no error
}

TEST_F(ProcessLauncherTest, KillForces) {
  ProcessLauncher launcher(options_with("exec sleep 600"));
  ASSERT_TRUE(launcher.start(spec_).ok());
  launcher.kill(spec_.worker);
  EXPECT_EQ(wait_for_end(launcher).second.signal, SIGKILL);
}

TEST_F(ProcessLauncherTest, CrashReportIsReadBack) {
  const wire::RecordTrace trace{"totals", "in.csv, line 3", "{\"a\":1}"};
  ByteBuffer bytes;
  encode(bytes, trace);
  const std::string report = directory_ + "/report";
  std::ofstream(report, std::ios::binary) << bytes.view() << std::string(100, '\0');
  ProcessLauncher launcher(
      options_with("while [ \"$1\" != --crash-file ]; do shift; done; cp " + report + " \"$2\"; kill -SEGV $$"));
  ASSERT_TRUE(launcher.start(spec_).ok());
  const auto [key, status] = wait_for_end(launcher);
  EXPECT_EQ(status.signal, SIGSEGV);
  const auto left = launcher.leftovers(key);
  ASSERT_TRUE(left.crash.has_value());
  EXPECT_EQ(left.crash->operator_id, "totals");
  EXPECT_EQ(left.crash->record, "{\"a\":1}");
  launcher.log_death(key, status);
  const auto words = launcher.leftovers(key).last_words;
  EXPECT_NE(words.find("error operator=totals killed by SIGSEGV; at in.csv, line 3; record {\"a\":1}"),
            std::string::npos)
      << words;
}

TEST_F(ProcessLauncherTest, HostileCrashReportIsNone) {
  ProcessLauncher launcher(options_with("exit 0"));
  const std::string path = launcher.path_of(spec_.worker) + ".crash";
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << "\xdd\xff\xff\xff\xff";
  EXPECT_FALSE(launcher.leftovers(spec_.worker).crash.has_value());
  std::ofstream(path, std::ios::binary) << std::string(ProcessLauncher::kMaxCrashFileBytes + 1, '\x90');
  EXPECT_FALSE(launcher.leftovers(spec_.worker).crash.has_value());
}

TEST_F(ProcessLauncherTest, WhatCannotBeRunIsAnError) {
  ProcessLauncher launcher({directory_ + "/no-such-program", "127.0.0.1:1", directory_});
  const auto pid = launcher.start(spec_);
  ASSERT_FALSE(pid.ok());
  EXPECT_NE(pid.error().message.find("cannot be run"), std::string::npos);
}

}  // namespace
}  // namespace freshet::agent
