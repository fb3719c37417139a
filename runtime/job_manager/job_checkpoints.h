#pragma once

#include "runtime/job_manager/checkpoint_coordinator.h"
#include "runtime/job_manager/checkpoint_history.h"

namespace freshet::manager {

/// The checkpoints of one job, through all of its attempts: which ones are complete, which number comes next, and the
/// coordinator of the attempt that runs. Is told facts and collects decisions, which somebody else carries out
/// (checkpoint_runner.h). Owned by its job; the job manager's thread.
class JobCheckpoints {
 public:
  explicit JobCheckpoints(const CheckpointPolicy& policy) : policy_(policy) {}

  /// False: the mode is at-most-once, and nothing below ever happens.
  bool enabled() const { return policy_.mode != CheckpointMode::at_most_once; }
  const CheckpointPolicy& policy() const { return policy_; }

  /// The highest id that an earlier job manager gave out. What became of it is not settled.
  void restore(CheckpointId last);
  /// The checkpoint that another attempt goes on from: the newest.
  std::optional<CheckpointId> restore_point() const;
  /// The last id that was given out, while it is not known what became of it. No attempt may begin before that.
  std::optional<CheckpointId> unsettled() const { return unsettled_; }
  /// What the storage holds; nothing more can become complete by itself. `damage`: see SettledCheckpoints.
  void settle(std::vector<KeptCheckpoint> complete, std::string damage, CheckpointId damaged, base::SteadyTime now);
  /// Why the job cannot go on from its newest checkpoint; empty: it can.
  const std::string& damage() const { return damage_; }
  /// Which checkpoint that is.
  CheckpointId damaged() const { return damaged_; }

  /// All tasks of an attempt run. `adopted`: they ran before, under another job manager, and may have heard half of
  /// what it said: they are told again which checkpoint is complete, and a new one begins at once, when all is settled.
  void begin(const std::vector<TaskId>& tasks, bool adopted, base::SteadyTime now);
  /// The attempt is over.
  void end(const std::string& why);

  Result<RequestId> request(BarrierKind kind, base::SteadyTime now);
  bool on_stored(const wire::SnapshotStored& stored, base::SteadyTime now);
  bool on_declined(const wire::SnapshotDeclined& declined, base::SteadyTime now);
  void on_time(base::SteadyTime now);
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;

  // What carrying out decisions led to; see CheckpointCoordinator.
  void on_journalled(CheckpointId id, const Status& durable, base::SteadyTime now);
  void on_published(CheckpointId id, bool made, base::SteadyTime now);
  void on_publish_failed(CheckpointId id, const Error& why, base::SteadyTime now);
  /// It must not be published, for records are lost or doubled in it: the attempt is over.
  void on_unbalanced(CheckpointId id, const std::string& why, base::SteadyTime now);
  /// What the manifest that is about to be published says of the plan's edges.
  void set_balance(Attempt attempt, std::vector<checkpoint::EdgeBalance> edges) {
    published_.attempt = attempt;
    published_.edges = std::move(edges);
  }

  /// What has been decided since the last call, oldest first.
  CheckpointDecisions take_decisions();
  bool has_decisions() const { return !decisions_.empty(); }

  /// Of the attempt that runs or ran last; nullptr before the first.
  /// See CheckpointCoordinator.
  void hold_up(bool held_up) {
    if (coordinator_) coordinator_->hold_up(held_up);
  }
  const CheckpointCoordinator* coordinator() const { return coordinator_ ? &*coordinator_ : nullptr; }
  const std::vector<KeptCheckpoint>& complete() const { return complete_; }
  CheckpointId last() const { return last_; }
  /// A savepoint that was deleted.
  void forget(CheckpointId id);

  /// What became of each; told by who carries out the decisions.
  CheckpointHistory& history() { return history_; }
  const CheckpointHistory& history() const { return history_; }

 private:
  void prune_surplus();
  const CheckpointPolicy policy_;
  CheckpointId last_{};                   // given out; no other id is ever greater
  std::vector<KeptCheckpoint> complete_;  // in the storage, oldest first
  KeptCheckpoint published_;              // the one that is being published
  std::optional<CheckpointId> unsettled_;
  std::string damage_;
  CheckpointId damaged_{};
  std::vector<TaskId> waiting_to_begin_;  // of an adopted attempt that runs, while something is unsettled
  std::optional<CheckpointCoordinator> coordinator_;
  CheckpointDecisions decisions_;
  CheckpointHistory history_;
};

}  // namespace freshet::manager
