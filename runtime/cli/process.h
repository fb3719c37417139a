#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/result.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

/// A process that is meant and no other: pids are used again, a pid with its start time is not.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat, clock ticks since boot

  bool operator==(const ProcessIdentity&) const = default;
};

/// The living process with this pid, now.
std::optional<ProcessIdentity> identify(pid_t pid);
bool is_alive(const ProcessIdentity& process);

/// A child of this process that has ended stays a zombie until it is waited for; for others this does nothing.
void reap(pid_t pid);

/// Where a new process's standard streams go; -1 is /dev/null.
struct SpawnOptions {
  std::string executable;
  std::vector<std::string> arguments;  // argv[0] included
  int output = -1;
  int errors = -1;
  bool own_session = false;  // a daemon: keeps running when the terminal goes away
};

/// Starts a process with default signal actions and nothing blocked. kFailed names the executable and the reason.
Result<pid_t> spawn(const SpawnOptions& options);

enum class StopOutcome { kWasNotRunning, kEnded, kKilled, kInterrupted };

/// SIGTERM, then SIGKILL after `grace_ms`. Signals go through a pidfd whose process has been compared with `process`,
/// so a foreign one is never hit. kInterrupted: Ctrl-C came while waiting; the process has had its SIGTERM.
StopOutcome stop_process(const ProcessIdentity& process, std::int64_t grace_ms, const Surroundings& around);

/// "SIGSEGV", or "signal 63".
std::string signal_name(int signal);

}  // namespace freshet::cli
