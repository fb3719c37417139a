#include "tests/simulation/simulation.h"

#include "tests/simulation/cluster.h"

namespace freshet::sim {

namespace {

using namespace std::chrono_literals;
using dag::JobState;

/// Longer than all time-outs of the engine together but that of checkpoints: a job that has not got on for so long
/// never will.
constexpr auto kStall = 200s;
/// When a manifest's publication has no clear answer, the checkpoint's time-out (10 min) ends the attempt.
constexpr auto kStallInPublication = 1'000s;
/// So long after the last harm a job is over, whatever was done to it: its input is small.
constexpr auto kLongestRecovery = 1'500s;
constexpr std::uint64_t kMostEvents = 50'000'000;

}  // namespace

StorageEvents Simulation::storage_events() {
  return {[this](const std::string& what) { watch_.fail(what); },
          [this](const checkpoint::Manifest& manifest) {
            ledger_.on_published(manifest);
            if (in_manager_) reach(KillPoint::published);
          },
          [this](Attempt, CheckpointId, std::size_t stored) {
            if (stored < job()->plan().tasks.size()) reach(KillPoint::mid_upload);
          }};
}

std::unique_ptr<Job> Simulation::build(std::map<std::string, std::string> parameters) const {
  auto job = std::make_unique<Job>(std::move(parameters));
  topology_->build(*job);
  job->graph().job = "simulated";
  job->finish();
  return job;
}

manager::Submission Simulation::submission() {
  manager::Submission submission;
  submission.name = submission.job = "simulated";
  submission.library_name = "libsimulated.so";
  const std::string library(setting_.library_bytes, 'l');
  submission.library_sha256 = base::sha256_hex(library);
  if (!libraries_.put(submission.library_sha256, library)) watch_.fail("the library is not taken");
  submission.workers = setting_.workers;
  submission.chaining = setting_.chaining;
  submission.data = setting_.data;
  submission.checkpoint_interval = setting_.checkpoint_interval;
  submission.restart = setting_.restart;
  submission.graph = build({})->graph();
  return submission;
}

void Simulation::on_manager_message(const std::string& peer, const wire::ControlMessage& message) {
  if (manager_is_down_) return;
  if (const auto* finished = std::get_if<wire::TasksFinished>(&message.body))
    finished_workers_.insert(finished->worker);
  with_manager([&] { manager_->on_message(peer, message); });
  look_for_kill_points(message);
  tick_manager();
}

void Simulation::with_manager(const std::function<void()>& what) {
  if (manager_is_down_) return;
  in_manager_ = true;
  try {
    what();
  } catch (const ManagerDied&) {
    kill_manager();
  }
  in_manager_ = false;
  manager_process_.until = clock_.steady() + manager_storage_.take_spent();
}

void Simulation::tick_manager() {
  auto next = clock_.steady();
  with_manager([&] { next = std::min(manager_->on_tick(), clock_.steady() + 50ms); });
  if (manager_is_down_) return;
  const auto when_due = [this, turn = ++manager_turn_] {
    if (turn == manager_turn_) tick_manager();
  };
  scheduler_.at(next, "manager tick", when_due, &manager_process_);
}

/// With what its journal says. When that cannot be read or written now, somebody starts it again.
void Simulation::start_manager() {
  auto next = new_manager();
  bool is_up = false;
  try {
    is_up = next->recover().ok();
  } catch (const ManagerDied&) {
  }
  manager_process_.until = clock_.steady() + manager_storage_.take_spent();
  if (!is_up) return kill_manager();
  manager_ = std::move(next);
  manager_is_down_ = false;
  tick_manager();
}

RunResult Simulation::run() {
  if (!manager_->recover()) watch_.fail("the job manager does not start");
  for (std::uint32_t i = 1; i <= setting_.agents; ++i) {
    agents_.push_back(std::make_unique<SimAgent>(world_, i, topology_->tasks()));
    scheduler_.after(Nanoseconds(random_.between(0, 1'000'000'000)), "agent",
                     [agent = agents_.back().get()] { agent->boot(); });
  }
  tick_manager();
  while (manager_->agents().all().size() < setting_.agents && scheduler_.run_one()) {
  }
  const auto answer = manager_->submit(submission());
  if (const auto* refusal = std::get_if<manager::Refusal>(&answer)) {
    watch_.fail(
        "refused: " + refusal->message +
        (refusal->problems.empty() ? "" : ": " + refusal->problems[0].where + " " + refusal->problems[0].message));
    return result();
  }
  if (lose_grants_) data_.lose_all_grants();
  run_until_over();
  if (watch_.problem().empty()) run_until_quiet();
  if (watch_.problem().empty()) check_end();
  return result();
}

void Simulation::run_until_over() {
  std::uint64_t steps = 0;
  auto last_progress = clock_.steady();
  bool in_publication = false;  // when it had rested for long
  while (watch_.problem().empty() && (manager_is_down_ || !job()->is_over())) {
    if (!scheduler_.run_one()) return watch_.fail("nothing is left to happen, and the job is not over" + who_waits());
    if (executors_.steps_with_work != steps) {
      steps = executors_.steps_with_work;
      last_progress = clock_.steady();
      in_publication = false;
    }
    do_kills();
    const auto rest = clock_.steady() - std::max(last_progress, harm_over_);
    if (rest > kStall && !in_publication) in_publication = is_in_publication();
    if (rest > (in_publication ? kStallInPublication : kStall) || scheduler_.events() > kMostEvents)
      return watch_.fail("the job hangs" + who_waits());
    if (clock_.steady() - harm_over_ > kLongestRecovery)
      return watch_.fail("the job is not over long after the last harm" + who_waits());
    act_by_steps();
  }
}

bool Simulation::is_in_publication() const {
  const auto* coordinator = job()->checkpoints().coordinator();
  if (coordinator == nullptr) return false;
  const auto open = coordinator->summary().open;
  return open && open->state == manager::PendingState::publishing;
}

/// Until every worker's process is gone; they have their own time-outs for that.
void Simulation::run_until_quiet() {
  const auto limit = clock_.steady() + kStall;
  while (watch_.problem().empty() && !living().empty()) {
    if (clock_.steady() > limit || !scheduler_.run_one())
      return watch_.fail("the job is " + manager::state_text(job()->state()) + ", and workers are left" + who_waits());
  }
}

std::vector<SimWorker*> Simulation::living() const {
  std::vector<SimWorker*> all;
  for (const auto& agent : agents_)
    for (auto* worker : agent->workers())
      if (worker->is_alive()) all.push_back(worker);
  return all;
}

std::string Simulation::who_waits() const {
  std::string text = "; state " + manager::state_text(job()->state()) + ", " + job()->reason();
  if (const auto* coordinator = job()->checkpoints().coordinator(); coordinator != nullptr) {
    const auto summary = coordinator->summary();
    if (summary.open)
      text += "; checkpoint " + std::to_string(summary.open->id.value) + " has " +
              std::to_string(summary.open->acknowledged) + " of " + std::to_string(summary.open->tasks) + " tasks";
  }
  const auto events = job()->time_line().events();
  constexpr std::size_t kMostEventsTold = 8;
  for (std::size_t i = events.size() - std::min(events.size(), kMostEventsTold); i < events.size(); ++i)
    text += "\n  " + std::to_string(events[i].time_ms) + " ms " + events[i].text;
  for (const auto& agent : agents_)
    for (const auto* worker : agent->workers()) text += worker->describe();
  return text;
}

RunResult simulate(const RunOptions& options) { return Simulation(options).run(); }

std::string how_to_repeat(const RunOptions& options) {
  return "scripts/simulate.sh --topology " + options.topology + " --first " + std::to_string(options.seed) +
         " --seeds 1" + (options.full_size ? " --full-size" : "") + (options.harm ? "" : " --no-harm");
}

}  // namespace freshet::sim
