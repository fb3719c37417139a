#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/agent/ports.h"

namespace freshet::agent {

struct LauncherOptions {
  std::string executable = "/proc/self/exe";
  std::string manager{};        ///< HOST:PORT where workers reach the job manager
  std::string data{};           ///< the agent's data folder; each worker gets jobs/job-N/attempt-A/worker-W in it
  Duration orphan_after = 10s;  ///< a worker without the job manager ends by itself after this
  double reads_per_second = 0;  ///< keys of queryable state that one caller may ask a worker for; 0: no limit
};

/// Starts workers as processes of their own: own session, nothing on stdin, stdout and stderr in a file, no inherited
/// descriptors. They outlive the agent on purpose: the next one takes them over, by their pid and when they started,
/// which stand in a file beside each. They end by themselves when they have no job manager for too long.
///
/// The composition root polls exits_fd() and, when it is readable, calls reap() and hands every end to
/// Agent::on_worker_exit. One thread.
class ProcessLauncher final : public WorkerLauncher {
 public:
  static constexpr std::size_t kMaxCrashFileBytes = 64u << 10;
  /// How much of a worker's last output goes into its end's message.
  static constexpr std::size_t kMaxLastWordsBytes = 2u << 10;
  static constexpr std::size_t kMaxLastWordsLines = 5;

  explicit ProcessLauncher(LauncherOptions options);
  /// Leaves the processes alone.
  ~ProcessLauncher() override;
  ProcessLauncher(const ProcessLauncher&) = delete;
  ProcessLauncher& operator=(const ProcessLauncher&) = delete;

  Result<std::uint64_t> start(const WorkerSpec& spec) override;
  std::vector<Survivor> take_over() override;
  void terminate(const WorkerKey& worker) override;
  void kill(const WorkerKey& worker) override;
  Leftovers leftovers(const WorkerKey& worker) override;

  /// Writes into the worker's output what killed it, where, and with which record at hand: a process that is killed has
  /// no last words of its own. Nothing for one that exited.
  void log_death(const WorkerKey& worker, const ExitStatus& status) const;

  /// Readable when a worker has ended.
  int exits_fd() const { return epoll_; }
  /// The workers that have ended since the last call. Never blocks.
  std::vector<std::pair<WorkerKey, ExitStatus>> reap();

  /// The workers that have not ended.
  std::vector<WorkerKey> running() const;

  /// The command line of a worker, without the executable.
  std::vector<std::string> arguments_of(const WorkerSpec& spec) const;
  void remove_spilled_state(const WorkerKey& worker) const;
  /// `<data>/jobs/job-N/attempt-A/worker-W`; the output is there with `.out`, the crash report with `.crash`, and which
  /// process it is with `.process` behind.
  std::string path_of(const WorkerKey& worker) const;

 private:
  struct Process {
    pid_t pid = 0;
    int pidfd = -1;
    bool is_child = true;
  };
  Status watch(const WorkerKey& worker, const Process& process);
  std::vector<std::string> process_files() const;
  std::optional<Process> find_survivor(const std::string& path) const;
  std::optional<ExitStatus> end_of(const WorkerKey& worker, const Process& process) const;
  void signal(const WorkerKey& worker, int number);

  const LauncherOptions options_;
  int epoll_ = -1;
  std::map<WorkerKey, Process> processes_;
};

}  // namespace freshet::agent
