#include "tests/simulation/simulation.h"

#include <set>

#include "runtime/checkpoint/memory_storage.h"
#include "runtime/checkpoint/verify.h"
#include "tests/simulation/setting.h"
#include "tests/simulation/sim_agent.h"

namespace freshet::sim {

namespace {

using namespace std::chrono_literals;
using dag::JobState;

/// Longer than all time-outs of the engine together: a job that has not got on for so long never will.
constexpr auto kStall = 200s;
constexpr std::uint64_t kMostEvents = 50'000'000;

/// A cluster with one job, from the first hello to the end of the last process.
class Simulation {
 public:
  explicit Simulation(const RunOptions& options)
      : random_(options.seed),
        scheduler_(clock_, random_.fork()),
        topology_(make_topology(options.topology, {random_.next(), options.full_size, &spending_})),
        setting_(draw_setting(random_, options, *topology_)),
        network_(scheduler_, random_.fork(), setting_.network),
        watch_({setting_.data, topology_->largest_record_bytes()}),
        data_(network_, watch_),
        executors_{scheduler_, random_, watch_, spending_},
        control_(network_, [this](const auto& peer, const auto& message) { on_manager_message(peer, message); }),
        manager_(new_manager()),
        lose_grants_(options.lose_grants) {}

  RunResult run();

 private:
  std::unique_ptr<manager::JobManager> new_manager() {
    return std::make_unique<manager::JobManager>(setting_.manager, clock_, control_, journal_, libraries_, storage_);
  }
  std::unique_ptr<Job> build(std::map<std::string, std::string> parameters) const;
  manager::Submission submission();
  void on_manager_message(const std::string& peer, const wire::ControlMessage& message);
  void tick_manager();
  const manager::Job* job() const { return manager_->table().all().begin()->second.get(); }

  void run_until_over();
  void run_until_quiet();
  void act_by_steps();
  bool do_harm(HarmKind kind);
  bool do_harm_to_processes(HarmKind kind);
  void restart_manager();
  Nanoseconds some_time();
  /// What is harmed goes on from a checkpoint, and has to finish.
  bool recovers() const { return setting_.checkpoint_interval != Duration(0); }
  std::string wrong_storage();
  std::string wrong_end() const;
  std::vector<SimWorker*> living() const;
  std::string who_waits() const;
  void check_end();
  RunResult result() const;

  base::Random random_;
  base::ManualClock clock_;
  Scheduler scheduler_;
  Spending spending_;
  const std::unique_ptr<Topology> topology_;
  const Setting setting_;
  Network network_;
  Watch watch_;
  DataNet data_;
  ExecutorShared executors_;
  ControlServer control_;
  state::MemoryJournal journal_;
  manager::MemoryLibraryStore libraries_;
  checkpoint::MemoryCheckpointStorage storage_;
  std::unique_ptr<manager::JobManager> manager_;
  World world_{
      clock_,   scheduler_,
      random_,  network_,
      control_, data_,
      watch_,   executors_,
      storage_, [this](auto parameters) -> Result<std::unique_ptr<Job>> { return build(std::move(parameters)); }};
  std::vector<std::unique_ptr<SimAgent>> agents_;

