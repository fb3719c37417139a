#include "runtime/cli/process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "runtime/cli/child_output.h"
#include "support.h"

namespace freshet::cli {
namespace {

class Processes : public testing::Test {
 protected:
  Processes() {
    fake_.use_real_time();
    fake_.around.executable = "/bin/sh";
  }
  ProcessIdentity start(const std::string& script) {
    const auto pid = spawn({"/bin/sh", {"sh", "-c", script}, -1, -1, false});
    EXPECT_TRUE(pid);
    const auto process = identify(*pid);
    EXPECT_TRUE(process);
    return *process;
  }
  ChildOutput run(const std::string& script, const ChildLimits& limits = {}) {
    auto result = run_child({"sh", "-c", script}, limits, fake_.around);
    EXPECT_TRUE(result);
    return *result;
  }
  test::FakeSurroundings fake_;
};

TEST(ProcessIdentity, TellsAProcessFromAnotherWithItsPid) {
  const auto self = identify(getpid());
  ASSERT_TRUE(self);
  EXPECT_TRUE(is_alive(*self));
  EXPECT_FALSE(is_alive({self->pid, self->start_ticks + 1}));
  EXPECT_EQ(identify(0), std::nullopt);
  EXPECT_EQ(identify(-1), std::nullopt);
}

TEST_F(Processes, StopEndsAProcess) {
  const ProcessIdentity process = start("while :; do sleep 60 & wait $!; done");
  EXPECT_EQ(stop_process(process, 60'000, fake_.around), StopOutcome::kEnded);
  EXPECT_FALSE(is_alive(process));
  EXPECT_EQ(stop_process(process, 60'000, fake_.around), StopOutcome::kWasNotRunning);
}

TEST_F(Processes, StopKillsAfterTheGrace) {
  // A process that has no handlers yet cannot ignore: exec keeps what the shell has set.
  const ProcessIdentity process = start("trap '' TERM; exec sleep 600");
  while (true) {
    std::ostringstream name;
    name << std::ifstream("/proc/" + std::to_string(process.pid) + "/comm").rdbuf();
    if (name.str() == "sleep\n") break;
  }
  EXPECT_EQ(stop_process(process, 30, fake_.around), StopOutcome::kKilled);
  EXPECT_FALSE(is_alive(process));
}

TEST_F(Processes, StopNeverTouchesAProcessWithAnotherStartTime) {
  const ProcessIdentity process = start("exec sleep 600");
  EXPECT_EQ(stop_process({process.pid, process.start_ticks + 1}, 30, fake_.around), StopOutcome::kWasNotRunning);
  EXPECT_TRUE(is_alive(process));
  kill(process.pid, SIGKILL);
  waitpid(process.pid, nullptr, 0);
}

TEST_F(Processes, SpawnNamesWhatItCouldNotStart) {
  const auto pid = spawn({"/nonexistent/freshet", {"freshet"}, -1, -1, false});
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.failure().message, "cannot start /nonexistent/freshet: No such file or directory");
}

TEST_F(Processes, ChildOutputKeepsBothStreamsAndTheExitCode) {
  const ChildOutput child = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(child.end, ChildOutput::End::kExited);
  EXPECT_EQ(child.number, 3);
  EXPECT_EQ(child.output, "out\n");
  EXPECT_EQ(child.errors, "err\n");
}

TEST_F(Processes, CtrlCOnlyDetachesAWaitingVerb) {
  test::FakeManager manager;
  manager.answer("GET /v1/jobs/shop", 200, R"({"name":"shop","state":"Running"})");
  const auto pid =
      spawn({FAKE_FRESHET, {"freshet", "status", "shop", "--wait", "--manager=" + manager.address()}, -1, -1, false});
  ASSERT_TRUE(pid);
  // Its first question says that it has taken over SIGINT.
  while (manager.seen().empty()) sched_yield();
  kill(*pid, SIGINT);
  int status = 0;
  waitpid(*pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), number(ExitCode::kInterrupted));
}

TEST_F(Processes, ChildOutputNamesTheSignal) {
  const ChildOutput child = run("kill -SEGV $$");
  EXPECT_EQ(child.end, ChildOutput::End::kSignalled);
  EXPECT_EQ(signal_name(child.number), "SIGSEGV");
}

TEST_F(Processes, ChildOutputIsKilledAtItsTimeLimit) {
  EXPECT_EQ(run("echo begun >&2; exec sleep 600", {.timeout_ms = 50}).end, ChildOutput::End::kTimedOut);
}

TEST_F(Processes, ChildOutputIsKilledAtItsSizeLimit) {
  EXPECT_EQ(run("printf 12345678", {.output_bytes = 8}).output, "12345678");
  EXPECT_EQ(run("printf 123456789", {.output_bytes = 8}).end, ChildOutput::End::kTooMuchOutput);
  EXPECT_EQ(run("exec yes", {.output_bytes = 100'000}).end, ChildOutput::End::kTooMuchOutput);
}

TEST_F(Processes, ChildOutputKeepsTheBeginningOfStderr) {
  const ChildOutput child =
      run("printf 123456789 >&2; i=0; while [ $i -lt 5000 ]; do echo xxxxxxxxxxxxxxxxxxx >&2; i=$((i+1)); done",
          {.error_bytes = 5});
  EXPECT_EQ(child.end, ChildOutput::End::kExited);
  EXPECT_EQ(child.errors, "12345");
}

TEST_F(Processes, ChildOutputDoesNotWaitForGrandchildren) {
  const ChildOutput child = run("sleep 600 & echo $!");
  EXPECT_EQ(child.end, ChildOutput::End::kExited);
  kill(std::stoi(child.output), SIGKILL);
}

}  // namespace
}  // namespace freshet::cli
