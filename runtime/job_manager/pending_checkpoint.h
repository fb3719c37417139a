#pragma once

#include <map>
#include <set>
#include <span>
#include <string_view>

#include "runtime/job_manager/checkpoint_decision.h"

namespace freshet::manager {

/// Where a checkpoint is.
enum class PendingState : std::uint8_t {
  journalling,  ///< its id is being made durable; no worker knows of it
  injected,     ///< its barrier is on its way; tasks save and acknowledge
  publishing,   ///< all tasks are in; whether its manifest is there is not known yet
  published,    ///< its manifest is there: it is complete for ever
  abandoned,    ///< it will never be complete
};
FRESHET_ENUM(PendingState, journalling, injected, publishing, published, abandoned)

struct PendingTransition {
  PendingState from;
  PendingState to;
  std::string_view when;  ///< in words, for people
};

/// All legal transitions, by `from`, then `to`.
std::span<const PendingTransition> pending_transitions();

bool can_transition(PendingState from, PendingState to);

/// One checkpoint on its way: its state, and what its tasks saved. Tasks that had ended before are in from the start,
/// with what they saved last. Pure; owned by the coordinator.
class PendingCheckpoint {
 public:
  /// All names and handles of one checkpoint together; they must fit its manifest.
  static constexpr std::size_t kMaxTextBytes = 48u << 20;

  /// `ended`: the tasks it does not wait for, among `tasks`.
  PendingCheckpoint(CheckpointId id, BarrierKind kind, base::SteadyTime since, std::set<TaskId> tasks,
                    std::map<TaskId, SnapshotInfo> ended);

  void move_to(PendingState state);
  /// False: the task is not waited for, or was in before; the first word counts.
  bool acknowledge(TaskId task, const SnapshotInfo& info);

  CheckpointId id() const { return id_; }
  BarrierKind kind() const { return kind_; }
  PendingState state() const { return state_; }
  base::SteadyTime since() const { return since_; }
  /// The task answers for itself: it is of the attempt and had not ended before.
  bool is_live(TaskId task) const { return live_.contains(task); }
  bool is_complete() const { return snapshots_.size() == tasks_; }
  bool is_too_long() const { return text_bytes_ > kMaxTextBytes; }
  std::size_t tasks() const { return tasks_; }
  /// Of all tasks, how many are in.
  std::size_t acknowledged() const { return snapshots_.size(); }
  /// What is in, by task.
  const std::map<TaskId, SnapshotInfo>& snapshots() const { return snapshots_; }
  std::uint64_t bytes() const;
  /// In ascending order.
  std::vector<TaskId> missing_tasks() const;
  /// `2/0, 2/1 and 7 more`: the tasks that are not in.
  std::string missing() const;

 private:
  // Set once in the constructor.
  const CheckpointId id_;
  const BarrierKind kind_;
  const base::SteadyTime since_;
  const std::size_t tasks_;
  std::set<TaskId> live_;

  PendingState state_ = PendingState::journalling;
  std::map<TaskId, SnapshotInfo> snapshots_;
  std::size_t text_bytes_ = 0;  // of snapshots_
};

/// `2/0`: chain and index.
std::string task_text(TaskId task);

}  // namespace freshet::manager
