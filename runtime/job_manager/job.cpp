#include "runtime/job_manager/job.h"

#include <algorithm>
#include <csignal>

#include "runtime/base/check.h"

namespace freshet::manager {

using dag::JobState;

std::string state_text(JobState state) {
  std::string text(enumerator_name(state));
  if (!text.empty()) text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

Job::Job(JobId id, Submission submission, dag::ExecutionPlan plan, const ManagerOptions& options,
         std::int64_t submitted_ms)
    : id_(id),
      options_(options),
      submitted_ms_(submitted_ms),
      since_ms_(submitted_ms),
      time_line_(options.max_events),
      checkpoints_(checkpoint_policy(submission)),
      crashes_(submission.crashes_per_record.value_or(kCrashesPerRecord)),
      restarts_(submission.restart) {
  revisions_.push_back({Revision{1}, std::move(submission), std::move(plan), submitted_ms, "submitted", {}});
  time_line_.add(submitted_ms, "state", "Submitted as " + id_text());
}

void Job::restore(Attempt attempt, const JobEnd& end) {
  attempt_ = attempt;
  state_ = end.state;
  reason_ = end.reason;
  damaged_ = end.damaged;
  since_ms_ = end.time_ms;
  for (const ProblemView& problem : end.problems)
    for (const auto& [name, kind] : freshet_enumerators(ProblemKind{}))
      if (name == problem.kind) problems_[kind] = problem;
  time_line_.add(end.time_ms, "state", state_text(state_) + (reason_.empty() ? "" : ": " + reason_));
}

void Job::adopt(Attempt attempt, dag::ExecutionPlan plan, Moment now) {
  if (attempt.value == 0) return;
  state_ = JobState::recovering;
  since_ms_ = now.wall_ms;
  reason_ = "the job manager was started anew, and looks for the job's workers";
  time_line_.add(now.wall_ms, "state", "Recovering: " + reason_);
  attempt_ = attempt;
  begin_attempt(spec_of(attempt, std::move(plan)), now);
  adopting_ = true;
  deployed_by_ = now.steady + options_.adoption_timeout;
}

JobEnd Job::end() const {
  JobEnd end{state_, reason_, since_ms_, {}, damaged_};
  for (const auto& [kind, problem] : problems_) end.problems.push_back(problem);
  return end;
}

void Job::move_to(JobState state, Moment now, const std::string& text) {
  if (state == state_) return;
  CHECK(dag::can_transition(state_, state), "a job changes its state only as the table says");
  state_ = state;
  since_ms_ = now.wall_ms;
  time_line_.add(now.wall_ms, "state", state_text(state) + (text.empty() ? "" : ": " + text));
  note_disks(now);
}

void Job::wait_for_slots(const std::string& text, Moment now) {
  if (state_ == JobState::submitted) move_to(JobState::scheduling, now, text);
  reason_ = text;
  restart_at_.reset();
  begin_problem(no_slots_problem(text), now);
}

void Job::deploy(Attempt attempt, dag::ExecutionPlan plan, std::uint64_t library_bytes, Moment now, Orders& orders) {
  CHECK(attempt > attempt_, "attempts count up");
  attempt_ = attempt;
  reason_.clear();
  restart_at_.reset();
  if (state_ == JobState::submitted) move_to(JobState::scheduling, now);
  clear_problem(ProblemKind::NO_SLOTS, now);
  const auto restore = checkpoints_.restore_point();
  move_to(JobState::deploying, now,
          "attempt " + std::to_string(attempt.value) + ", workers " + std::to_string(plan.workers.size()) +
              (restore ? ", from checkpoint " + std::to_string(restore->value) : ""));
  DeploymentSpec spec = spec_of(attempt, std::move(plan));
  spec.library_bytes = library_bytes;
  begin_attempt(std::move(spec), now);
  deployed_by_ = now.steady + options_.deployment_timeout;
  deployment_->order_workers(orders);
}

DeploymentSpec Job::spec_of(Attempt attempt, dag::ExecutionPlan plan) const {
  DeploymentSpec spec;
  spec.job = id_;
  spec.attempt = attempt;
  spec.name = submission().name;
  spec.library_job = submission().job;
  spec.library_sha256 = submission().library_sha256;
  spec.parameters = worker_parameters(submission());
  spec.default_parallelism = submission().default_parallelism;
  spec.data = submission().data;
  spec.directory = submission().directory;
  spec.status_interval = options_.status_interval;
  spec.note_operators(submission().graph);
  spec.plan = std::move(plan);
  const CheckpointId restore = checkpoints_.restore_point().value_or(CheckpointId{0});
  spec.checkpoints = {checkpoints_.enabled(),
                      submission().run,
                      options_.checkpoints,
                      id_,
                      restore,
                      {},
                      checkpoints_.policy().mode == CheckpointMode::exactly_once};
  // Given up is what the revision found when it began, and not what it has saved itself since.
  if (restore.value != 0 && restore == revision().savepoint) spec.checkpoints.dropped = submission().dropped_state;
  spec.set_aside = crashes_.set_aside();
  if (restore.value == 0 && submission().from_checkpoint.value != 0) {
    spec.checkpoints.from_job = submission().from_job;
    spec.checkpoints.restore = submission().from_checkpoint;
    spec.checkpoints.dropped = submission().dropped_state;
  }
  return spec;
}

void Job::begin_attempt(DeploymentSpec spec, Moment now) {
  deployment_.emplace(std::move(spec), now.steady);
  status_.emplace(submission().graph, deployment_->spec().plan);
  not_yet_paused_.clear();
  if (std::exchange(waits_for_commit_, false)) clear_problem(ProblemKind::CHECKPOINT_SLOW, now);
  ending_.reset();
}

const DeployedWorker* Job::living(const WorkerKey& key) const {
  const DeployedWorker* worker = deployment_ ? deployment_->find(key) : nullptr;
  return worker == nullptr || worker->phase == WorkerPhase::ended ? nullptr : worker;
}

bool Job::on_message(const std::string& peer, const wire::ControlBody& body, Moment now, Orders& orders) {
  return std::visit(
      [&]<class Body>(const Body& each) {
        if constexpr (requires { on(peer, each, now, orders); }) {
          if (is_over() || living(each.worker) == nullptr) return false;
          // The agent's word is no sign of life of the worker.
          if constexpr (!std::same_as<Body, wire::WorkerEnded> && !std::same_as<Body, wire::WorkerStarted>)
            deployment_->heard(each.worker, now.steady);
          return on(peer, each, now, orders);
        } else {
          return false;
        }
      },
      body);
}

bool Job::on(const std::string&, const wire::WorkerStarted& started, Moment, Orders&) {
  return deployment_->on_started(started);
}

bool Job::on(const std::string& peer, const wire::WorkerHello& hello, Moment now, Orders& orders) {
  if (!ending_) {
    if (!deployment_->on_hello(peer, hello, now.steady, orders)) return false;
    repeat_checkpoint_orders(*living(hello.worker), orders);
    return true;
  }
  Orders not_wanted;
  if (!deployment_->on_hello(peer, hello, now.steady, not_wanted)) return false;
  if (ending_->kind == EndKind::stopped)
    orders.push_back(to_worker(peer, wire::CommitCheckpoint{hello.worker, change_->savepoint}));
  orders.push_back(to_worker(peer, wire::StopTasks{hello.worker, keeps_results(ending_->kind)}));
  return true;
}

bool Job::on(const std::string&, const wire::WorkerPrepared& prepared, Moment now, Orders& orders) {
  if (ending_) return true;
  const DeployedWorker* worker = living(prepared.worker);
  if (worker->phase != WorkerPhase::hello) return false;
  const std::uint32_t number = prepared.worker.worker.value;
  std::size_t found = prepared.restored.size();
  for (const wire::SourceSplits& source : prepared.splits) found += source.splits.size();
  if (!prepared.problems.empty()) {
    Cause cause = prepare_cause(prepared.problems, number, worker->agent);
    if (const auto own = checkpoints_.restore_point(); prepared.is_damaged && own)
      cause = damaged_cause(cause.reason, *own, name());
    else
      cause.is_final = !started_ms_ && attempt_.value == 1;  // it has never run: who submitted it has to mend it
    fail(std::move(cause), now, orders);
  } else if (prepared.fingerprint != plan().fingerprint) {
    fail(fingerprint_cause(number, worker->agent), now, orders);
  } else if (found > Deployment::kMaxSplits) {
    fail(too_many_splits_cause(found, Deployment::kMaxSplits), now, orders);
  } else {
    return deployment_->on_prepared(prepared, orders);
  }
  return true;
}

void Job::run_if_all_running(Moment now, Orders& orders) {
  const bool comes_up = state_ == JobState::deploying || adopting_;
  if (!comes_up || ending_ || !deployment_->all_at(WorkerPhase::running)) return;
  const bool adopted = std::exchange(adopting_, false);
  if (!started_ms_ || !adopted) started_ms_ = now.wall_ms;
  reason_.clear();
  move_to(JobState::running, now,
          "attempt " + std::to_string(attempt_.value) + (adopted ? ", taken over with all of its workers" : ""));
  note_recovery(now);
  std::vector<TaskId> tasks;
  for (const dag::Placement& task : plan().tasks) tasks.push_back({task.chain, task.index});
  checkpoints_.begin(tasks, adopted, now.steady);
  on_change_runs(now);
  if (!wants_pause_) held_since_.reset();
  if (wants_pause_)
    hold_sources(now, orders);
  else if (adopted)
    deployment_->broadcast(wire::PauseSources{{}, false}, orders);  // a brake may have held them: it does so again
  finish_if_data_ended(now);
}

/// All input is read: what is left to do is a checkpoint that holds all results.
void Job::finish_if_data_ended(Moment now) {
  if (!deployment_ || ending_ || checkpoints_.coordinator() == nullptr || checkpoints_.coordinator()->is_closed())
    return;
  if (state_ == JobState::deploying || adopting_ || !deployment_->is_data_ended()) return;
  if (const auto asked = checkpoints_.request(BarrierKind::final_checkpoint, now.steady); !asked)
    time_line_.add(now.wall_ms, "checkpoint", "no final checkpoint: " + asked.error().message);
}

bool Job::on(const std::string&, const wire::WorkerRunning& running, Moment now, Orders& orders) {
  if (!deployment_->on_running(running.worker)) return false;
  run_if_all_running(now, orders);
  return true;
}

bool Job::on(const std::string&, const wire::WorkerStatus& status, Moment now, Orders& orders) {
  status_->take(status, now.steady);
  note_disks(now);
  note_hot_key(now);
  if (status.sources_held) not_yet_paused_.erase(status.worker.worker);
  hold_while_uncommitted(now, orders);
  repeat_hold(status, orders);
  if (state_ == JobState::pausing && not_yet_paused_.empty() && !ending_) move_to(JobState::paused, now);
  return true;
}

void Job::hold_sources(Moment now, Orders& orders) {
  move_to(JobState::pausing, now, reason_);
  if (!held_since_) held_since_ = now.steady;
  for (const DeployedWorker& worker : deployment_->workers()) not_yet_paused_.insert(worker.key.worker);
  deployment_->broadcast(wire::PauseSources{{}, true}, orders);
}

bool Job::on(const std::string&, const wire::TaskFailed& failed, Moment now, Orders& orders) {
  // All tasks have ended, so nothing is lost: a peer that was told first has closed its connections.
  if (ending_ && ending_->kind == EndKind::finished && failed.reason == wire::kChannelBroken) return true;
  fail(task_failed_cause(failed, living(failed.worker)->agent, name()), now, orders);
  return true;
}

bool Job::on(const std::string&, const wire::SnapshotStored& stored, Moment now, Orders&) {
  return checkpoints_.on_stored(stored, now.steady);
}

bool Job::on(const std::string&, const wire::SnapshotDeclined& declined, Moment now, Orders&) {
  return checkpoints_.on_declined(declined, now.steady);
}

bool Job::on(const std::string&, const wire::DataEnded& ended, Moment now, Orders&) {
  if (!deployment_->on_data_ended(ended.worker)) return false;
  finish_if_data_ended(now);
  return true;
}

bool Job::on(const std::string&, const wire::TasksFinished& finished, Moment now, Orders& orders) {
  if (!deployment_->on_finished(finished.worker)) return false;
  run_if_all_running(now, orders);
  if (ending_ || !deployment_->all_at(WorkerPhase::finished)) return true;
  not_yet_paused_.clear();
  if (state_ == JobState::pausing || state_ == JobState::paused) move_to(JobState::running, now, "no input was left");
  begin_ending(EndKind::finished, {}, now, orders);
  return true;
}

void Job::on_agent_hello(const std::string& agent, const std::vector<WorkerKey>& workers, Moment now, Orders& orders) {
  if (!deployment_ || is_over() || state_ == JobState::scheduling) return;
  if (!adopting_ && !ending_) return deployment_->order_workers(agent, orders);
  std::optional<WorkerId> gone;
  for (const DeployedWorker& worker : deployment_->workers()) {
    if (worker.agent != agent || worker.phase == WorkerPhase::ended) continue;
    if (std::find(workers.begin(), workers.end(), worker.key) != workers.end()) {
      if (worker.stop_ordered) orders.push_back(to_agent(agent, wire::StopWorker{worker.key, options_.kill_grace}));
      continue;
    }
    deployment_->on_ended(worker.key);
    if (adopting_ && !gone) gone = worker.key.worker;
  }
  if (gone) fail(not_adopted_cause(gone->value, agent), now, orders);
  end_if_all_gone(now);
}

void Job::on_agent_lost(const std::string& agent, const std::string& why, const std::vector<WorkerKey>& taken_over,
                        Moment now, Orders& orders) {
  if (is_over() || !deployment_) return;
  bool any = false;
  for (const DeployedWorker& worker : deployment_->workers()) {
    if (worker.agent != agent || std::ranges::find(taken_over, worker.key) != taken_over.end() ||
        !deployment_->on_ended(worker.key))
      continue;
    any = true;
    // It may live, and no agent that knows it is left to end it. One that has not said hello is told when it does.
    if (!worker.peer.empty()) orders.push_back(to_worker(worker.peer, wire::StopTasks{worker.key, false}));
  }
  if (!any) return;
  time_line_.add(now.wall_ms, "agent", "agent " + agent + " " + why);
  fail(agent_lost_cause(agent, why, name()), now, orders);
  end_if_all_gone(now);
}

Status Job::cancel(Moment now, Orders& orders) {
  if (is_over()) return Error{"job " + name() + " is " + state_text(state_) + " already"};
  if (state_ == JobState::cancelling) return {};
  note_verb("cancel", now);
  problems_.erase(ProblemKind::NO_SLOTS);
  reason_.clear();
  restart_at_.reset();
  if (!deployment_ || state_ == JobState::scheduling) {
    move_to(JobState::cancelled, now);
    return {};
  }
  checkpoints_.end("the job is cancelled");
  end_change(ChangeStep::failed, "the job was cancelled", now);
  adopting_ = false;
  move_to(JobState::cancelling, now);
  ending_.reset();
  begin_ending(EndKind::cancelled, {}, now, orders);
  return {};
}

void Job::fail(Cause cause, Moment now, Orders& orders) {
  if (is_over()) return;
  cause = shortened(std::move(cause));
  if (!deployment_ || state_ == JobState::scheduling || state_ == JobState::submitted) {
    reason_ = cause.reason;
    damaged_ = cause.damaged;
    if (cause.problem) begin_problem(*cause.problem, now);
    move_to(JobState::failed, now, reason_);
    return;
  }
  if (ending_ && ending_->kind == EndKind::cancelled) return;
  // Every result is committed, or will be by the next attempt; how the workers end is of no importance any more.
  const bool is_settled =
      ending_ && (ending_->kind == EndKind::changed || (ending_->kind == EndKind::finished && checkpoints_.enabled()));
  if (is_settled) return time_line_.add(now.wall_ms, "worker", cause.reason);
  if (ending_ && ending_->kind == EndKind::failed) {
    time_line_.add(now.wall_ms, "worker", cause.reason);
    if (cause.is_final) restart_at_.reset();
    if (cause.damaged.value != 0) damaged_ = cause.damaged;
    if (cause.cured != 0) decide_restart(cause, now);
    if (cause.weight <= ending_->cause.weight) return;
    reason_ = cause.reason;
    if (cause.problem) begin_problem(*cause.problem, now);
    ending_->cause = std::move(cause);
    return;
  }
  ending_.reset();
  adopting_ = false;
  reason_ = cause.reason;
  damaged_ = cause.damaged;
  checkpoints_.end(reason_);
  restart_at_.reset();
  if (goes_back(cause, now))
    restart_at_ = now.steady;
  else
    decide_restart(cause, now);
  recoveries_.on_failure(now.steady);
  if (cause.problem) begin_problem(*cause.problem, now);
  if (state_ == JobState::recovering) time_line_.add(now.wall_ms, "worker", reason_);
  move_to(JobState::recovering, now, reason_ + "; its other workers are being stopped");
  begin_ending(EndKind::failed, std::move(cause), now, orders);
}

void Job::begin_ending(EndKind kind, Cause cause, Moment now, Orders& orders) {
  CHECK(!ending_, "a job ends once");
  letter_changes_.end("the attempt ended before a checkpoint held the change, which may be undone");
  ending_ = Ending{kind, EndStep::asked, std::move(cause), now.steady + options_.stop_grace};
  deployment_->order_stop(keeps_results(kind), options_.kill_grace, orders);
  end_if_all_gone(now);
}

void Job::end_if_all_gone(Moment now) {
  if (is_over() || !ending_ || !deployment_->all_at(WorkerPhase::ended)) return;
  switch (ending_->kind) {
    case EndKind::finished:
      end_change(ChangeStep::done, "", now);
      return move_to(JobState::finished, now);
    case EndKind::cancelled:
      return move_to(JobState::cancelled, now);
    case EndKind::stopped:
      move_to(JobState::stopped, now);
      return end_change(ChangeStep::done, "", now);
    case EndKind::changed:
      ending_.reset();
      if (change_->next) make_current(std::move(*change_->next), now);
      change_->next.reset();
      restart_at_ = now.steady;
      return move_to(JobState::scheduling, now, std::string(enumerator_name(change_->kind)));
    case EndKind::failed:
      break;
  }
  if (restart_at_) {
    ending_.reset();
    if (going_back_) make_current(*std::exchange(going_back_, std::nullopt), now);
    for (auto& [kind, problem] : problems_) problem.effect = "the job is started again; nothing is lost";
    return move_to(JobState::scheduling, now, "the next attempt");
  }
  if (const std::string why = restarts_.why_not(); checkpoints_.enabled() && !why.empty() && !ending_->cause.is_final)
    reason_ += "; given up after " + why;
  move_to(JobState::failed, now, reason_);
}

bool Job::wants_slots(Moment now) const {
  return state_ == JobState::submitted ||
         (state_ == JobState::scheduling && (!restart_at_ || *restart_at_ <= now.steady));
}

void Job::postpone(const std::string& why, Duration delay, Moment now) {
  if (state_ == JobState::submitted) move_to(JobState::scheduling, now, why);
  reason_ = why;
  restart_at_ = now.steady + delay;
}

void Job::on_tick(Moment now, Orders& orders) {
  if (is_over() || !deployment_ || state_ == JobState::scheduling) return;
  if (!ending_) {
    const bool comes_up = state_ == JobState::deploying || adopting_;
    if (comes_up && deployed_by_ <= now.steady)
      return fail(deployment_timeout_cause(adopting_ ? options_.adoption_timeout : options_.deployment_timeout,
                                           missing_workers()),
                  now, orders);
    if (comes_up) return;
    forget_old_failures(now);
    checkpoints_.on_time(now.steady);
    watch_change(now, orders);
    if (ending_) return;
    for (const DeployedWorker& worker : deployment_->workers()) {
      if (worker.last_heard + options_.worker_silence_limit >= now.steady) continue;
      return fail(silent_worker_cause(worker.key.worker.value, worker.agent, options_.worker_silence_limit, name()),
                  now, orders);
    }
    return;
  }
  if (ending_->deadline > now.steady) return;
  if (ending_->step == EndStep::asked) {
    ending_->step = EndStep::forced;
    ending_->deadline = now.steady + options_.kill_grace + options_.give_up_after;
    return deployment_->order_kill(options_.kill_grace, orders);
  }
  for (const DeployedWorker& worker : deployment_->workers()) {
    if (!deployment_->on_ended(worker.key)) continue;
    time_line_.add(now.wall_ms, "worker",
                   to_string(worker.key) + " on " + worker.agent + " is left behind: no word of its end");
  }
  if (ending_->kind == EndKind::finished || ending_->kind == EndKind::stopped)
    fail({Cause::Weight::root, "its workers did not end, and may not have kept their results", {}}, now, orders);
  end_if_all_gone(now);
}

base::SteadyTime Job::next_deadline(base::SteadyTime fallback) const {
  if (is_over()) return fallback;
  if (state_ == JobState::scheduling) return restart_at_ ? std::min(fallback, *restart_at_) : fallback;
  if (!deployment_) return fallback;
  if (ending_) return std::min(fallback, ending_->deadline);
  if (state_ == JobState::deploying || adopting_) return std::min(fallback, deployed_by_);
  fallback = recoveries_.next_deadline(checkpoints_.next_deadline(fallback));
  if (change_ && !change_->is_over() && change_->watch_until) fallback = std::min(fallback, *change_->watch_until);
  for (const DeployedWorker& worker : deployment_->workers())
    fallback = std::min(fallback, worker.last_heard + options_.worker_silence_limit + std::chrono::milliseconds(1));
  return fallback;
}

std::string Job::missing_workers() const {
  std::string text;
  for (const DeployedWorker& worker : deployment_->workers()) {
    if (worker.phase >= WorkerPhase::running) continue;
    text += (text.empty() ? "" : ", ") + std::string("worker ") + std::to_string(worker.key.worker.value) + " on " +
            worker.agent + " (" + std::string(enumerator_name(worker.phase)) + ")";
  }
  return text;
}

}  // namespace freshet::manager
