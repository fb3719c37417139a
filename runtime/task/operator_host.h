#pragma once

#include <algorithm>
#include <optional>

#include <freshet/graph.h>

#include "runtime/base/clock.h"
#include "runtime/task/dead_letter_brake.h"
#include "runtime/task/failure.h"
#include "runtime/task/kept_letters.h"
#include "runtime/task/partition_table.h"
#include "runtime/task/retry_lane.h"
#include "runtime/wire/control.h"

namespace freshet::task {

/// What a task tells about itself. Called on the task's thread.
class TaskListener {
 public:
  virtual ~TaskListener() = default;
  virtual void on_task_ended(const TaskId& task) = 0;
  virtual void on_task_failed(const TaskId& task, const TaskFailure& failure) = 0;
  virtual void on_barrier_passed(const TaskId& task, std::uint64_t checkpoint) = 0;
  /// A task that reads a source, or tries records again, has nothing more to give, and has said so to all behind it.
  virtual void on_data_ended(const TaskId& /*task*/) {}
  /// Where the task is to save what belongs to the barrier; null: nobody wants it. `everything`: it cannot say what has
  /// changed since the last time.
  virtual std::unique_ptr<SnapshotOut> begin_snapshot(const TaskId& /*task*/, const ControlElement& /*barrier*/,
                                                      bool /*everything*/) {
    return nullptr;
  }
  /// All is saved, and the barrier has left the task. `tallies`: of its edges, up to the barrier.
  virtual void on_snapshot(const TaskId& /*task*/, std::uint64_t /*checkpoint*/, std::unique_ptr<SnapshotOut>,
                           std::vector<wire::EdgeTally> /*tallies*/) {}
  virtual void on_dead_letter(const DeadLetter& letter) = 0;
  virtual void on_brake_pulled(const std::string& operator_id, double share, const DeadLetter& last) = 0;
};

/// The engine's services to one operator of a task: time, origins, and what becomes of records that fail.
class OperatorHost final : public StageHost {
 public:
  struct Setup {
    std::string operator_id;
    std::uint32_t task_index = 0;
    std::uint32_t parallelism = 1;
    std::uint32_t key_groups = 128;
    ErrorPolicy policy{};
    bool is_source = false;
    std::uint64_t first_letter_id = 0;  ///< ids of its dead letters count up from here
    bool commits = false;               ///< these three: see StageHost
    std::string run{};
    std::uint32_t attempt = 1;
  };
  OperatorHost(const Setup& setup, const base::Clock& clock, std::shared_ptr<const PartitionTable> partitions,
               TaskListener& listener);

  Time now() const override { return now_; }
  std::string describe(const SourcePosition& position) const override { return partitions_->describe(position); }
  /// Nullptr when unknown. Safe in a signal handler.
  const PartitionTable::Entry* partition_of(const SourcePosition& position) const {
    return partitions_->find(position.partition);
  }
  bool keep_failed(FailedRecord& failed) override;
  void record_failed(FailedRecord failed, DeadLetter& letter) override;
  /// From now on the lane keeps what is to be tried again. It outlives the host.
  void keep_failed_in(RetryLane& lane);
  /// And this those that have failed for good. It outlives the host.
  void keep_letters_in(KeptLetters& letters) { letters_ = &letters; }

  /// What now() says until the next step, so that it costs nothing.
  void refresh(Time now) { now_ = now; }
  /// Looks whether too many of `records` were set aside; tells the listener once.
  void check_brake(std::uint64_t records);
  /// What was set aside before does not count, and the listener is told again.
  void begin_brake_anew(std::uint64_t records) {
    brake_.begin_anew(records, dead_letters);
    brake_told_ = false;
  }
  bool has_pulled_brake() const { return brake_told_; }

  std::uint64_t dead_letters = 0;
  std::uint64_t errors = 0;    ///< calls that threw on a record
  std::uint64_t replayed = 0;  ///< dead letters that were given to it again, since the attempt began
  bool keeps_failed = true;    ///< the records in work are of the input whose records its lane can keep
  /// The id that its next dead letter gets.
  std::uint64_t next_letter_id = 0;
  /// Goes on behind the ids that the task `saved` its next one of has given out: in its own, when it `was_this` task,
  /// else in this one's. So no letter that was restored here has the id of one to come.
  void go_on_counting_letters(std::uint64_t saved, bool was_this) {
    constexpr std::uint64_t kLow = (std::uint64_t{1} << kLetterBits) - 1;
    next_letter_id = was_this ? saved : std::max(next_letter_id, (next_letter_id & ~kLow) | (saved & kLow));
  }

 private:
  // Set once in the constructor.
  const base::Clock& clock_;
  const std::shared_ptr<const PartitionTable> partitions_;  // shared with all tasks of the worker
  TaskListener& listener_;
  const ErrorPolicy policy_;

  Time now_{};
  RetryLane* lane_ = nullptr;
  KeptLetters* letters_ = nullptr;
  DeadLetterBrake brake_;
  bool brake_told_ = false;
  DeadLetter last_letter_;
};

}  // namespace freshet::task
