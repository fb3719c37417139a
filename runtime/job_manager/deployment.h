#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/job_manager/orders.h"

namespace freshet::manager {

/// How far a worker has come. Later phases have the greater numbers; a worker never goes back.
enum class WorkerPhase : std::uint8_t {
  starting,  ///< asked for; its process may or may not run
  hello,     ///< it has connected
  prepared,  ///< it has its plan, its tasks, and agrees with the fingerprint
  running,   ///< its tasks run
  finished,  ///< its tasks have seen the end of their input
  ended,     ///< the process is gone, or out of reach for good
};
FRESHET_ENUM(WorkerPhase, starting, hello, prepared, running, finished, ended)

/// What of a job concerns its workers.
struct DeploymentSpec {
  JobId job{};
  Attempt attempt{};
  std::string name{};         ///< of the job, for logs
  std::string library_job{};  ///< which of the library's jobs
  std::string library_sha256{};
  std::uint64_t library_bytes = 0;
  std::vector<wire::NamedValue> parameters{};
  std::int64_t default_parallelism = 1;
  wire::DataOptions data{};
  std::string directory{};
  Duration status_interval{500};
  wire::CheckpointOrders checkpoints{};
  std::vector<wire::SetAside> set_aside{};
  std::vector<std::uint32_t> sources{};   ///< operator indices, ascending
  std::vector<std::uint32_t> retrying{};  ///< of those that try records again
  dag::ExecutionPlan plan{};              ///< placed

  /// Fills in `sources` and `retrying`.
  void note_operators(const LogicalGraph& graph);
};

struct DeployedWorker {
  WorkerKey key{};
  std::string agent{};
  WorkerPhase phase = WorkerPhase::starting;
  std::string peer{};  ///< where its messages come from; empty before its hello
  std::string endpoint{};
  std::string reads{};  ///< where it serves queryable state; empty: nowhere
  std::uint64_t pid = 0;
  base::SteadyTime last_heard{};
  bool stop_ordered = false;  ///< its agent was told to end it
  bool data_ended = false;    ///< its sources have read everything, and nothing is left to be tried again
};

/// Deals the splits that the sources found: round robin over a source's tasks, in the order found, behind those that
/// came back from a checkpoint. Partition numbers count through the job, source by source; ranges of one partition
/// share its number. Pure.
std::vector<wire::AssignedSplit> deal_splits(const DeploymentSpec& spec, const std::vector<wire::SourceSplits>& found,
                                             std::vector<wire::AssignedSplit> restored = {});

/// One attempt's workers, from StartWorker to the end of each. Pure: is told facts, answers with the next orders; a
/// fact told twice, late or of a worker that it does not have changes nothing. Owned by its job.
class Deployment {
 public:
  /// That one worker may find: all of them go to every worker in one message.
  static constexpr std::size_t kMaxSplits = 100'000;
  static constexpr std::size_t kMaxEndpointBytes = 256;

  explicit Deployment(DeploymentSpec spec, base::SteadyTime now);

  /// Asks the agents for all workers. For a repeat, those of one agent that have not shown up.
  void order_workers(Orders& orders) const;
  void order_workers(const std::string& agent, Orders& orders) const;

  /// False: not one of these workers, or not in order; for the counter.
  bool on_started(const wire::WorkerStarted& started);
  /// When all are there, orders every one to prepare. A second hello gets again what the worker may have missed.
  bool on_hello(const std::string& peer, const wire::WorkerHello& hello, base::SteadyTime now, Orders& orders);
  /// When all are prepared, deals the splits and starts the tasks. `prepared` has no problems.
  bool on_prepared(const wire::WorkerPrepared& prepared, Orders& orders);
  bool on_running(const WorkerKey& worker);
  bool on_finished(const WorkerKey& worker);
  bool on_data_ended(const WorkerKey& worker);
  /// Every source has read everything.
  bool is_data_ended() const;
  bool on_ended(const WorkerKey& worker);
  bool heard(const WorkerKey& worker, base::SteadyTime now);

  /// A StopTasks to each worker that can hear it; StopWorker to the agents of the others.
  void order_stop(bool finished, Duration kill_grace, Orders& orders);
  /// A StopWorker for each that has not ended and was not asked for yet.
  void order_kill(Duration kill_grace, Orders& orders);
  /// The same message, made out to each worker that is there.
  template <class Body>
  void broadcast(Body body, Orders& orders) const {
    for (const DeployedWorker& worker : workers_) {
      if (worker.phase == WorkerPhase::ended || worker.peer.empty()) continue;
      body.worker = worker.key;
      orders.push_back(to_worker(worker.peer, body));
    }
  }

  /// Every worker has come at least this far.
  bool all_at(WorkerPhase phase) const;
  bool has_started_tasks() const { return tasks_started_; }
  const DeployedWorker* find(const WorkerKey& key) const;
  const std::vector<DeployedWorker>& workers() const { return workers_; }
  /// Tasks that this deployment keeps an agent's slots for.
  std::uint32_t slots_on(const std::string& agent) const;
  bool has_source_task(const WorkerKey& worker) const { return has_task_of(worker, spec_.sources); }
  /// Of one of these operators.
  bool has_task_of(const WorkerKey& worker, const std::vector<std::uint32_t>& wanted) const;
  const DeploymentSpec& spec() const { return spec_; }
  const std::vector<wire::AssignedSplit>& splits() const { return splits_; }

 private:
  DeployedWorker* at(const WorkerKey& key);
  wire::ControlBody start_order(const DeployedWorker& worker) const;
  wire::PrepareWorker prepare_order(const WorkerKey& key) const;
  wire::StartTasks start_tasks_order(const WorkerKey& key) const;
  void take_splits(const wire::WorkerPrepared& prepared);

  const DeploymentSpec spec_;
  std::vector<DeployedWorker> workers_;    // by worker id
  std::vector<std::uint32_t> task_count_;  // by worker id
  bool prepare_sent_ = false;
  bool tasks_started_ = false;
  std::vector<wire::SourceSplits> found_splits_;
  std::vector<wire::AssignedSplit> restored_splits_;
  std::vector<wire::AssignedSplit> splits_;
};

}  // namespace freshet::manager
