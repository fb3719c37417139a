#include "runtime/cli/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/process.h"
#include "runtime/cli/pidfd.h"

namespace freshet::cli {
namespace {

constexpr std::int64_t kStopPollMs = 20;
// A process that does not go away after SIGKILL hangs in the kernel; waiting longer helps nobody.
constexpr std::int64_t kKillWaitMs = 5'000;

void use_stream(posix_spawn_file_actions_t& actions, int from, int target) {
  if (from >= 0) {
    posix_spawn_file_actions_adddup2(&actions, from, target);
  } else {
    posix_spawn_file_actions_addopen(&actions, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0);
  }
}

enum class StopWait { kGone, kStillThere, kInterrupted };

StopWait wait_until_gone(const ProcessIdentity& process, std::int64_t limit_ms, const Surroundings& around) {
  const std::int64_t end = around.steady_ms() + limit_ms;
  for (;;) {
    reap(process.pid);
    if (!is_alive(process)) return StopWait::kGone;
    if (around.steady_ms() >= end) return StopWait::kStillThere;
    if (!around.pause(kStopPollMs)) return StopWait::kInterrupted;
  }
}

}  // namespace

std::optional<ProcessIdentity> identify(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto start = base::process_start_time(pid);
  if (!start || !base::is_process_alive(pid, *start)) return std::nullopt;
  return ProcessIdentity{pid, *start};
}

void reap(pid_t pid) { waitpid(pid, nullptr, WNOHANG); }

bool is_alive(const ProcessIdentity& process) {
  return process.pid > 0 && base::is_process_alive(process.pid, process.start_ticks);
}

Result<pid_t> spawn(const SpawnOptions& options) {
  CHECK(!options.arguments.empty(), "a process has at least its name as an argument");
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  use_stream(actions, -1, STDIN_FILENO);
  use_stream(actions, options.output, STDOUT_FILENO);
  use_stream(actions, options.errors, STDERR_FILENO);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.own_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags));

  std::vector<std::string> words = options.arguments;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, options.executable.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Failure{ExitCode::kFailed, "cannot start " + options.executable + ": " + std::strerror(error)};
  return pid;
}

StopOutcome stop_process(const ProcessIdentity& process, std::int64_t grace_ms, const Surroundings& around) {
  const int handle = pidfd_open(process.pid, 0);
  if (handle < 0) return StopOutcome::kWasNotRunning;
  StopOutcome outcome = StopOutcome::kWasNotRunning;
  // Compared after the handle was taken: from here on it names this process, whatever becomes of the pid.
  if (is_alive(process)) {
    pidfd_send_signal(handle, SIGTERM, nullptr, 0);
    outcome = StopOutcome::kEnded;
    StopWait waited = wait_until_gone(process, grace_ms, around);
    if (waited == StopWait::kStillThere) {
      pidfd_send_signal(handle, SIGKILL, nullptr, 0);
      outcome = StopOutcome::kKilled;
      waited = wait_until_gone(process, kKillWaitMs, around);
    }
    if (waited == StopWait::kInterrupted) outcome = StopOutcome::kInterrupted;
  }
  close(handle);
  return outcome;
}

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name);
}

}  // namespace freshet::cli
