#pragma once

#include <freshet/result.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/wire/control.h"

/// What the agent's core needs from the machine. Implementations: process_launcher.h, file_library_cache.h,
/// proc_machine_gauge.h; fakes in the tests and the simulator.
namespace freshet::agent {

/// What a worker process is started with.
struct WorkerSpec {
  WorkerKey worker{};
  std::string job_name{};
  std::string library_path{};
};

/// How a process ended; `code` means something when `signal` is 0.
struct ExitStatus {
  int code = 0;
  int signal = 0;
  bool is_guessed = false;  ///< it was no child of this process, and left no word: `code` is -1
};

/// A worker that an earlier agent started, and that still runs.
struct Survivor {
  WorkerKey worker{};
  std::uint64_t pid = 0;
};

/// What an ended worker left behind.
struct Leftovers {
  std::string last_words{};  ///< the last lines of its output
  std::optional<wire::RecordTrace> crash{};
};

class WorkerLauncher {
 public:
  virtual ~WorkerLauncher() = default;
  /// Starts the process and answers its pid. Its end is reported to Agent::on_worker_exit, once, and never from inside
  /// this call.
  virtual Result<std::uint64_t> start(const WorkerSpec& spec) = 0;
  /// Those that an earlier agent of this machine left behind; from now on their ends are reported as of those started
  /// here. Once, before any start().
  virtual std::vector<Survivor> take_over() = 0;
  /// Asks it to end (SIGTERM); one that is gone is no error.
  virtual void terminate(const WorkerKey& worker) = 0;
  /// Ends it at once (SIGKILL).
  virtual void kill(const WorkerKey& worker) = 0;
  /// Of a worker that has ended.
  virtual Leftovers leftovers(const WorkerKey& worker) = 0;
};

/// The job libraries this machine has, by content. A library is there only when its bytes have the hash it is named by.
class LibraryCache {
 public:
  virtual ~LibraryCache() = default;
  /// Where the library is; nothing when it has to be fetched.
  virtual std::optional<std::string> path_of(const std::string& sha256) = 0;
  /// Takes the next piece; `offset` 0 begins anew, any other must go on where the last ended.
  virtual Status append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) = 0;
  /// Verifies what was appended and keeps it; answers its path.
  virtual Result<std::string> finish(const std::string& sha256) = 0;
};

struct MachineReading {
  double cpu_percent = 0;  ///< of all cores, since the last reading
  std::uint64_t memory_used = 0;
  std::uint64_t memory_total = 0;
  std::uint64_t disk_free = 0;  ///< where the agent keeps its data
};

/// How often the kernel has killed a process since memory was short.
struct MemoryKills {
  bool of_agent = false;    ///< counted are the agent and what it started; else all processes of the machine
  std::uint64_t count = 0;  ///< only grows
  std::uint64_t limit = 0;  ///< bytes that those counted may take together; 0: none is known
};

/// Hears where the queryable state of jobs is served.
class ReadDirectory {
 public:
  virtual ~ReadDirectory() = default;
  /// Of all jobs that are not over.
  virtual void on_places(const std::vector<wire::ReadPlace>& jobs) = 0;
};

class MachineGauge {
 public:
  virtual ~MachineGauge() = default;
  virtual MachineReading read() = 0;
  /// Nothing: the machine does not say.
  virtual std::optional<MemoryKills> memory_kills() = 0;
};

}  // namespace freshet::agent
