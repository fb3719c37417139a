#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/manager_address.h"
#include "runtime/cli/process.h"
#include "runtime/cli/result.h"

namespace freshet::cli {

/// A cluster of daemons on this machine, as files in its data folder:
///   NAME.pid   "PID START_TICKS PORT" of `manager`, `local-1`, `local-2` … (the port is the manager's, else 0)
///   NAME.log   what the daemon wrote to stdout and stderr
///   NAME/      its own data
///   lock       held while a verb changes something
struct ClusterDaemon {
  std::string name;
  ProcessIdentity process;
  int port = 0;
  bool alive = false;
};

inline constexpr const char* kManagerDaemon = "manager";
/// More agents on one machine only share its cores; the limit keeps a mistyped number from starting thousands.
inline constexpr int kMaxLocalAgents = 64;

/// --data, or $XDG_STATE_HOME/freshet, or ~/.local/state/freshet.
Result<std::string> data_folder(const std::string& flag, const Environment& environment);

/// "~/.local/state/freshet" for a path below HOME: shorter on the screen, and the shell takes it.
std::string below_home(const std::string& path, const Environment& environment);

/// Daemons with a pid file, manager first, then agents by number; `alive` is what /proc says now.
std::vector<ClusterDaemon> read_daemons(const std::string& data);

std::string pid_file_text(const ProcessIdentity& process, int port);
std::optional<ClusterDaemon> parse_pid_file(const std::string& name, const std::string& text);

/// Starts a daemon in a session of its own, its output appended to NAME.log, and writes NAME.pid.
Result<ClusterDaemon> start_daemon(const std::string& data, const std::string& name, int port,
                                   std::vector<std::string> arguments, const Surroundings& around);

void forget_daemon(const std::string& data, const std::string& name);

/// The last lines of NAME.log, for the message about a daemon that ended at once.
std::string last_log_lines(const std::string& data, const std::string& name, std::size_t count);

/// Holds `lock` of a data folder as long as it lives; the kernel drops it when the process ends.
class ClusterLock {
 public:
  /// kBadState when another verb holds it.
  static Result<ClusterLock> take(const std::string& data);
  ClusterLock(ClusterLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  ClusterLock& operator=(ClusterLock&&) = delete;
  ~ClusterLock();

 private:
  explicit ClusterLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace freshet::cli
