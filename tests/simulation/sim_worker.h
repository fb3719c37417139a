#pragma once

#include "runtime/agent/ports.h"
#include "runtime/worker/worker.h"
#include "tests/simulation/control_net.h"
#include "tests/simulation/data_net.h"
#include "tests/simulation/kill_points.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/sim_executor.h"
#include "tests/simulation/sim_storage.h"

namespace freshet::sim {

/// What all simulated processes share.
struct World {
  base::ManualClock& clock;
  Scheduler& scheduler;
  base::Random& random;
  Network& network;
  ControlServer& control;
  DataNet& data;
  Watch& watch;
  ExecutorShared& executors;
  SimDisk& disk;
  Ledger& ledger;
  std::function<void(KillPoint point)> reach;
  std::function<void()> on_saved;  ///< a barrier is about to leave a task, which has saved itself
  std::function<Result<std::unique_ptr<Job>>(std::map<std::string, std::string> parameters)> build;
};

/// A worker process: the production worker and what its composition root (worker/worker_process.cpp) does around it.
/// Lives as long as the simulation; the process in it may be dead.
class SimWorker final : public transport::ManagerOutbox {
 public:
  using OnExit = std::function<void(const agent::ExitStatus& status)>;
  SimWorker(World& world, Machine machine, agent::WorkerSpec spec, std::uint64_t pid, OnExit on_exit);

  void boot();
  /// SIGTERM.
  void terminate();
  /// Any signal that ends it at once.
  void kill(int signal);
  /// It does nothing for a while, and then goes on as if nothing had been. Signals that end a process do end it.
  void freeze(Nanoseconds duration);
  /// From the start of the process until it has ended.
  bool is_alive() const { return alive_; }
  const WorkerKey& key() const { return spec_.worker; }
  std::uint64_t pid() const { return pid_; }
  Machine machine() const { return machine_; }
  std::string endpoint() const { return transport_ ? transport_->endpoint() : ""; }
  std::string describe() const;

  // transport::ManagerOutbox
  void send(const wire::ControlMessage& message) override;

 private:
  /// Runs something on the worker's thread, now, and ends the process when the worker is over.
  template <class F>
  void run(F&& what);
  void post(std::function<void()> work);
  void in_background(std::function<void()> work);
  void work_in_background();
  void look_at(const wire::ControlMessage& message);
  void tick();
  void orphan();
  void end(const agent::ExitStatus& status, bool killed);

  World& world_;
  const Machine machine_;
  const agent::WorkerSpec spec_;
  const std::uint64_t pid_;
  const OnExit on_exit_;

  bool alive_ = true;
  bool has_orders_ = false;
  Freeze freeze_;
  SimStorage storage_;
  std::unique_ptr<SimDataTransport> transport_;
  std::unique_ptr<ControlClient> client_;
  std::unique_ptr<worker::Worker> worker_;
  SimExecutor* executor_ = nullptr;  // the worker's
  std::uint64_t disconnections_ = 0;
  base::SteadyTime last_post_{};
  std::deque<std::function<void()>> works_;  // for the disk's thread, which is busy with the first
  bool is_on_disk_thread_ = false;
  std::map<std::pair<TaskId, std::uint64_t>, TaskCounts> counts_at_;  // when a barrier passed a task
};

}  // namespace freshet::sim
