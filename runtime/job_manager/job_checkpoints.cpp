#include "runtime/job_manager/job_checkpoints.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace freshet::manager {

void JobCheckpoints::restore(CheckpointId last) {
  CHECK(!coordinator_ || coordinator_->is_closed(), "what was left is told between attempts");
  last_ = last;
  if (last.value != 0) unsettled_ = last;
}

void JobCheckpoints::settle(std::vector<KeptCheckpoint> complete, std::string damage, CheckpointId damaged,
                            base::SteadyTime now) {
  unsettled_.reset();
  complete_ = std::move(complete);
  damage_ = std::move(damage);
  damaged_ = damaged;
  std::ranges::sort(complete_, {}, &KeptCheckpoint::id);
  history_.settle(complete_, now);
  prune_surplus();
  if (const auto tasks = std::exchange(waiting_to_begin_, {}); !tasks.empty()) begin(tasks, true, now);
}

/// An earlier job manager may not have come to it.
void JobCheckpoints::prune_surplus() {
  Prune prune;
  for (const KeptCheckpoint& kept : complete_)
    if (kept.kind != BarrierKind::savepoint) prune.ids.push_back(kept.id);
  if (prune.ids.size() <= policy_.retained) return;
  prune.ids.resize(prune.ids.size() - policy_.retained);
  decisions_.emplace_back(std::move(prune));
}

std::optional<CheckpointId> JobCheckpoints::restore_point() const {
  if (complete_.empty()) return std::nullopt;
  return complete_.back().id;
}

void JobCheckpoints::begin(const std::vector<TaskId>& tasks, bool adopted, base::SteadyTime now) {
  if (!enabled()) return;
  if (unsettled_) {
    CHECK(adopted, "no attempt is started before what came before it is settled");
    waiting_to_begin_ = tasks;
    return;
  }
  coordinator_.emplace(policy_);
  coordinator_->start({CheckpointId{last_.value + 1}, tasks, {}, complete_}, now);
  if (!adopted) return;
  if (!complete_.empty()) {
    // Behind a final one the streams end; some may have, and no other barrier would ever pass. But when numbers above
    // it were given out, then by an attempt that went on from it: that one ends behind a final checkpoint of its own.
    const auto& newest = complete_.back();
    const bool ends = newest.kind == BarrierKind::final_checkpoint && newest.id == last_;
    decisions_.emplace_back(NotifyCommit{newest.id, ends ? newest.kind : BarrierKind::checkpoint});
    if (ends) return coordinator_->close("its final checkpoint is complete", decisions_);
  }
  // Sources may have sent a barrier that others never heard of: the next one frees the channels that wait for it.
  if (const auto asked = coordinator_->request(BarrierKind::checkpoint, now, decisions_); !asked)
    CHECK(false, "a coordinator that has just begun takes a request");
}

void JobCheckpoints::end(const std::string& why) {
  waiting_to_begin_.clear();
  if (!coordinator_) return;
  coordinator_->close(why, decisions_);
  if (const auto open = coordinator_->summary().open) unsettled_ = open->id;
}

Result<RequestId> JobCheckpoints::request(BarrierKind kind, base::SteadyTime now) {
  if (!coordinator_)
    return Error{enabled() ? "no checkpoint can be made before all tasks run"
                           : "the job makes no checkpoints: its mode is at-most-once"};
  return coordinator_->request(kind, now, decisions_);
}

bool JobCheckpoints::on_stored(const wire::SnapshotStored& stored, base::SteadyTime now) {
  return coordinator_ &&
         coordinator_->on_acknowledged({stored.checkpoint, stored.task, stored.snapshot}, now, decisions_);
}

bool JobCheckpoints::on_declined(const wire::SnapshotDeclined& declined, base::SteadyTime now) {
  return coordinator_ && coordinator_->on_declined(
                             {declined.checkpoint, declined.task, {declined.why, declined.no_space}}, now, decisions_);
}

void JobCheckpoints::on_time(base::SteadyTime now) {
  if (coordinator_) coordinator_->on_time(now, decisions_);
}

base::SteadyTime JobCheckpoints::next_deadline(base::SteadyTime fallback) const {
  return coordinator_ ? coordinator_->next_deadline(fallback) : fallback;
}

void JobCheckpoints::on_journalled(CheckpointId id, const Status& durable, base::SteadyTime now) {
  last_ = std::max(last_, id);
  if (durable)
    coordinator_->on_journalled(id, now, decisions_);
  else
    coordinator_->on_journal_failed(id, durable.error().message, now, decisions_);
}

void JobCheckpoints::on_published(CheckpointId id, bool made, base::SteadyTime now) {
  coordinator_->on_published(id, made, now, decisions_);
  if (unsettled_ == id) unsettled_.reset();
  if (!made) unsettled_ = id;  // what the other one published is looked at before the job goes on
}

void JobCheckpoints::on_publish_failed(CheckpointId id, const Error& why, base::SteadyTime now) {
  coordinator_->on_publish_failed(id, why, now, decisions_);
  if (unsettled_ == id) unsettled_.reset();
}

void JobCheckpoints::on_unbalanced(CheckpointId id, const std::string& why, base::SteadyTime now) {
  coordinator_->on_unbalanced(id, why, now, decisions_);
  if (unsettled_ == id) unsettled_.reset();
}

void JobCheckpoints::forget(CheckpointId id) {
  std::erase_if(complete_, [&](const KeptCheckpoint& kept) { return kept.id == id; });
}

CheckpointDecisions JobCheckpoints::take_decisions() {
  for (const auto& decision : decisions_) {
    if (const auto* complete = std::get_if<NotifyCommit>(&decision)) {
      if (complete_.empty() || complete_.back().id < complete->id) complete_.push_back(std::exchange(published_, {}));
      damage_.clear();
    } else if (const auto* publish = std::get_if<Publish>(&decision)) {
      published_ = {publish->id, publish->kind, 0, checkpoint::needed_files(publish->id, publish->refs()), {}, {}};
    } else if (const auto* prune = std::get_if<Prune>(&decision)) {
      std::erase_if(complete_, [&](const KeptCheckpoint& kept) {
        return std::ranges::find(prune->ids, kept.id) != prune->ids.end();
      });
    }
  }
  return std::exchange(decisions_, {});
}

}  // namespace freshet::manager
