#include "runtime/job_manager/checkpoint_coordinator.h"

#include <algorithm>

#include <freshet/text.h>
#include "runtime/base/check.h"

namespace freshet::manager {
namespace {

std::string name_of(CheckpointId id, BarrierKind kind) {
  const std::string number = std::to_string(id.value);
  switch (kind) {
    case BarrierKind::checkpoint:
      return "checkpoint " + number;
    case BarrierKind::savepoint:
      return "savepoint " + number;
    case BarrierKind::final_checkpoint:
      return "final checkpoint " + number;
  }
  return "checkpoint " + number;
}

/// Between two tries of what the attempt is not to blame for.
constexpr Duration kRestAfterTrouble{1000};

std::string cut(std::string text) {
  if (text.size() > CheckpointCoordinator::kMaxWhyBytes) text.resize(CheckpointCoordinator::kMaxWhyBytes);
  return text;
}

}  // namespace

Status check_policy(const CheckpointPolicy& policy) {
  const auto in_range = [](Duration time) { return time >= Duration(0) && time <= kMaxCheckpointTime; };
  if (!in_range(policy.interval)) return Error{"the checkpoint interval is between 0 (off) and 365 days"};
  if (!in_range(policy.minimum_pause)) return Error{"the minimum pause between checkpoints is between 0 and 365 days"};
  if (!in_range(policy.timeout) || policy.timeout == Duration(0))
    return Error{"the time-out of checkpoints is between 1 ms and 365 days"};
  if (policy.retained == 0) return Error{"at least 1 complete checkpoint is retained"};
  return {};
}

CheckpointCoordinator::CheckpointCoordinator(const CheckpointPolicy& policy) : policy_(policy) {
  CHECK(check_policy(policy).ok(), "a policy is checked before it is used");
}

void CheckpointCoordinator::start(const CheckpointStart& start, base::SteadyTime now) {
  CHECK(!started_, "a coordinator is started once");
  CHECK(!start.tasks.empty(), "an attempt has tasks");
  CHECK(start.first_free.value > 0, "checkpoints count from 1");
  started_ = true;
  tasks_.insert(start.tasks.begin(), start.tasks.end());
  next_ = start.first_free.value;
  for (const TaskSnapshot& each : start.ended) {
    CHECK(tasks_.contains(each.task), "a task that has ended is one of the attempt");
    ended_[each.task] = each.info;
  }
  for (const KeptCheckpoint& each : start.kept) {
    CHECK(each.id < start.first_free, "a checkpoint that is kept had an id");
    if (each.kind != BarrierKind::savepoint) kept_.push_back(each.id);
  }
  std::ranges::sort(kept_);
  kept_.erase(std::ranges::unique(kept_).begin(), kept_.end());
  interval_over_ = now + policy_.interval;
  pause_over_ = now;
}

bool CheckpointCoordinator::makes_regular_ones() const {
  return policy_.interval > Duration(0) && policy_.mode != CheckpointMode::at_most_once &&
         ended_.size() < tasks_.size();
}

void CheckpointCoordinator::on_time(base::SteadyTime now, CheckpointDecisions& out) {
  if (open_ && deadline_ <= now) {
    const std::string limit = format_duration(policy_.timeout);
    if (open_->state() != PendingState::publishing)
      return give_up(open_->state() == PendingState::journalling
                         ? "its id was not durable within " + limit
                         : "not all tasks had saved within " + limit + ": " + std::to_string(open_->acknowledged()) +
                               " of " + std::to_string(open_->tasks()) + " had, not " + open_->missing(),
                     open_->state() == PendingState::journalling ? Weight::none : Weight::one, now, out);
    if (!closed_) {
      last_failure_ = "it is not known whether " + name_of(open_->id(), open_->kind()) +
                      " is complete: its publication had no answer within " + limit;
      return fail_attempt(last_failure_, out);
    }
  }
  begin_next(now, out);
}

base::SteadyTime CheckpointCoordinator::next_deadline(base::SteadyTime fallback) const {
  if (!started_ || closed_) return fallback;
  if (open_) return std::min(fallback, deadline_);
  if (final_) return std::min(fallback, pause_over_);
  return makes_regular_ones() ? std::min(fallback, regular_due()) : fallback;
}

Result<RequestId> CheckpointCoordinator::request(BarrierKind kind, base::SteadyTime now, CheckpointDecisions& out) {
  if (policy_.mode == CheckpointMode::at_most_once)
    return Error{"the job makes no checkpoints: its mode is at-most-once"};
  if (!started_) return Error{"no checkpoint can be made before all tasks run"};
  if (closed_) return Error{"no checkpoint can be made any more: " + closed_why_};
  if (kind == BarrierKind::final_checkpoint) {
    if (!final_) final_ = RequestId{++last_request_};
    const RequestId id = *final_;
    begin_next(now, out);
    return id;
  }
  if (final_) return Error{"the job's input has ended: only its final checkpoint is still to come"};
  if (kind == BarrierKind::checkpoint)
    for (const Request& each : waiting_)
      if (each.kind == kind) return each.id;
  if (open_ && waiting_.size() >= policy_.max_requests)
    return Error{std::to_string(waiting_.size()) + " requests for checkpoints are waiting already; try again later"};
  const RequestId id{++last_request_};
  waiting_.push_back({id, kind});
  begin_next(now, out);
  return id;
}

PendingCheckpoint* CheckpointCoordinator::open(CheckpointId id, PendingState state) {
  if (open_ && open_->id() == id && open_->state() == state) return &*open_;
  ++ignored_;
  return nullptr;
}

void CheckpointCoordinator::begin_next(base::SteadyTime now, CheckpointDecisions& out) {
  if (!started_ || closed_ || open_) return;
  if (!waiting_.empty()) {
    const Request next = waiting_.front();
    waiting_.pop_front();
    begin(next.kind, next.id, now, out);
  } else if (final_) {
    if (!final_failed_ || pause_over_ <= now) begin(BarrierKind::final_checkpoint, final_, now, out);
  } else if (makes_regular_ones() && regular_due() <= now) {
    begin(BarrierKind::checkpoint, std::nullopt, now, out);
  }
}

void CheckpointCoordinator::begin(BarrierKind kind, std::optional<RequestId> request, base::SteadyTime now,
                                  CheckpointDecisions& out) {
  const CheckpointId id{next_++};
  open_.emplace(id, kind, now, tasks_, ended_);
  open_request_ = request;
  deadline_ = now + policy_.timeout;
  if (kind == BarrierKind::checkpoint) interval_over_ = now + policy_.interval;
  out.emplace_back(JournalId{id, kind});
}

bool CheckpointCoordinator::on_journalled(CheckpointId id, base::SteadyTime now, CheckpointDecisions& out) {
  PendingCheckpoint* checkpoint = open(id, PendingState::journalling);
  if (checkpoint == nullptr) return false;
  if (checkpoint->is_complete()) {
    publish(now, out);
  } else {
    checkpoint->move_to(PendingState::injected);
    out.emplace_back(Inject{id, checkpoint->kind()});
  }
  return true;
}

bool CheckpointCoordinator::on_journal_failed(CheckpointId id, const std::string& why, base::SteadyTime now,
                                              CheckpointDecisions& out) {
  if (open(id, PendingState::journalling) == nullptr) return false;
  give_up("its id could not be made durable: " + why, Weight::none, now, out);
  return true;
}

bool CheckpointCoordinator::on_acknowledged(const Acknowledged& acknowledged, base::SteadyTime now,
                                            CheckpointDecisions& out) {
  PendingCheckpoint* checkpoint = open(acknowledged.id, PendingState::injected);
  if (checkpoint == nullptr) return false;
  if (!checkpoint->acknowledge(acknowledged.task, acknowledged.info)) {
    ++ignored_;
    return false;
  }
  if (checkpoint->is_too_long()) {
    give_up("the file names and commit handles of its tasks are longer than " +
                std::to_string(PendingCheckpoint::kMaxTextBytes >> 20) + " MiB",
            Weight::one, now, out);
  } else if (checkpoint->is_complete()) {
    publish(now, out);
  }
  return true;
}

bool CheckpointCoordinator::on_declined(const Declined& declined, base::SteadyTime now, CheckpointDecisions& out) {
  PendingCheckpoint* checkpoint = open(declined.id, PendingState::injected);
  if (checkpoint == nullptr) return false;
  if (!checkpoint->is_live(declined.task)) {
    ++ignored_;
    return false;
  }
  give_up("task " + task_text(declined.task) + " could not save: " + declined.why.message,
          declined.why.no_space ? Weight::none : Weight::one, now, out);
  return true;
}

void CheckpointCoordinator::publish(base::SteadyTime now, CheckpointDecisions& out) {
  open_->move_to(PendingState::publishing);
  deadline_ = now + policy_.timeout;
  Publish publish{open_->id(), open_->kind(), {}};
  publish.snapshots.reserve(open_->tasks());
  for (const auto& [task, info] : open_->snapshots()) publish.snapshots.push_back({task, info});
  out.emplace_back(std::move(publish));
}

bool CheckpointCoordinator::on_published(CheckpointId id, bool made, base::SteadyTime now, CheckpointDecisions& out) {
  PendingCheckpoint* checkpoint = open(id, PendingState::publishing);
  if (checkpoint == nullptr) return false;
  if (made) {
    complete(now, out);
    return true;
  }
  const std::string why = name_of(id, checkpoint->kind()) + " is settled by somebody else: this attempt is stale";
  last_failure_ = why;
  ++failed_;
  out.emplace_back(Fenced{id});
  drop_open(PendingState::abandoned, why, out);
  shut(why, out);
  return true;
}

bool CheckpointCoordinator::on_publish_failed(CheckpointId id, const Error& why, base::SteadyTime now,
                                              CheckpointDecisions& out) {
  if (open(id, PendingState::publishing) == nullptr) return false;
  give_up("its manifest could not be published: " + why.message, why.no_space ? Weight::none : Weight::one, now, out);
  return true;
}

bool CheckpointCoordinator::on_unbalanced(CheckpointId id, const std::string& why, base::SteadyTime now,
                                          CheckpointDecisions& out) {
  if (open(id, PendingState::publishing) == nullptr) return false;
  give_up(why, Weight::fatal, now, out);
  return true;
}

void CheckpointCoordinator::complete(base::SteadyTime now, CheckpointDecisions& out) {
  const CheckpointId id = open_->id();
  const BarrierKind kind = open_->kind();
  newest_ = {id, kind, std::chrono::duration_cast<Duration>(now - open_->since()), open_->bytes(), now};
  ++completed_;
  failures_in_a_row_ = 0;
  pause_over_ = now + policy_.minimum_pause;
  for (const auto& [task, info] : open_->snapshots())
    if (info.ended) ended_.insert_or_assign(task, info);
  out.emplace_back(NotifyCommit{id, kind});
  if (kind != BarrierKind::savepoint) kept_.push_back(id);
  // One that is closed may have a successor already, whose affair this is.
  if (!closed_ && kept_.size() > policy_.retained) {
    const auto end = kept_.end() - static_cast<std::ptrdiff_t>(policy_.retained);
    out.emplace_back(Prune{{kept_.begin(), end}});
    kept_.erase(kept_.begin(), end);
  }
  drop_open(PendingState::published, "", out);
  if (kind == BarrierKind::final_checkpoint && !closed_) shut("its final checkpoint is complete", out);
  begin_next(now, out);
}

void CheckpointCoordinator::give_up(std::string why, Weight weight, base::SteadyTime now, CheckpointDecisions& out) {
  why = cut(std::move(why));
  const BarrierKind kind = open_->kind();
  const bool is_its_own = weight != Weight::none && !is_held_up_;
  const std::string text = name_of(open_->id(), kind) + ": " + why;
  last_failure_ = text;
  ++failed_;
  // What does not count is tried for ever, and not at once.
  pause_over_ = now + (is_its_own ? policy_.minimum_pause : std::max(policy_.minimum_pause, kRestAfterTrouble));
  out.emplace_back(
      Abandon{open_->id(), kind, why, open_->state() != PendingState::journalling, open_->missing_tasks(), closed_});
  drop_open(PendingState::abandoned, why, out);
  if (kind == BarrierKind::final_checkpoint) final_failed_ = true;
  if (is_its_own && kind != BarrierKind::savepoint) ++failures_in_a_row_;
  if (!closed_ && weight == Weight::fatal) return fail_attempt(text, out);
  if (!closed_ && failures_in_a_row_ > policy_.tolerated)
    return fail_attempt(std::to_string(failures_in_a_row_) + " checkpoints failed in a row, " +
                            std::to_string(policy_.tolerated) + " are tolerated; the last: " + text,
                        out);
  begin_next(now, out);
}

/// The open one is over; its request is answered, but for a final one that will be tried again.
void CheckpointCoordinator::drop_open(PendingState state, const std::string& why, CheckpointDecisions& out) {
  open_->move_to(state);
  const bool is_final = open_->kind() == BarrierKind::final_checkpoint;
  const bool is_over = state == PendingState::published || closed_ || !is_final;
  if (open_request_ && is_over) out.emplace_back(RequestEnded{*open_request_, open_->id(), why});
  if (is_final && is_over) final_.reset();
  open_request_.reset();
  open_.reset();
}

void CheckpointCoordinator::fail_attempt(const std::string& why, CheckpointDecisions& out) {
  out.emplace_back(FailAttempt{why});
  shut(why, out);
}

/// Nothing starts any more; who waits is told. A publication that is under way is still to be settled.
void CheckpointCoordinator::shut(const std::string& why, CheckpointDecisions& out) {
  closed_ = true;
  closed_why_ = why;
  for (const Request& each : waiting_) out.emplace_back(RequestEnded{each.id, {}, why});
  waiting_.clear();
  if (final_ && !(open_ && open_->kind() == BarrierKind::final_checkpoint)) {
    out.emplace_back(RequestEnded{*final_, {}, why});
    final_.reset();
  }
}

void CheckpointCoordinator::close(const std::string& why, CheckpointDecisions& out) {
  if (closed_) return;
  const std::string text = cut(why);
  if (open_ && open_->state() != PendingState::publishing) {
    out.emplace_back(Abandon{open_->id(), open_->kind(), text, open_->state() == PendingState::injected,
                             open_->missing_tasks(), true});
    drop_open(PendingState::abandoned, text, out);
  }
  shut(text, out);
}

CheckpointSummary CheckpointCoordinator::summary() const {
  CheckpointSummary summary;
  summary.newest = newest_;
  if (open_)
    summary.open = {open_->id(), open_->kind(), open_->state(), open_->acknowledged(), open_->tasks(), open_->since()};
  summary.requests = waiting_.size() + (final_ && !(open_ && open_->kind() == BarrierKind::final_checkpoint) ? 1 : 0);
  summary.completed = completed_;
  summary.failed = failed_;
  summary.failures_in_a_row = failures_in_a_row_;
  summary.last_failure = last_failure_;
  summary.ignored = ignored_;
  return summary;
}

}  // namespace freshet::manager
