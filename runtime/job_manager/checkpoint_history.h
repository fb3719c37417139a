#pragma once

#include <deque>
#include <map>

#include "runtime/job_manager/checkpoint_decision.h"

namespace freshet::manager {

/// What became of a checkpoint.
enum class CheckpointState : std::uint8_t { open, done, failed };
FRESHET_ENUM(CheckpointState, open, done, failed)

/// How far the tasks of one chain are with a checkpoint.
struct ChainProgress {
  std::string chain{};  ///< id of its first operator
  std::uint32_t tasks = 0;
  std::uint32_t acknowledged = 0;  ///< of these, with those that had ended before
  bool operator==(const ChainProgress&) const = default;
  FRESHET_RECORD(chain, tasks, acknowledged)
};

/// One checkpoint, as it is remembered.
struct RememberedCheckpoint {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  CheckpointState state = CheckpointState::open;
  Attempt attempt{};                    ///< 0 when an earlier job manager made it
  std::int64_t when_ms = 0;             ///< wall clock: when it began; of another job manager's, when it was complete
  base::SteadyTime began{};             ///< not of another job manager's
  std::optional<Duration> took{};       ///< until it was over; nothing while it is open, or when nobody knows
  std::uint64_t bytes = 0;              ///< of all files that it needs, once all tasks are in
  std::uint64_t new_bytes = 0;          ///< of those that were written for it
  std::vector<ChainProgress> chains{};  ///< when it was over; nobody is in while it is open. Empty when nobody knows
  std::vector<TaskId> missing{};        ///< of a failed one: the first tasks that were not in
  std::string why{};                    ///< why it failed
};

/// How far a wish of a user for a checkpoint is.
struct CheckpointOperation {
  std::uint64_t number = 0;  ///< 1, 2, 3 … in one history
  RequestId request{};
  BarrierKind kind = BarrierKind::checkpoint;
  CheckpointState state = CheckpointState::open;
  CheckpointId checkpoint{};  ///< the one that it led to; 0: none
  std::string why{};          ///< why it failed
};

/// The checkpoints of one job as people ask for them: what became of the newest ones, through all attempts, and of what
/// users asked for. Is told each decision when it is carried out; decides nothing. Pure; owned by its job.
class CheckpointHistory {
 public:
  /// Checkpoints that are remembered; the oldest are forgotten first.
  static constexpr std::size_t kMaxEntries = 200;
  /// Users' wishes that are remembered.
  static constexpr std::size_t kMaxOperations = 100;
  /// Tasks that are named of a checkpoint that failed.
  static constexpr std::size_t kMaxMissing = 20;

  /// `chains`: of the plan that runs; nobody is in.
  void note(const JournalId& decision, Attempt attempt, std::vector<ChainProgress> chains, base::SteadyTime now,
            std::int64_t wall_ms);
  void note(const Publish& decision);
  void note(const NotifyCommit& decision, base::SteadyTime now);
  void note(const Abandon& decision, base::SteadyTime now);
  void note(const Fenced& decision, base::SteadyTime now);
  void note(const RequestEnded& decision);
  /// What the storage holds is known again: what was open is over, and so are wishes.
  void settle(const std::vector<KeptCheckpoint>& complete, base::SteadyTime now);

  /// A user asked for one, and `request` will tell. Answers its number.
  std::uint64_t begin_operation(RequestId request, BarrierKind kind);
  /// Nullptr: there was none of that number, or it is forgotten.
  const CheckpointOperation* operation(std::uint64_t number) const;

  /// By id, oldest first.
  const std::deque<RememberedCheckpoint>& entries() const { return entries_; }
  /// Nullptr: there was none, or it is forgotten.
  const RememberedCheckpoint* find(CheckpointId id) const;
  /// The newest that is complete, also when it is forgotten.
  const std::optional<RememberedCheckpoint>& newest_done() const { return newest_done_; }
  /// The newest that failed by itself.
  const std::optional<RememberedCheckpoint>& newest_failed() const { return newest_failed_; }

  // Under this job manager.
  std::uint64_t completed() const { return completed_; }
  /// Without those whose attempt ended first.
  std::uint64_t failed() const { return failed_; }
  /// Since the last one that is complete, savepoints left out.
  std::uint32_t failures_in_a_row() const { return failures_in_a_row_; }

 private:
  RememberedCheckpoint* open(CheckpointId id);
  void add(RememberedCheckpoint entry);
  void end(RememberedCheckpoint& entry, CheckpointState state, base::SteadyTime now);
  void count_failure(const RememberedCheckpoint& entry);

  std::deque<RememberedCheckpoint> entries_;
  std::deque<CheckpointOperation> operations_;
  std::uint64_t last_operation_ = 0;
  std::optional<RememberedCheckpoint> newest_done_;
  std::optional<RememberedCheckpoint> newest_failed_;
  std::uint64_t completed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint32_t failures_in_a_row_ = 0;
};

}  // namespace freshet::manager
