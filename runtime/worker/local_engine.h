#pragma once

#include <map>

#include "runtime/worker/exchange.h"
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
  };

  /// `job` is built and finished; it must pass validation, else `problems` says why not and nothing can be run.
  LocalEngine(const Job& job, const Options& options);
  ~LocalEngine() override;
  const std::vector<Problem>& problems() const { return problems_; }

  /// Lets sources discover their splits, deals them out, and opens the operators.
  void start();
  /// Steps all tasks in turn until none has anything to do, or `most_steps` were done. True: all tasks are over.
  bool run(std::uint64_t most_steps = ~0ULL);
  /// Ends the operators; sinks keep what they wrote when the job ended by itself.
  void close();
  void inject_barrier(std::uint64_t checkpoint);

  base::ManualClock& clock() { return clock_; }
  std::vector<task::Task*> tasks();
  const dag::ExecutionPlan& plan() const { return plan_; }
  const std::optional<task::TaskFailure>& failure() const { return failure_; }
  const std::vector<DeadLetter>& dead_letters() const { return dead_letters_; }
  /// Tasks that each barrier has passed.
  const std::map<std::uint64_t, std::vector<TaskId>>& barriers() const { return barriers_; }
  bool brake_pulled() const { return brake_pulled_; }

  void on_task_ended(const TaskId& task) override;
  void on_task_failed(const TaskId& task, const task::TaskFailure& failure) override;
  void on_barrier_passed(const TaskId& task, std::uint64_t checkpoint) override;
  void on_dead_letter(const DeadLetter& letter) override;
  void on_brake_pulled(const std::string& operator_id, double share, const DeadLetter& last) override;

 private:
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
  bool brake_pulled_ = false;
};

}  // namespace freshet::worker
