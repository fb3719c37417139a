#include "dag/compatibility.h"
#include "runtime/base/check.h"
#include "runtime/job_manager/job.h"

/// What changes a job that runs, and what its checkpoints want of its workers; the rest of Job is in job.cpp.
namespace freshet::manager {

using dag::JobState;

void Job::note_verb(const std::string& verb, Moment now) {
  time_line_.add(now.wall_ms, "verb", verb + " was asked for");
}

Status Job::pause(Moment now, Orders& orders) {
  if (wants_pause_) return {};
  if (state_ != JobState::running || ending_) return Error{"job " + name() + " is " + state_text(state_)};
  note_verb("pause", now);
  wants_pause_ = true;
  reason_ = "paused by its user";
  hold_sources(now, orders);
  return {};
}

Status Job::resume(Moment now, Orders& orders) {
  if ((state_ != JobState::paused && state_ != JobState::pausing) || ending_)
    return Error{"job " + name() + " is " + state_text(state_)};
  note_verb("resume", now);
  wants_pause_ = false;
  reason_.clear();
  not_yet_paused_.clear();
  if (held_since_) held_for_ = std::chrono::duration_cast<Duration>(now.steady - *held_since_);
  held_since_.reset();
  clear_problem(ProblemKind::DEAD_LETTER_FLOOD, now);
  move_to(JobState::running, now, "resumed");
  deployment_->broadcast(wire::PauseSources{{}, false}, orders);
  return {};
}

Status Job::begin_change(ChangeKind kind, std::optional<JobRevision> next, Duration watch_for, Moment now) {
  const bool runs = (state_ == JobState::running || state_ == JobState::paused) && !ending_;
  if (!runs) return Error{"job " + name() + " is " + state_text(state_)};
  if (change_ && change_->step == ChangeStep::watching) end_change(ChangeStep::done, "", now);
  if (change_ && !change_->is_over())
    return Error{"job " + name() + " is being changed already: wait until that is over"};
  if (!checkpoints_.enabled()) return Error{"job " + name() + " makes no checkpoints: only cancel is possible"};
  const auto asked = checkpoints_.request(BarrierKind::savepoint, now.steady);
  if (!asked) return asked.error();
  change_ = JobChange{.kind = kind, .next = std::move(next), .request = *asked, .asked_ms = now.wall_ms};
  change_->watch_for = watch_for;
  change_->was_paused = state_ == JobState::paused;
  note_verb(std::string(enumerator_name(kind)), now);
  move_to(JobState::stopping, now);
  return {};
}

void Job::on_request_ended(const RequestEnded& ended, Moment now, Orders& orders) {
  if (!change_ || change_->is_over() || change_->request != ended.request) return;
  if (change_->step == ChangeStep::confirming) return on_confirmed(ended.why, now, orders);
  if (change_->step != ChangeStep::saving || ending_) return;
  if (!ended.why.empty()) {
    move_to(JobState::running, now, "it goes on as before");
    if (change_->was_paused) hold_sources(now, orders);
    return end_change(ChangeStep::failed, "no savepoint: " + ended.why, now);
  }
  change_->savepoint = ended.id;
  // What is read behind its barrier is read again.
  const RememberedCheckpoint* saved = checkpoints_.history().find(ended.id);
  change_->stands_since = saved != nullptr ? saved->began : now.steady;
  change_->saved_in = std::chrono::duration_cast<Duration>(now.steady - *change_->stands_since);
  change_->step = ChangeStep::moving;
  if (change_->next) change_->next->savepoint = ended.id;
  checkpoints_.end("its attempt has ended at a savepoint");
  begin_ending(change_->kind == ChangeKind::stop ? EndKind::stopped : EndKind::changed, {}, now, orders);
}

Status Job::change_letters(const wire::ChangeLetters& order, Moment now, Orders& orders) {
  if ((state_ != JobState::running && state_ != JobState::paused) || ending_)
    return Error{"job " + name() + " is " + state_text(state_) +
                 ", and dead letters can be replayed or dropped while it is Running or Paused"};
  if (letter_changes_.is_open())
    return Error{"another order to replay or drop dead letters of job " + name() + " is not over yet"};
  std::set<WorkerId> workers;
  for (const DeployedWorker& worker : deployment_->workers())
    if (worker.phase != WorkerPhase::ended) workers.insert(worker.key.worker);
  note_verb(std::string("dead-letters ") + (order.replays ? "replay" : "drop"), now);
  letter_changes_.begin(order, std::move(workers));
  deployment_->broadcast(order, orders);
  return {};
}

bool Job::on(const std::string&, const wire::LettersChanged& changed, Moment now, Orders&) {
  if (letter_changes_.on_changed(changed)) save_letters(now);
  return true;
}

/// What was done counts only when a checkpoint holds it: the one that is asked for now, or when that fails a later one.
void Job::save_letters(Moment now) {
  letter_changes_.save_above(checkpoints_.enabled() ? std::optional(checkpoints_.last()) : std::nullopt);
  if (!letter_changes_.is_open()) return;
  if (const auto asked = checkpoints_.request(BarrierKind::checkpoint, now.steady); !asked)
    time_line_.add(now.wall_ms, "checkpoint", "none right behind dead-letters: " + asked.error().message);
}

/// All tasks run, of what a change led to or went back to.
void Job::on_change_runs(Moment now) {
  if (!change_ || !change_->stands_since) return;
  change_->stood_still += std::chrono::duration_cast<Duration>(now.steady - *change_->stands_since);
  change_->stands_since.reset();
  if (change_->step != ChangeStep::moving) return;
  change_->restored_in = change_->stood_still - change_->saved_in.value_or(Duration(0));
  change_->step = ChangeStep::confirming;
  if (change_->watch_for.count() > 0) change_->watch_until = now.steady + change_->watch_for;
  if (const auto asked = checkpoints_.request(BarrierKind::checkpoint, now.steady); asked)
    change_->request = *asked;
  else
    end_change(ChangeStep::failed, "no checkpoint can be made: " + asked.error().message, now);
}

/// The first checkpoint of what a change led to is there, or `why` not.
void Job::on_confirmed(const std::string& why, Moment now, Orders& orders) {
  if (why.empty() && change_->watch_until)
    change_->step = ChangeStep::watching;
  else if (why.empty())
    end_change(ChangeStep::done, "", now);
  else if (change_->watch_until)
    fail({Cause::Weight::root, "its first checkpoint failed: " + why, {}}, now, orders);
  else
    end_change(ChangeStep::failed, why, now);
}

void Job::watch_change(Moment now, Orders& orders) {
  if (!change_ || change_->is_over() || !change_->watch_until || now.steady < *change_->watch_until) return;
  if (change_->step == ChangeStep::watching) return end_change(ChangeStep::done, "", now);
  fail({Cause::Weight::root,
        "it made no checkpoint within " + std::to_string(change_->watch_for.count()) + " ms of its start",
        {}},
       now, orders);
}

void Job::end_change(ChangeStep step, const std::string& why, Moment now) {
  if (!change_ || change_->is_over()) return;
  change_->step = step;
  change_->why = why;
  time_line_.add(now.wall_ms, "verb",
                 std::string(enumerator_name(change_->kind)) + (why.empty() ? " is done" : " failed: " + why));
}

void Job::begin_revision() {
  if (has_new_revision()) revisions_.back().savepoint = checkpoints_.restore_point().value_or(CheckpointId{0});
}

void Job::make_current(JobRevision next, Moment now) {
  if (next.submission.library_sha256 != submission().library_sha256) crashes_.clear();
  crashes_.set_limit(next.submission.crashes_per_record.value_or(kCrashesPerRecord));
  next.number = Revision{revision().number.value + 1};
  next.since_ms = now.wall_ms;
  revisions_.push_back(std::move(next));
  if (revisions_.size() > kMaxRevisions) revisions_.erase(revisions_.begin());
  // What they tell is of the plan that was.
  deployment_.reset();
  status_.reset();
}

/// A change that does not come up, or fails while it is watched: an upgrade and what is watched goes back to what ran
/// before.
bool Job::goes_back(const Cause& cause, Moment now) {
  if (!change_ || change_->is_over()) return false;
  const bool is_new = change_->step != ChangeStep::saving;
  const bool may = change_->kind == ChangeKind::upgrade || change_->watch_for.count() > 0;
  if (!is_new || !may || revisions_.size() < 2) {
    end_change(ChangeStep::failed, cause.reason, now);
    return false;
  }
  going_back_ = revisions_[revisions_.size() - 2];
  going_back_->how = "went back: " + cause.reason;
  // Its own state it has, also what it once began without; of what failed it takes all that it has operators for.
  going_back_->submission.dropped_state = dag::gone_operators(submission().graph, going_back_->submission.graph);
  if (!change_->stands_since) change_->stands_since = now.steady;
  change_->back_to = going_back_->number;
  end_change(ChangeStep::failed,
             cause.reason + "; the job goes on with revision " + std::to_string(going_back_->number.value), now);
  return true;
}

void Job::restore_wish(const JobWish& wish, Moment now, Orders& orders) {
  wants_pause_ = wish.paused;
  if (wish.cancelled && !is_over()) (void)cancel(now, orders);  // refused only when it is over
}

Status Job::can_reopen() const {
  if (!is_over()) return Error{"job " + name() + " is " + state_text(state_)};
  if (state_ == JobState::finished) return Error{"job " + name() + " is Finished: it has nothing left to read"};
  if (!checkpoints_.enabled()) return Error{"job " + name() + " made no checkpoints: submit it again"};
  return {};
}

void Job::reopen(Moment now) {
  CHECK(can_reopen().ok(), "what is reopened can be");
  note_verb("restart", now);
  wants_pause_ = false;
  reason_.clear();
  damaged_ = {};
  problems_.clear();
  change_.reset();
  restarts_ = RestartStrategy(submission().restart);
  move_to(JobState::scheduling, now);
}

void Job::inject_barrier(CheckpointId id, BarrierKind kind, Orders& orders) {
  for (const DeployedWorker& worker : deployment_->workers())
    if (deployment_->has_source_task(worker.key))
      orders.push_back(to_worker(worker.peer, wire::InjectBarrier{worker.key, id, kind}));
}

/// A worker whose connection was lost may not have heard what was said last.
void Job::repeat_checkpoint_orders(const DeployedWorker& worker, Orders& orders) {
  if (auto order = letter_changes_.to_repeat(worker.key)) orders.push_back(to_worker(worker.peer, *std::move(order)));
  const bool comes_up = state_ == JobState::deploying || adopting_;  // then the coordinator is of another attempt
  if (comes_up || checkpoints_.coordinator() == nullptr || worker.phase < WorkerPhase::running) return;
  const CheckpointSummary now = checkpoints_.coordinator()->summary();
  if (const auto& complete = checkpoints_.complete(); !complete.empty()) {
    orders.push_back(to_worker(worker.peer, wire::CommitCheckpoint{worker.key, complete.back().id}));
    // Nothing closes it before the attempt fails but a final checkpoint.
    if (checkpoints_.coordinator()->is_closed() && complete.back().kind == BarrierKind::final_checkpoint)
      orders.push_back(to_worker(worker.peer, wire::EndStream{worker.key}));
  }
  if (now.open && now.open->state == PendingState::injected && deployment_->has_source_task(worker.key))
    orders.push_back(to_worker(worker.peer, wire::InjectBarrier{worker.key, now.open->id, now.open->kind}));
}

void Job::commit_checkpoint(CheckpointId id, BarrierKind kind, Orders& orders) {
  letter_changes_.on_complete(id);
  if (ending_) return;  // the next attempt commits again what the checkpoint holds
  deployment_->broadcast(wire::CommitCheckpoint{{}, id}, orders);
  if (kind == BarrierKind::final_checkpoint) deployment_->broadcast(wire::EndStream{}, orders);
}

void Job::note_checkpoint_given_up(const Abandon& abandon, Moment now) {
  if (!ending_)
    time_line_.add(now.wall_ms, "checkpoint",
                   "checkpoint " + std::to_string(abandon.id.value) + " failed: " + abandon.why);
}

}  // namespace freshet::manager
