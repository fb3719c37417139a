#include <nlohmann/json.hpp>

#include "runtime/checkpoint/verify.h"
#include "runtime/reads/dead_letters.h"
#include "tests/simulation/cluster.h"

namespace freshet::sim {

using namespace std::chrono_literals;
using dag::JobState;

/// Nothing that happens to processes and connections makes records of one attempt disappear between two tasks unseen.
void Simulation::check_audit() {
  if (manager_->table().all().empty()) return;
  for (const auto& entry : job()->checkpoints().history().entries())
    if (entry.why.find("does not balance") != std::string::npos) watch_.fail(entry.why);
}

void Simulation::check_end() {
  check_audit();
  if (const auto wrong = wrong_end(); !wrong.empty()) return watch_.fail(wrong);
  const bool finished = job()->state() == JobState::finished;
  if (const auto wrong = topology_->wrong(finished); !wrong.empty())
    return watch_.fail("the job is " + manager::state_text(job()->state()) + ", but " + wrong);
  if (job()->letter_changes().is_open()) return watch_.fail("an order to replay dead letters never ended");
  if (const auto wrong = wrong_letters(); finished && !wrong.empty()) return watch_.fail(wrong);
  for (const auto& agent : agents_)
    if (job()->slots_on(agent->name()) != 0) return watch_.fail("slots of " + agent->name() + " are still taken");
  if (finished && job()->attempt().value == 1 && manager_deaths_ == 0) watch_.check_balance(job()->plan());
  if (const auto wrong = wrong_storage(); !wrong.empty()) return watch_.fail(wrong);
  if (const auto wrong = wrong_memory(); !wrong.empty()) watch_.fail(wrong);
}

/// What has not arrived is a dead letter in the last checkpoint.
std::string Simulation::wrong_letters() {
  if (topology_->keep_letters().empty() || !recovers()) return "";
  SimStorage storage(disk_, Nanoseconds(0));
  disk_.set_error_share(0);
  reads::LettersRead wanted;
  wanted.job = job()->id();
  wanted.operators = topology_->keep_letters();
  const auto read = reads::read_dead_letters(wanted, storage, [] { return false; });
  if (const auto* refusal = std::get_if<reads::Refusal>(&read)) return refusal->message;
  const auto answer = nlohmann::json::parse(std::get<std::string>(read));
  return topology_->wrong_letters(answer["kept"].get<std::uint64_t>());
}

/// Every complete checkpoint can be restored, and no file is left that none of them needs, but for those of the numbers
/// above.
std::string Simulation::wrong_storage() {
  SimStorage storage(disk_, Nanoseconds(0));
  disk_.set_error_share(0);
  clock_.advance_to(clock_.steady() + 2s);  // what could not be removed is tried again
  (void)manager_->on_tick();
  const auto listed = checkpoint::list_checkpoints(storage, job()->id());
  if (!listed) return listed.error().message;
  std::set<CheckpointId> complete;
  for (const auto id : *listed) {
    const auto manifest = checkpoint::load_manifest(storage, job()->id(), id);
    if (!manifest) return manifest.error().message;
    if (manifest->kind == checkpoint::ManifestKind::void_) continue;
    complete.insert(id);
    const auto damages = checkpoint::verify_checkpoint(storage, *manifest);
    if (!damages.empty()) return damages[0].file + ": " + damages[0].what;
  }
  // A job manager that finds the job over does not look at its checkpoints any more.
  if (job()->checkpoints().unsettled()) return "";
  std::size_t regular = 0;
  for (const auto& kept : job()->checkpoints().complete()) {
    if (!complete.contains(kept.id)) return "checkpoint " + std::to_string(kept.id.value) + " is kept, and not there";
    regular += kept.kind != BarrierKind::savepoint;
  }
  if (regular > job()->checkpoints().policy().retained) return "more checkpoints are kept than are retained";
  for (const auto& kept : job()->checkpoints().complete()) complete.erase(kept.id);
  return complete.empty() ? ""
                          : "checkpoint " + std::to_string(complete.begin()->value) + " is there, and nobody keeps it";
}

/// What is over stays over, also for a job manager that starts now.
std::string Simulation::wrong_memory() {
  journal_.fails_until = {};
  clock_.advance_to(clock_.steady() + 2s);  // what could not be written is tried again
  (void)manager_->on_tick();
  const auto next = new_manager();
  if (const auto up = next->recover(); !up) return "no job manager can start after the job: " + up.error().message;
  const auto state = next->table().all().begin()->second->state();
  if (state == job()->state()) return "";
  return "the job is " + manager::state_text(job()->state()) + ", and after a restart of the job manager " +
         manager::state_text(state);
}

/// What is wrong with the state that the job ended in; empty: nothing.
std::string Simulation::wrong_end() const {
  const auto state = job()->state();
  const auto& reason = job()->reason();
  if (state == JobState::cancelled) return done_.contains(HarmKind::cancel) ? "" : "the job was cancelled by nobody";
  if (state == JobState::finished) {
    if (setting_.too_little_overflow) return "the job finished with too little room for overflow";
    if (job()->attempt().value > 1) return "";
    if (topology_->has_refused()) return "the job finished although its sinks could not keep what they wrote";
    if (data_.has_lost_frame()) return "the job finished although a frame was lost";
    return "";
  }
  if (state != JobState::failed) return "the job ended " + manager::state_text(state);
  if (reason.empty()) return "the job failed without a reason";
  if (recovers() && !setting_.too_little_overflow) return "the job was given up: " + reason;
  const bool harmless = done_.empty() || done_ == std::set{HarmKind::slow_machine};
  if (harmless && !setting_.too_little_overflow) return "the job failed without any harm: " + reason;
  if (harmless && reason.find("emitted more than") == std::string::npos)
    return "too little room for overflow is called " + reason;
  // All workers had finished when they were told to publish; what failed came after.
  if (!recovers() && topology_->published_any() && job()->deployment() != nullptr &&
      finished_workers_.size() < job()->deployment()->workers().size())
    return "a job that failed has published results";
  return "";
}

RunResult Simulation::result() const {
  RunResult result;
  result.problem = watch_.problem();
  result.harm = harm_;
  if (!manager_->table().all().empty()) {
    result.state = manager::state_text(job()->state());
    result.reason = job()->reason();
  }
  result.trace = scheduler_.trace();
  result.events = scheduler_.events();
  result.virtual_ms = static_cast<std::uint64_t>(clock_.steady().time_since_epoch() / 1ms);
  result.remote_frames = watch_.remote_frames();
  result.barriers = watch_.barriers_passed_by_all();
  result.checkpoints = manager_->table().all().empty() ? 0 : job()->checkpoints().last().value;
  result.kills = killed_;
  result.storage_errors = disk_.errors();
  result.files_lost = disk_.lost();
  result.late_commits = ledger_.late_commits();
  result.outlived = ledger_.outlived();
  result.replayed = manager_->table().all().empty() ? 0 : job()->letter_changes().letters();
  result.attempts = manager_->table().all().empty() ? 0 : job()->attempt().value;
  return result;
}

}  // namespace freshet::sim
