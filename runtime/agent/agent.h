#pragma once

#include <deque>
#include <map>
#include <string>

#include "runtime/agent/library_fetch.h"
#include "runtime/agent/ports.h"
#include "runtime/base/clock.h"
#include "runtime/transport/control_transport.h"

namespace freshet::agent {

struct AgentOptions {
  std::string name{};  ///< unique in the cluster
  std::string host{};
  std::uint32_t slots = 0;  ///< tasks that it takes
  std::uint64_t pid = 0;
  std::string version{};
  std::string reads{};                             ///< where it serves queryable state; empty: nowhere
  std::chrono::milliseconds hello_interval{1000};  ///< between hellos that nobody answers
  std::uint32_t max_workers = 256;                 ///< processes at a time
};

/// One per machine: starts, watches and ends worker processes for the job manager, and tells it how the machine does.
///
/// Event-driven: the composition root calls it with messages, ends of processes and ticks, all on one thread. It keeps
/// nothing that must survive it: its launcher finds the workers that an earlier agent started.
class Agent {
 public:
  /// Ends of workers that are told again after a new hello, and to whoever asks for such a worker once more.
  static constexpr std::size_t kMaxRememberedEnds = 256;

  /// `reads` may be null: then nobody wants to know where state is served.
  Agent(AgentOptions options, base::Clock& clock, transport::ManagerOutbox& manager, WorkerLauncher& launcher,
        LibraryCache& libraries, MachineGauge& gauge, ReadDirectory* reads = nullptr);

  /// Takes over the workers that an earlier agent left behind. Once, before all else.
  void take_over();
  /// Says hello; for the start and whenever the connection to the job manager is new.
  void on_connected();
  void on_message(const wire::ControlMessage& message);
  void on_worker_exit(const WorkerKey& worker, const ExitStatus& status);
  /// Does what is due; answers when it wants to be called again, at the latest.
  base::SteadyTime on_tick();

  /// Messages of an older job manager, or that make no sense to an agent.
  std::uint64_t dropped_messages() const { return dropped_; }
  std::size_t running_workers() const { return running_.size(); }

 private:
  struct Running {
    std::uint64_t pid = 0;
    bool terminated = false;
    bool killed = false;
    base::SteadyTime kill_at{};                 // when terminated
    std::optional<MemoryKills> memory_kills{};  // when it was started, and those since that were of other workers
  };

  void on_body(const wire::AgentWelcome& welcome);
  void on_body(const wire::StartWorker& start);
  void on_body(const wire::StopWorker& stop);
  void on_body(const wire::LibraryChunk& chunk);
  void on_body(const wire::ReadPlaces& places);

  void send(wire::ControlBody body);
  void say_hello();
  void send_heartbeat();
  void ask_for(const std::string& sha256, const LibraryFetch& fetch);
  void launch(const wire::StartWorker& start, const std::string& library_path);
  void find_who_ended(const Running& worker, wire::WorkerEnded& ended);
  void report_end(wire::WorkerEnded ended);
  const wire::WorkerEnded* remembered_end(const WorkerKey& worker) const;
  bool is_waiting(const WorkerKey& worker) const;
  bool is_fenced(const WorkerKey& worker) const;
  std::size_t workers_at_hand() const;
  std::vector<WorkerKey> known_workers() const;

  // Set once in the constructor.
  const AgentOptions options_;
  base::Clock& clock_;
  transport::ManagerOutbox& manager_;
  WorkerLauncher& launcher_;
  LibraryCache& libraries_;
  MachineGauge& gauge_;
  ReadDirectory* const reads_;

  Term term_{};
  bool welcomed_ = false;
  Duration heartbeat_interval_{1000};
  base::SteadyTime next_hello_{};
  base::SteadyTime next_heartbeat_{};

  std::map<WorkerKey, Running> running_;
  std::map<std::string, LibraryFetch> fetches_;  // by sha256
  std::deque<wire::WorkerEnded> ends_;           // newest last
  std::uint64_t dropped_ = 0;
};

}  // namespace freshet::agent
