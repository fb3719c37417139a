#include "runtime/job_manager/checkpoint_history.h"

#include <algorithm>

namespace freshet::manager {
namespace {

constexpr const char* kNeverKnown = "the attempt ended before it was complete";

}  // namespace

RememberedCheckpoint* CheckpointHistory::open(CheckpointId id) {
  const auto found = std::ranges::find(entries_, id, &RememberedCheckpoint::id);
  return found != entries_.end() && found->state == CheckpointState::open ? &*found : nullptr;
}

const RememberedCheckpoint* CheckpointHistory::find(CheckpointId id) const {
  const auto found = std::ranges::find(entries_, id, &RememberedCheckpoint::id);
  return found == entries_.end() ? nullptr : &*found;
}

void CheckpointHistory::add(RememberedCheckpoint entry) {
  const auto at = std::ranges::lower_bound(entries_, entry.id, {}, &RememberedCheckpoint::id);
  if (at != entries_.end() && at->id == entry.id) return;
  entries_.insert(at, std::move(entry));
  if (entries_.size() > kMaxEntries) entries_.pop_front();
}

void CheckpointHistory::end(RememberedCheckpoint& entry, CheckpointState state, base::SteadyTime now) {
  entry.state = state;
  entry.took = std::chrono::duration_cast<Duration>(now - entry.began);
  if (state != CheckpointState::done) return;
  ++completed_;
  failures_in_a_row_ = 0;
  newest_done_ = entry;
}

void CheckpointHistory::count_failure(const RememberedCheckpoint& entry) {
  ++failed_;
  if (entry.kind != BarrierKind::savepoint) ++failures_in_a_row_;
  newest_failed_ = entry;
}

void CheckpointHistory::note(const JournalId& decision, Attempt attempt, std::vector<ChainProgress> chains,
                             base::SteadyTime now, std::int64_t wall_ms) {
  RememberedCheckpoint entry;
  entry.id = decision.id;
  entry.kind = decision.kind;
  entry.attempt = attempt;
  entry.when_ms = wall_ms;
  entry.began = now;
  entry.chains = std::move(chains);
  add(std::move(entry));
}

void CheckpointHistory::note(const Publish& decision) {
  RememberedCheckpoint* entry = open(decision.id);
  if (entry == nullptr) return;
  const auto files = checkpoint::needed_files(decision.id, decision.refs());
  entry->bytes = files.bytes;
  entry->new_bytes = files.new_bytes;
}

void CheckpointHistory::note(const NotifyCommit& decision, base::SteadyTime now) {
  RememberedCheckpoint* entry = open(decision.id);
  if (entry == nullptr) return;
  for (ChainProgress& chain : entry->chains) chain.acknowledged = chain.tasks;
  end(*entry, CheckpointState::done, now);
}

void CheckpointHistory::note(const Abandon& decision, base::SteadyTime now) {
  RememberedCheckpoint* entry = open(decision.id);
  if (entry == nullptr) return;
  for (ChainProgress& chain : entry->chains) chain.acknowledged = chain.tasks;
  for (const TaskId task : decision.missing) {
    if (task.chain < entry->chains.size() && entry->chains[task.chain].acknowledged > 0)
      --entry->chains[task.chain].acknowledged;
    if (entry->missing.size() < kMaxMissing) entry->missing.push_back(task);
  }
  entry->why = decision.why;
  end(*entry, CheckpointState::failed, now);
  if (!decision.attempt_ended) count_failure(*entry);
}

void CheckpointHistory::note(const Fenced& decision, base::SteadyTime now) {
  RememberedCheckpoint* entry = open(decision.id);
  if (entry == nullptr) return;
  entry->why = "another job manager settled it";
  end(*entry, CheckpointState::failed, now);
  count_failure(*entry);
}

void CheckpointHistory::note(const RequestEnded& decision) {
  for (CheckpointOperation& each : operations_) {
    if (each.request != decision.request || each.state != CheckpointState::open) continue;
    each.state = decision.why.empty() ? CheckpointState::done : CheckpointState::failed;
    each.checkpoint = decision.id;
    each.why = decision.why;
  }
}

void CheckpointHistory::settle(const std::vector<KeptCheckpoint>& complete, base::SteadyTime now) {
  for (RememberedCheckpoint& entry : entries_) {
    if (entry.state != CheckpointState::open) continue;
    const bool is_done = std::ranges::find(complete, entry.id, &KeptCheckpoint::id) != complete.end();
    if (!is_done) entry.why = kNeverKnown;
    end(entry, is_done ? CheckpointState::done : CheckpointState::failed, now);
  }
  for (const KeptCheckpoint& kept : complete) {
    RememberedCheckpoint entry;
    entry.id = kept.id;
    entry.kind = kept.kind;
    entry.state = CheckpointState::done;
    entry.when_ms = kept.created_ms;
    entry.bytes = kept.files.bytes;
    entry.new_bytes = kept.files.new_bytes;
    if (!newest_done_ || newest_done_->id < kept.id) newest_done_ = entry;
    add(std::move(entry));
  }
  for (CheckpointOperation& each : operations_) {
    if (each.state != CheckpointState::open) continue;
    each.state = CheckpointState::failed;
    each.why = kNeverKnown;
  }
}

std::uint64_t CheckpointHistory::begin_operation(RequestId request, BarrierKind kind) {
  if (operations_.size() == kMaxOperations) operations_.pop_front();
  operations_.push_back({++last_operation_, request, kind});
  return last_operation_;
}

const CheckpointOperation* CheckpointHistory::operation(std::uint64_t number) const {
  const auto found = std::ranges::find(operations_, number, &CheckpointOperation::number);
  return found == operations_.end() ? nullptr : &*found;
}

}  // namespace freshet::manager
