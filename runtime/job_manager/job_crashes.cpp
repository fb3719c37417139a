#include <algorithm>
#include <csignal>

#include "runtime/job_manager/job.h"

/// What the end of a worker means to its job, and a crash to the record at hand.
namespace freshet::manager {

bool Job::on(const std::string&, const wire::WorkerEnded& ended, Moment now, Orders& orders) {
  const DeployedWorker worker = *living(ended.worker);
  deployment_->on_ended(ended.worker);
  const bool is_clean = ended.signal == 0 && ended.exit_code == 0;
  if (ending_ && ending_->kind == EndKind::changed) return end_if_all_gone(now), true;
  const std::size_t before = crashes_.count_set_aside();
  const CrashedPlace* crashed = note_crash(ended, now);
  const bool was_forced = worker.stop_ordered && (ended.signal == SIGTERM || ended.signal == SIGKILL ||
                                                  (ended.signal == 0 && ended.exit_code < 0));
  if (!ending_ || (!is_clean && !(was_forced && !keeps_results(ending_->kind)))) {
    Cause cause = worker_ended_cause(ended, worker.agent, name(), status_->held_by(ended.worker.worker.value));
    if (crashed != nullptr) add_crashes(cause, *crashed, crashes_.limit(), may_set_aside(crashed->operator_id));
    if (crashes_.count_set_aside() > before) cause.cured = crashed->crashes;
    fail(std::move(cause), now, orders);
  }
  end_if_all_gone(now);
  return true;
}

bool Job::may_set_aside(const std::string& operator_id) const {
  const auto& operators = submission().graph.operators;
  const auto found = std::ranges::find(operators, operator_id, &OperatorNode::id);
  return found != operators.end() && found->on_error.sets_aside(found->kind == OperatorKind::source);
}

const CrashedPlace* Job::note_crash(const wire::WorkerEnded& ended, Moment now) {
  if (!checkpoints_.enabled()) return nullptr;  // the first failure is the last
  if (ended.signal == 0 || ended.worker.attempt != attempt_ || !ended.crash || !ended.crash->place) return nullptr;
  const auto& crash = *ended.crash;
  const bool may = may_set_aside(crash.operator_id);
  const CrashedPlace* place = crashes_.note({.operator_id = crash.operator_id,
                                             .place = *crash.place,
                                             .last = attempt_,
                                             .reason = "crash " + signal_name(ended.signal),
                                             .origin = crash.origin,
                                             .time_ms = now.wall_ms},
                                            may);
  if (place != nullptr && place->set_aside) begin_problem(shortened(poison_problem(*place, name())), now);
  return place;
}

/// Crashes on a record that is set aside now are not held against the job: it goes on as if the record had thrown.
void Job::decide_restart(const Cause& cause, Moment now) {
  if (!checkpoints_.enabled() || cause.is_final) return;
  if (cause.cured > 1) restarts_.forgive(cause.cured - 1);
  if (!restart_at_) {
    if (const auto delay = restarts_.on_failure(now.steady); delay) restart_at_ = now.steady + *delay;
  }
  if (cause.cured != 0 && restart_at_) restarts_.forgive(1);
}

}  // namespace freshet::manager
