#pragma once

#include <map>

#include "runtime/worker/exchange.h"
#include "runtime/worker/job_snapshot.h"
#include "runtime/worker/task_factory.h"

namespace freshet::worker {

/// A whole job in the calling thread, on a clock that stands still unless moved: what JobHarness and tests run, and on
/// the machine's clock `run --in-process`. The classes of the data path are those of a worker; only threads, network
/// and job manager are missing.
class LocalEngine final : public task::TaskListener {
 public:
  struct Options {
    std::int64_t parallelism = 1;
    std::uint32_t key_groups = 128;
    bool chaining = true;
    wire::DataOptions data{};
    const base::Clock* clock = nullptr;  ///< instead of the one that stands still
    bool snapshots = false;  ///< tasks save at barriers, sinks commit, and sources that have read everything wait
    std::string run{};       ///< see StageHost
    std::uint32_t attempt = 1;
  };

  /// `job` is built and finished; it must pass validation, else `problems` says why not and nothing can be run.
  LocalEngine(const Job& job, const Options& options);
  ~LocalEngine() override;
  const std::vector<Problem>& problems() const { return problems_; }

  /// Lets sources discover their splits, deals them out, and opens the operators. Throws task::TaskFailure where
  /// `from`, taken of the same job with any parallelism, cannot be restored.
  void start(const JobSnapshot* from = nullptr);
  /// Steps all tasks in turn until none has anything to do, or `most_steps` were done. True: all tasks are over.
  bool run(std::uint64_t most_steps = ~0ULL);
  /// Ends the operators; sinks keep what they wrote when the job ended by itself.
  void close();
  void inject_barrier(std::uint64_t checkpoint);
  /// With snapshots: that checkpoint is complete, and sinks commit.
  void commit(std::uint64_t checkpoint);
  /// With snapshots: sources that have read everything end the stream.
  void end_stream();

  base::ManualClock& clock() { return clock_; }
  std::vector<task::Task*> tasks();
  const dag::ExecutionPlan& plan() const { return plan_; }
  const std::optional<task::TaskFailure>& failure() const { return failure_; }
  const std::vector<DeadLetter>& dead_letters() const { return dead_letters_; }
  /// Tasks that each barrier has passed.
  const std::map<std::uint64_t, std::vector<TaskId>>& barriers() const { return barriers_; }
  bool brake_pulled() const { return brake_pulled_; }
  /// What all tasks saved for a checkpoint; null until the last has.
  const JobSnapshot* snapshot(std::uint64_t checkpoint) const;

  void on_task_ended(const TaskId& task) override;
  void on_task_failed(const TaskId& task, const task::TaskFailure& failure) override;
  void on_barrier_passed(const TaskId& task, std::uint64_t checkpoint) override;
  std::unique_ptr<SnapshotOut> begin_snapshot(const TaskId& task, const ControlElement& barrier,
                                              bool everything) override;
  void on_snapshot(const TaskId& task, std::uint64_t checkpoint, std::unique_ptr<SnapshotOut> snapshot,
                   std::vector<wire::EdgeTally> tallies) override;
  void on_dead_letter(const DeadLetter& letter) override;
  void on_brake_pulled(const std::string& operator_id, double share, const DeadLetter& last) override;

 private:
  void restore(const JobSnapshot& from);
  std::vector<wire::AssignedSplit> deal_splits();

  const Job& job_;
  const Options options_;
  std::vector<Problem> problems_;
  dag::ExecutionPlan plan_;
  base::ManualClock clock_;
  std::shared_ptr<task::PartitionTable> partitions_;
  std::unique_ptr<Exchange> exchange_;
  std::vector<std::unique_ptr<task::Task>> tasks_;
  bool started_ = false;

  std::size_t ended_ = 0;
  std::optional<task::TaskFailure> failure_;
  std::vector<DeadLetter> dead_letters_;
  std::map<std::uint64_t, std::vector<TaskId>> barriers_;
  std::map<std::uint64_t, JobSnapshot> snapshots_;
  bool brake_pulled_ = false;
};

}  // namespace freshet::worker
