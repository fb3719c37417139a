#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <set>

#include <freshet/job.h>
#include <freshet/result.h>

#include "runtime/base/log.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/transport/control_transport.h"
#include "runtime/worker/exchange.h"
#include "runtime/worker/live_job.h"
#include "runtime/worker/progress_file.h"
#include "runtime/worker/task_executor.h"
#include "runtime/worker/task_files.h"

namespace freshet::worker {

/// What the worker needs from outside; made by its composition root, or by the simulator. All of it outlives the
/// worker.
struct WorkerSetup {
  WorkerKey key{};
  std::uint64_t pid = 0;
  const base::Clock* clock = nullptr;
  transport::ManagerOutbox* manager = nullptr;
  transport::DataTransport* transport = nullptr;
  /// Makes relative paths count from there; may be empty.
  std::function<Status(const std::string& directory)> enter_directory{};
  /// Makes the job: loads the library and runs its build function.
  std::function<Result<std::unique_ptr<Job>>(const std::string& job, std::map<std::string, std::string> parameters)>
      build;
  std::function<std::unique_ptr<TaskExecutor>(std::uint32_t threads, std::function<bool(const TaskId&)> own_thread)>
      make_executor;
  /// Runs something on the worker's own thread, soon. Callable from any thread.
  std::function<void(std::function<void()>)> post;
  /// Runs something that may wait for disks, soon, in the order posted, on a thread that ends before the worker does.
  /// Callable from any thread.
  std::function<void(std::function<void()>)> in_background;
  /// Where the state of one task goes that does not fit into the `state_bytes` of its worker; outlives the worker.
  std::function<std::unique_ptr<SpillStore>(std::uint32_t task, std::uint64_t state_bytes)> open_spill{};
  /// Hears of each barrier that has passed a task, on the task's thread; may be empty.
  std::function<void(const TaskId& task, std::uint64_t checkpoint)> on_barrier{};
  /// Opens the checkpoint storage in a folder; an Error when this machine cannot use it.
  std::function<Result<std::shared_ptr<checkpoint::CheckpointStorage>>(const std::string& folder)> open_storage;
  /// Serves the state that is declared queryable; may be null: then nobody does.
  StateServer* state_server = nullptr;
  /// Resident memory, bytes.
  std::function<std::uint64_t()> memory;
  /// Shows to people on this machine how far the tasks are, each status_interval; may be empty.
  std::function<void(const WorkerProgress& progress)> show_progress{};
  base::Logger log{};
};

/// The control side of a worker: does what the job manager says (see wire/control.h), tells it what happens. Everything
/// but the listener's calls runs on the worker's own thread.
class Worker final : public task::TaskListener {
 public:
  explicit Worker(WorkerSetup setup);
  ~Worker() override;

  /// Says hello; again after each reconnection.
  void on_connected();
  void on_message(const wire::ControlMessage& message);
  /// Sends status and heartbeats when they are due; answers when to come again.
  base::SteadyTime on_tick();
  /// Ends without being told to: the process got a signal, or there is nobody left to tell. Sinks keep nothing.
  void stop(const std::string& why);
  bool is_over() const { return phase_ == Phase::over; }
  /// Once it is over: why what its sinks wrote could not be kept although the job had finished; empty when all is well.
  const std::string& end_problem() const { return end_problem_; }

  // task::TaskListener; on task threads.
  void on_task_ended(const TaskId& task) override;
  void on_task_failed(const TaskId& task, const task::TaskFailure& failure) override;
  void on_barrier_passed(const TaskId& task, std::uint64_t checkpoint) override {
    if (setup_.on_barrier) setup_.on_barrier(task, checkpoint);
  }
  void on_data_ended(const TaskId& task) override;
  std::unique_ptr<SnapshotOut> begin_snapshot(const TaskId& task, const ControlElement& barrier,
                                              bool everything) override;
  void on_snapshot(const TaskId& task, std::uint64_t checkpoint, std::unique_ptr<SnapshotOut> snapshot,
                   std::vector<wire::EdgeTally> tallies) override;
  void on_dead_letter(const DeadLetter& letter) override;
  void on_brake_pulled(const std::string& operator_id, double share, const DeadLetter& last) override;

  const Exchange* exchange() const { return exchange_.get(); }

 private:
  enum class Phase { waiting, prepared, running, over };

  void on(const wire::PrepareWorker& order);
  void on(const wire::StartTasks& order);
  void on(const wire::InjectBarrier& order);
  void on(const wire::PauseSources& order);
  void on(const wire::CommitCheckpoint& order);
  void on(const wire::EndStream& order);
  void on(const wire::ChangeLetters& order);
  void on(const wire::StopTasks& order);
  std::vector<Problem> make_job(const wire::PrepareWorker& order);
  void make_tasks_of(const wire::PrepareWorker& order);
  void open_reads();
  void serve_reads(const wire::StartTasks& order);
  Status restore();
  /// Posts the same to every task, when they run.
  template <class Command>
  void tell_tasks(const Command& command);
  /// That the tasks run, and all they have told that a job manager who has not heard it waits for.
  void send_progress();
  std::size_t tasks_that_tell_their_end() const;
  void stop_tasks(bool finished);
  void ask_for_statuses();
  void hold_sources(bool held);
  void send_status();
  /// As the newest statuses tell.
  WorkerProgress progress() const;
  void send(wire::ControlBody body);
  void on_broken(const std::string& message);
  void report_failure(const wire::TaskFailed& report);
  void fail_at_end(const wire::TaskFailed& report);

  const WorkerSetup setup_;
  Phase phase_ = Phase::waiting;
  Term term_{};

  // From prepare on.
  wire::PrepareWorker order_;
  wire::WorkerPrepared prepared_;
  std::unique_ptr<Job> job_;
  std::shared_ptr<task::PartitionTable> partitions_;
  std::unique_ptr<Exchange> exchange_;
  std::vector<std::unique_ptr<task::Task>> tasks_;
  std::unique_ptr<TaskExecutor> executor_;
  std::shared_ptr<checkpoint::CheckpointStorage> storage_;  // shared with what runs in the background
  std::map<TaskId, std::shared_ptr<TaskFiles>> files_;      // the map does not change while tasks run
  std::set<std::uint32_t> restored_sources_;

  // While running.
  std::shared_ptr<LiveJob> live_;  // shared with threads that read; null: nothing is queryable
  bool sources_held_ = false;
  std::map<TaskId, wire::ControlBody> snapshots_told_;  // SnapshotStored or SnapshotDeclined; the newest of each task
  std::size_t tasks_at_end_ = 0;
  std::size_t ended_ = 0;
  wire::LettersChanged letters_changed_;     // by the newest order
  std::size_t changing_letters_ = 0;         // tasks that have not said yet what it came to
  std::optional<wire::TaskFailed> failure_;  // the first; told again to each job manager
  std::optional<wire::TaskFailed> broken_;   // a channel, since all tasks have ended; told again as well
  bool finished_ = false;                    ///< how it was told to end
  std::string end_problem_;
  base::SteadyTime next_status_{};
  std::vector<wire::TaskStatus> statuses_;  // newest of each task
  std::vector<bool> asked_;                 // for the next one

  std::mutex letters_mutex_;  // task threads add samples while the worker's thread takes them
  std::deque<wire::DeadLetterSample> letters_;
};

}  // namespace freshet::worker
