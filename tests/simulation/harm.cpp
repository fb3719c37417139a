#include <algorithm>

#include "tests/simulation/cluster.h"

namespace freshet::sim {

using namespace std::chrono_literals;
using dag::JobState;

void Simulation::act_by_steps() {
  if (manager_is_down_) return;
  const auto running = job()->state() == JobState::running;
  while (running && checkpoints_asked_ < setting_.checkpoints_at_step.size() &&
         setting_.checkpoints_at_step[checkpoints_asked_] <= executors_.steps_with_work) {
    ++checkpoints_asked_;
    const auto kind = random_.chance(0.3) ? BarrierKind::savepoint : BarrierKind::checkpoint;
    with_manager([&] {
      if (manager_->request_checkpoint(job()->id(), kind)) scheduler_.note("checkpoint");
    });
  }
  if (running) replay_letters();
  while (harms_tried_ < setting_.harms.size()) {
    const auto& harm = setting_.harms[harms_tried_];
    if (harm.at_step > executors_.steps_with_work) return;
    if (harm.at_step == 0 && !random_.chance(0.01)) return;  // at some moment while it is being deployed
    harms_until(clock_.steady());
    if (!do_harm(harm.kind)) return;
    ++harms_tried_;
    done_.insert(harm.kind);
    const auto text = name_of(harm.kind) + " at step " + std::to_string(executors_.steps_with_work);
    harm_ += (harm_.empty() ? "" : ", ") + text;
    scheduler_.note(text);
  }
}

void Simulation::replay_letters() {
  constexpr double kShare = 0.002;
  if (topology_->keep_letters().empty() || !random_.chance(kShare)) return;
  with_manager([&] {
    if (std::holds_alternative<std::uint64_t>(manager_->change_letters(job()->id(), {}))) scheduler_.note("replay");
  });
}

/// False: there is nobody to do it to yet.
bool Simulation::do_harm(HarmKind kind) {
  switch (kind) {
    case HarmKind::restart_manager:
      kill_manager();
      return true;
    case HarmKind::cancel: {
      bool is_taken = false;
      with_manager([&] { is_taken = std::holds_alternative<std::string>(manager_->cancel("simulated")); });
      return is_taken;
    }
    case HarmKind::source_fails: {
      spending_.sources_fail = true;
      const auto duration = some_time();
      harms_until(clock_.steady() + duration);
      if (recovers()) scheduler_.after(duration, "source is back", [this] { spending_.sources_fail = false; });
      return true;
    }
    case HarmKind::kill_everything:
      kill_everything();
      return true;
    case HarmKind::storage_fails:
    case HarmKind::storage_errs:
    case HarmKind::journal_fails:
    case HarmKind::die_in_journal:
      return do_harm_to_disks(kind);
    case HarmKind::refuse_to_publish:
      topology_->refuse_to_publish();
      return true;
    case HarmKind::lose_frame:
      data_.lose_next_frame();
      return true;
    default:
      return do_harm_to_processes(kind);
  }
}

bool Simulation::do_harm_to_disks(HarmKind kind) {
  const auto duration = some_time();
  harms_until(clock_.steady() + duration);
  switch (kind) {
    case HarmKind::storage_fails:
      disk_.fill_up(duration);
      return true;
    case HarmKind::storage_errs:
      disk_.set_error_share(0.02 + random_.unit() * 0.3);
      scheduler_.after(duration, "storage is back", [this] { disk_.set_error_share(0); });
      return true;
    case HarmKind::journal_fails:
      journal_.fails_until = std::max(journal_.fails_until, clock_.steady() + duration);
      return true;
    default:
      journal_.die_at_next_append(random_.chance(0.5) ? SimJournal::Death::before : SimJournal::Death::after);
      return true;
  }
}

bool Simulation::do_harm_to_processes(HarmKind kind) {
  const auto workers = living();
  if (workers.empty()) return false;
  auto* victim = workers[random_.below(workers.size())];
  auto* other = workers[random_.below(workers.size())];
  const bool freezes = kind == HarmKind::freeze_worker || kind == HarmKind::freeze_machine;
  const Nanoseconds duration = freezes ? frozen_time() : some_time();
  harms_until(clock_.steady() + duration);
  switch (kind) {
    case HarmKind::kill:
      kill_worker(*victim, 9);
      return true;
    case HarmKind::crash:
      kill_worker(*victim, 11);
      return true;
    case HarmKind::disconnect:
      watch_.on_disconnect();
      return data_.disconnect(victim->endpoint(), other->endpoint());
    case HarmKind::cut_off_from_manager:
      network_.partition(0, victim->machine(), duration);
      return true;
    case HarmKind::cut_off_from_each_other:
      if (victim->machine() == other->machine()) return setting_.agents == 1;
      network_.partition(victim->machine(), other->machine(), duration);
      return true;
    case HarmKind::slow_machine:
      network_.slow_down(victim->machine(), static_cast<std::uint32_t>(random_.between(2, 200)), duration);
      return true;
    case HarmKind::restart_agent:
      agents_[victim->machine() - 1]->restart();
      return true;
    case HarmKind::kill_machine:
      kill_machine(victim->machine());
      return true;
    case HarmKind::freeze_worker:
      victim->freeze(duration);
      return true;
    case HarmKind::freeze_machine:
      freeze_machine(victim->machine(), duration);
      return true;
    default:
      return false;
  }
}

void Simulation::kill_manager() {
  ++manager_deaths_;
  check_audit();
  const Nanoseconds pause(static_cast<std::int64_t>(log_uniform(random_, 1e6, 2e10)));
  control_.go_down(pause);
  manager_storage_.crash();
  manager_process_ = {};
  manager_is_down_ = true;
  harms_until(clock_.steady() + pause);
  const auto start = [this, turn = ++manager_turn_] {
    if (turn == manager_turn_) start_manager();
  };
  scheduler_.after(pause, "manager starts", start);
}

/// It may be over before the others hear of it, with a job that has no more need of what was on its way.
void Simulation::kill_worker(SimWorker& worker, int signal) {
  watch_.on_disconnect();
  worker.kill(signal);
}

void Simulation::kill_machine(Machine machine) {
  for (auto* worker : living())
    if (worker->machine() == machine) kill_worker(*worker, 9);
  agents_[machine - 1]->restart();
}

void Simulation::freeze_machine(Machine machine, Nanoseconds duration) {
  harms_until(clock_.steady() + duration);
  agents_[machine - 1]->freeze(duration);
  for (auto* worker : living())
    if (worker->machine() == machine) worker->freeze(duration);
}

void Simulation::kill_everything() {
  for (auto* worker : living()) kill_worker(*worker, 9);
  for (const auto& agent : agents_) agent->restart();
  kill_manager();
}

void Simulation::reach(KillPoint point) {
  if (manager_is_down_ || job()->is_over()) return;
  const auto victim = kills_.pass(point);
  if (!victim) return;
  ++killed_[static_cast<std::size_t>(point)];
  const auto text = name_of(*victim) + " at " + name_of(point);
  harm_ += (harm_.empty() ? "" : ", ") + text;
  scheduler_.note(text);
  harms_until(clock_.steady());
  if (*victim == Victim::manager && in_manager_) throw ManagerDied();
  dying_.push_back(*victim);
}

void Simulation::do_kills() {
  for (const auto victim : std::exchange(dying_, {})) {
    const auto workers = living();
    if (victim == Victim::manager) {
      kill_manager();
    } else if (victim == Victim::everything) {
      kill_everything();
    } else if (!workers.empty()) {
      auto* worker = workers[random_.below(workers.size())];
      if (victim == Victim::worker)
        kill_worker(*worker, 9);
      else if (victim == Victim::machine)
        kill_machine(worker->machine());
      else
        freeze_machine(worker->machine(), frozen_time());
    }
  }
}

/// Those that show in what the job manager knows, after it has heard something.
void Simulation::look_for_kill_points(const wire::ControlMessage& heard) {
  if (manager_is_down_ || manager_->table().all().empty() || job()->is_over() || job()->deployment() == nullptr) return;
  const auto count = [&](manager::WorkerPhase least) {
    return std::ranges::count_if(job()->deployment()->workers(), [&](const auto& worker) {
      return worker.phase >= least && worker.phase != manager::WorkerPhase::ended;
    });
  };
  const auto workers = std::ssize(job()->deployment()->workers());
  const bool greets = std::holds_alternative<wire::WorkerHello>(heard.body);
  if (greets && job()->state() == JobState::recovering && count(manager::WorkerPhase::hello) < workers)
    reach(KillPoint::adoption);
  const bool is_prepared = std::holds_alternative<wire::WorkerPrepared>(heard.body);
  if (is_prepared && job()->state() == JobState::deploying && job()->checkpoints().restore_point() &&
      count(manager::WorkerPhase::prepared) > 0 && count(manager::WorkerPhase::prepared) < workers)
    reach(KillPoint::restore);
  if (const auto* coordinator = job()->checkpoints().coordinator(); coordinator != nullptr) {
    const auto open = coordinator->summary().open;
    if (open && open->kind == BarrierKind::final_checkpoint) reach(KillPoint::final_open);
  }
}

void Simulation::on_saved() {
  if (newest_barrier_ != ledger_.newest_injected()) {
    newest_barrier_ = ledger_.newest_injected();
    saved_ = 0;
  }
  if (++saved_ < job()->plan().tasks.size()) reach(KillPoint::mid_alignment);
}

void Simulation::on_commit(Attempt attempt, const std::string& handle) {
  ledger_.on_commit(attempt, handle);
  if (ledger_.is_between_commits()) reach(KillPoint::between_commits);
}

/// Mostly longer than an agent or a worker may be silent.
Nanoseconds Simulation::frozen_time() {
  return Nanoseconds(static_cast<std::int64_t>(log_uniform(random_, 3e9, 6e10)));
}

Nanoseconds Simulation::some_time() { return Nanoseconds(static_cast<std::int64_t>(log_uniform(random_, 1e6, 4e10))); }

}  // namespace freshet::sim