  const bool lose_grants_;
  std::uint64_t manager_turn_ = 0;
  std::size_t checkpoints_asked_ = 0;
  std::set<HarmKind> done_;  // harm that was done
  std::size_t harms_tried_ = 0;
  std::string harm_;  // in words
  std::set<WorkerKey> finished_workers_;
};

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
  if (const auto* finished = std::get_if<wire::TasksFinished>(&message.body))
    finished_workers_.insert(finished->worker);
  manager_->on_message(peer, message);
  tick_manager();
}

void Simulation::tick_manager() {
  const auto next = std::min(manager_->on_tick(), clock_.steady() + 50ms);
  scheduler_.at(next, "manager tick", [this, turn = ++manager_turn_] {
    if (turn == manager_turn_) tick_manager();
  });
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
  while (watch_.problem().empty() && !job()->is_over()) {
    if (!scheduler_.run_one()) return watch_.fail("nothing is left to happen, and the job is not over" + who_waits());
    if (executors_.steps_with_work != steps) {
      steps = executors_.steps_with_work;
      last_progress = clock_.steady();
    }
    if (clock_.steady() - last_progress > kStall || scheduler_.events() > kMostEvents)
      return watch_.fail("the job hangs" + who_waits());
    act_by_steps();
  }
}

/// Until every worker's process is gone; they have their own time-outs for that.
void Simulation::run_until_quiet() {
  const auto limit = clock_.steady() + kStall;
  while (watch_.problem().empty() && !living().empty()) {
    if (clock_.steady() > limit || !scheduler_.run_one())
      return watch_.fail("the job is " + manager::state_text(job()->state()) + ", and workers are left" + who_waits());
  }
}

void Simulation::act_by_steps() {
  const auto running = job()->state() == JobState::running;
  while (running && checkpoints_asked_ < setting_.checkpoints_at_step.size() &&
         setting_.checkpoints_at_step[checkpoints_asked_] <= executors_.steps_with_work) {
    ++checkpoints_asked_;
    const auto kind = random_.chance(0.3) ? BarrierKind::savepoint : BarrierKind::checkpoint;
    if (manager_->request_checkpoint(job()->id(), kind)) scheduler_.note("checkpoint");
  }
  while (harms_tried_ < setting_.harms.size()) {
    const auto& harm = setting_.harms[harms_tried_];
    if (harm.at_step > executors_.steps_with_work) return;
    if (harm.at_step == 0 && !random_.chance(0.01)) return;  // at some moment while it is being deployed
    if (!do_harm(harm.kind)) return;
    ++harms_tried_;
    done_.insert(harm.kind);
    const auto text = name_of(harm.kind) + " at step " + std::to_string(executors_.steps_with_work);
    harm_ += (harm_.empty() ? "" : ", ") + text;
    scheduler_.note(text);
  }
}

/// False: there is nobody to do it to yet.
bool Simulation::do_harm(HarmKind kind) {
  switch (kind) {
    case HarmKind::restart_manager:
      restart_manager();
      return true;
    case HarmKind::cancel:
      return std::holds_alternative<std::string>(manager_->cancel("simulated"));
    case HarmKind::source_fails:
      spending_.sources_fail = true;
      if (recovers()) scheduler_.after(some_time(), "source is back", [this] { spending_.sources_fail = false; });
      return true;
    case HarmKind::storage_fails:
      storage_.fail_puts = "the disk is full";
      scheduler_.after(some_time(), "storage is back", [this] { storage_.fail_puts.clear(); });
      return true;
    case HarmKind::kill_everything:
      for (auto* worker : living()) worker->kill(9);
      for (const auto& agent : agents_) agent->restart();
      restart_manager();
      return true;
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

bool Simulation::do_harm_to_processes(HarmKind kind) {
  const auto workers = living();
  if (workers.empty()) return false;
  auto* victim = workers[random_.below(workers.size())];
  auto* other = workers[random_.below(workers.size())];
  const Nanoseconds duration = some_time();
  switch (kind) {
    case HarmKind::kill:
      victim->kill(9);
      return true;
    case HarmKind::crash:
      victim->kill(11);
      return true;
    case HarmKind::disconnect:
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
    case HarmKind::kill_machine: {
      const auto machine = victim->machine();
      for (auto* worker : workers)
        if (worker->machine() == machine) worker->kill(9);
      agents_[machine - 1]->restart();
      return true;
    }
    default:
      return false;
  }
}

/// Killed, and started anew after a while with what its journal says.
void Simulation::restart_manager() {
  control_.go_down(Nanoseconds(static_cast<std::int64_t>(log_uniform(random_, 1e6, 2e10))));
  manager_ = new_manager();
  if (!manager_->recover()) watch_.fail("the job manager does not start again");
  tick_manager();
}

Nanoseconds Simulation::some_time() { return Nanoseconds(static_cast<std::int64_t>(log_uniform(random_, 1e6, 4e10))); }

std::vector<SimWorker*> Simulation::living() const {
  std::vector<SimWorker*> all;
  for (const auto& agent : agents_)
    for (auto* worker : agent->workers())
      if (worker->is_alive()) all.push_back(worker);
  return all;
}

std::string Simulation::who_waits() const {
  std::string text = "; state " + manager::state_text(job()->state()) + ", " + job()->reason();
  for (const auto& agent : agents_)
    for (const auto* worker : agent->workers()) text += worker->describe();
  return text;
}

void Simulation::check_end() {
  if (const auto wrong = wrong_end(); !wrong.empty()) return watch_.fail(wrong);
  const bool finished = job()->state() == JobState::finished;
  if (const auto wrong = topology_->wrong(finished); !wrong.empty())
    return watch_.fail("the job is " + manager::state_text(job()->state()) + ", but " + wrong);
  for (const auto& agent : agents_)
    if (job()->slots_on(agent->name()) != 0) return watch_.fail("slots of " + agent->name() + " are still taken");
  if (finished && job()->attempt().value == 1 && !done_.contains(HarmKind::restart_manager))
    watch_.check_balance(job()->submission().graph, job()->plan());
  if (const auto wrong = wrong_storage(); !wrong.empty()) watch_.fail(wrong);
}

/// Every complete checkpoint can be restored, and no file is left that none of them needs, but for those of the numbers
/// above.
std::string Simulation::wrong_storage() {
  const auto listed = checkpoint::list_checkpoints(storage_, job()->id());
  if (!listed) return listed.error().message;
  std::set<CheckpointId> complete;
  for (const auto id : *listed) {
    const auto manifest = checkpoint::load_manifest(storage_, job()->id(), id);
    if (!manifest) return manifest.error().message;
    if (manifest->kind == checkpoint::ManifestKind::void_) continue;
    complete.insert(id);
    const auto damages = checkpoint::verify_checkpoint(storage_, *manifest);
    if (!damages.empty()) return damages[0].file + ": " + damages[0].what;
  }
  std::size_t regular = 0;
  for (const auto& kept : job()->checkpoints().complete()) {
    if (!complete.contains(kept.id)) return "checkpoint " + std::to_string(kept.id.value) + " is kept, and not there";
    regular += kept.kind != BarrierKind::savepoint;
  }
  if (regular > job()->checkpoints().policy().retained) return "more checkpoints are kept than are retained";
  return complete.size() == job()->checkpoints().complete().size() ? "" : "a checkpoint is there that nobody keeps";
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
  result.attempts = manager_->table().all().empty() ? 0 : job()->attempt().value;
  return result;
}

}  // namespace

RunResult simulate(const RunOptions& options) { return Simulation(options).run(); }

std::string how_to_repeat(const RunOptions& options) {
  return "scripts/simulate.sh --topology " + options.topology + " --first " + std::to_string(options.seed) +
         " --seeds 1" + (options.full_size ? " --full-size" : "") + (options.harm ? "" : " --no-harm");
}

}  // namespace freshet::sim
