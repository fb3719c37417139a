#pragma once

#include <deque>
#include <map>
#include <vector>

#include "dag/plan.h"
#include "runtime/base/clock.h"
#include "runtime/base/histogram.h"
#include "runtime/job_manager/views.h"
#include "runtime/wire/control.h"

namespace freshet::manager {

/// What the tasks of one attempt last said of themselves, and how fast they went during the last seconds.
/// Counts only grow; a report with smaller ones is late and is dropped. Pure; owned by its job.
class StatusBook {
 public:
  /// Over how long rates and percentiles are taken.
  static constexpr auto kWindow = std::chrono::seconds(5);
  /// Samples of a task kept for that, however often its worker reports.
  static constexpr std::size_t kMaxSamples = 16;
  static constexpr std::size_t kMaxDeadLetterSamples = 20;
  static constexpr std::size_t kMaxHotRecordBytes = 1u << 10;  ///< a longer one is left out
  /// Of each text of a dead letter's sample; longer ones are cut.
  static constexpr std::size_t kMaxSampleTextBytes = 4u << 10;

  /// `graph` and `plan` (placed) must outlive the book.
  StatusBook(const LogicalGraph& graph, const dag::ExecutionPlan& plan) : graph_(graph), plan_(plan) {}

  /// Tasks that the plan does not have on that worker are counted and left out.
  void take(const wire::WorkerStatus& status, base::SteadyTime now);

  /// Fills in what follows from tasks: totals, operators, memory of workers.
  void describe(JobView& view) const;
  double records_in_per_s() const;
  /// Of results that wait for a checkpoint.
  std::uint64_t uncommitted_bytes() const;

  struct TaskNow {
    TaskId task{};
    std::uint32_t worker = 0;
    wire::TaskStatus status{};
  };
  /// Tasks that wait for room on a disk, by the worker that has said so of them first.
  struct WaitingForDisk {
    std::uint32_t worker = 0;
    wire::FullDisk disk{};
    std::uint32_t tasks = 0;  ///< of the job, on whatever disk
  };
  std::optional<WaitingForDisk> waiting_for_disk() const;
  /// One key of an operator that has more than its task can do, while others have less.
  struct HotKey {
    std::uint32_t operator_index = 0;
    std::uint32_t task = 0;
    double share = 0;      ///< of all records of the operator
    double busy = 0;       ///< of the time of that task
    double others = 0;     ///< of the time of the others, on average
    std::string record{};  ///< JSON; may be empty
  };
  /// With at least this share of the records.
  static constexpr double kHotShare = 0.2;
  static constexpr double kHotBusy = 0.7;
  std::optional<HotKey> hot_key() const;
  /// Some task takes nothing in because too many records wait to be tried again.
  bool has_full_lane() const;

  /// The newest report of each task that has sent one, by task.
  std::vector<TaskNow> tasks() const;
  std::uint64_t memory_of(std::uint32_t worker) const;
  /// What a worker last said that it held, bytes.
  struct Memory {
    std::uint64_t resident = 0;
    std::uint64_t state = 0;
    std::uint64_t frames = 0;  ///< received, sent and not yet granted, or waiting for room
  };
  Memory held_by(std::uint32_t worker) const;
  /// Messages from other workers, or whoever claimed to be one, that it did not believe.
  std::uint64_t refused_by(std::uint32_t worker) const;
  /// Lines of its log that could not be written.
  std::uint64_t log_lines_dropped_by(std::uint32_t worker) const;
  std::uint64_t refused() const { return refused_; }

 private:
  /// Sums that only grow, at one moment.
  struct Sample {
    base::SteadyTime at{};
    std::uint64_t in = 0, out = 0;
    std::uint64_t busy_ns = 0, blocked_ns = 0, idle_ns = 0;
    base::LatencyHistogram latency{};
  };
  struct Task {
    std::uint32_t worker = 0;
    wire::TaskStatus status{};
    std::deque<Sample> samples{};
  };
  struct Rate {
    double in = 0, out = 0, busy = 0, blocked = 0, idle = 0;
  };

  bool fits_plan(const wire::TaskStatus& status, std::uint32_t worker) const;
  Sample sample_of(const wire::TaskStatus& status, base::SteadyTime at) const;
  OperatorView describe_chain(const dag::Chain& chain) const;
  void add_operator(const wire::OperatorStatus& status, OperatorView& view) const;
  static Rate rate_of(const Task& task);
  static void add_recent_latency(const Task& task, base::LatencyHistogram& into);
  bool is_source(const dag::Chain& chain) const;
  bool leaves_chain(std::uint32_t operator_index, const dag::Chain& chain) const;

  const LogicalGraph& graph_;
  const dag::ExecutionPlan& plan_;
  std::map<TaskId, Task> tasks_;
  std::map<std::uint32_t, std::uint64_t> memory_;             // by worker
  std::map<std::uint32_t, std::uint64_t> refusals_;           // by worker
  std::map<std::uint32_t, std::uint64_t> dropped_log_lines_;  // by worker
  std::deque<wire::DeadLetterSample> dead_letters_;
  std::uint64_t refused_ = 0;
};

}  // namespace freshet::manager
