#include "tests/simulation/simulation.h"

#include <cmath>

#include "runtime/job_manager/job_manager.h"
#include "tests/simulation/sim_agent.h"
#include "tests/simulation/topology.h"

namespace freshet::sim {

namespace {

using namespace std::chrono_literals;
using dag::JobState;

/// Longer than all time-outs of the engine together: a job that has not got on for so long never will.
constexpr auto kStall = 200s;
constexpr std::uint64_t kMostEvents = 50'000'000;

enum class HarmKind : std::uint8_t {
  none,
  kill,
  crash,
  disconnect,
  cut_off_from_manager,
  cut_off_from_each_other,
  slow_machine,
  lose_frame,
  refuse_to_publish,
};
constexpr const char* kHarmNames[] = {"",
                                      "worker killed",
                                      "worker crashed",
                                      "workers disconnected",
                                      "machine cut off from the job manager",
                                      "machines cut off from each other",
                                      "machine slowed down",
                                      "frame lost",
                                      "sinks refuse to publish"};

std::uint64_t log_uniform(base::Random& random, double low, double high) {
  return static_cast<std::uint64_t>(std::exp(std::log(low) + random.unit() * (std::log(high) - std::log(low))));
}

/// Everything that the seed decides before the run.
struct Setting {
  wire::DataOptions data{};
  manager::ManagerOptions manager{};
  NetworkOptions network{};
  std::uint32_t agents = 1;
  std::uint32_t workers = 1;
  bool chaining = true;
  bool too_little_overflow = false;
  std::size_t library_bytes = 100;
  HarmKind harm = HarmKind::none;
  std::uint64_t harm_at_step = 0;
  std::vector<std::uint64_t> barriers_at_step{};
};

Setting draw(base::Random& random, const RunOptions& options, const Topology& topology) {
  Setting setting;
  setting.data.channel_window = log_uniform(random, 512, 1 << 20);
  setting.data.frame_bytes = log_uniform(random, 64, 128 << 10);
  setting.data.max_linger = Duration(random.between(0, 5));
  setting.data.force_remote = random.chance(0.5);
  setting.too_little_overflow = topology.overflow_bytes() != 0 && !options.full_size && random.chance(0.06);
  if (topology.overflow_bytes() != 0)
    setting.data.max_overflow_bytes =
        setting.too_little_overflow ? topology.overflow_bytes() / 2
                                    : topology.overflow_bytes() * static_cast<std::uint64_t>(random.between(1, 3));
  setting.network.most_delay = Nanoseconds(static_cast<std::int64_t>(log_uniform(random, 2'000, 5'000'000)));
  setting.agents = static_cast<std::uint32_t>(random.between(1, 3));
  setting.workers = static_cast<std::uint32_t>(random.between(1, 4));
  setting.chaining = random.chance(0.8);
  setting.library_bytes = random.chance(0.05) ? 2 * wire::kLibraryChunkBytes + 5 : 1 + random.below(3'000);
  // Statuses wake every task. Without them a wake-up that somebody forgot shows.
  constexpr Duration kIntervals[] = {50ms, 500ms, 24h};
  setting.manager.status_interval = kIntervals[random.below(3)];
  if (setting.manager.status_interval == Duration(24h)) setting.manager.worker_silence_limit = 48h;
  const auto barriers = topology.takes_barriers() ? random.below(6) : 0;
  for (std::uint64_t i = 0; i < barriers; ++i) setting.barriers_at_step.push_back(log_uniform(random, 3, 3'000));
  std::sort(setting.barriers_at_step.begin(), setting.barriers_at_step.end());
  if (options.harm && random.chance(0.4)) setting.harm = static_cast<HarmKind>(random.between(1, 8));
  // That the last frame of a channel is lost is found by the heartbeats, which go with the statuses.
  if (setting.harm == HarmKind::lose_frame) setting.manager.status_interval = 500ms;
  setting.harm_at_step = log_uniform(random, 1, 3'000);
  if (random.chance(0.1)) setting.harm_at_step = 0;  // while it is being deployed
  return setting;
}

/// A cluster with one job, from the first hello to the end of the last process.
class Simulation {
 public:
  explicit Simulation(const RunOptions& options)
      : random_(options.seed),
        scheduler_(clock_, random_.fork()),
        topology_(make_topology(options.topology, {random_.next(), options.full_size, &spending_})),
        setting_(draw(random_, options, *topology_)),
        network_(scheduler_, random_.fork(), setting_.network),
        watch_({setting_.data, topology_->largest_record_bytes()}),
        data_(network_, watch_),
        executors_{scheduler_, random_, watch_, spending_},
        control_(network_, [this](const auto& peer, const auto& message) { on_manager_message(peer, message); }),
        manager_(setting_.manager, clock_, control_, journal_, libraries_),
        lose_grants_(options.lose_grants) {}

  RunResult run();

 private:
  std::unique_ptr<Job> build(std::map<std::string, std::string> parameters) const;
  manager::Submission submission();
  void on_manager_message(const std::string& peer, const wire::ControlMessage& message);
  void tick_manager();
  const manager::Job* job() const { return manager_.table().all().begin()->second.get(); }

  void run_until_over();
  void run_until_quiet();
  void act_by_steps();
  bool do_harm();
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
  manager::JobManager manager_;
  World world_{clock_,
               scheduler_,
               random_,
               network_,
               control_,
               data_,
               watch_,
               executors_,
               [this](auto parameters) -> Result<std::unique_ptr<Job>> { return build(std::move(parameters)); }};
  std::vector<std::unique_ptr<SimAgent>> agents_;

  const bool lose_grants_;
  std::uint64_t manager_turn_ = 0;
  std::size_t barriers_sent_ = 0;
  bool harm_done_ = false;
  std::string harm_;
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
  submission.graph = build({})->graph();
  return submission;
}

void Simulation::on_manager_message(const std::string& peer, const wire::ControlMessage& message) {
  manager_.on_message(peer, message);
  tick_manager();
}

void Simulation::tick_manager() {
  const auto next = std::min(manager_.on_tick(), clock_.steady() + 50ms);
  scheduler_.at(next, "manager tick", [this, turn = ++manager_turn_] {
    if (turn == manager_turn_) tick_manager();
  });
}

RunResult Simulation::run() {
  if (!manager_.recover()) watch_.fail("the job manager does not start");
  for (std::uint32_t i = 1; i <= setting_.agents; ++i) {
    agents_.push_back(std::make_unique<SimAgent>(world_, i, topology_->tasks()));
    scheduler_.after(Nanoseconds(random_.between(0, 1'000'000'000)), "agent",
                     [agent = agents_.back().get()] { agent->boot(); });
  }
  tick_manager();
  while (manager_.agents().all().size() < setting_.agents && scheduler_.run_one()) {
  }
  const auto answer = manager_.submit(submission());
  if (const auto* refusal = std::get_if<manager::Refusal>(&answer)) {
    watch_.fail(
        "refused: " + refusal->message +
        (refusal->problems.empty() ? "" : ": " + refusal->problems[0].where + " " + refusal->problems[0].message));
    return result();
  }
  if (lose_grants_) data_.lose_all_grants();
  if (setting_.harm == HarmKind::refuse_to_publish) {
    topology_->refuse_to_publish();
    harm_ = kHarmNames[static_cast<int>(setting_.harm)];
    harm_done_ = true;
  }
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
  while (running && barriers_sent_ < setting_.barriers_at_step.size() &&
         setting_.barriers_at_step[barriers_sent_] <= executors_.steps_with_work) {
    ++barriers_sent_;
    if (manager_.inject_barrier(job()->id())) scheduler_.note("barrier");
  }
  if (harm_done_ || setting_.harm == HarmKind::none) return;
  if (setting_.harm_at_step > executors_.steps_with_work) return;
  if (setting_.harm_at_step == 0 && !random_.chance(0.01)) return;
  harm_done_ = do_harm();
  if (harm_done_) {
    harm_ = kHarmNames[static_cast<int>(setting_.harm)] + (" at step " + std::to_string(executors_.steps_with_work));
    scheduler_.note(harm_);
  }
}

/// False: there is nobody to do it to yet.
bool Simulation::do_harm() {
  const auto workers = living();
  if (workers.empty()) return false;
  auto* victim = workers[random_.below(workers.size())];
  auto* other = workers[random_.below(workers.size())];
  const Nanoseconds duration(static_cast<std::int64_t>(log_uniform(random_, 1e6, 4e10)));
  switch (setting_.harm) {
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
      if (victim->machine() == other->machine()) return false;
      network_.partition(victim->machine(), other->machine(), duration);
      return true;
    case HarmKind::slow_machine:
      network_.slow_down(victim->machine(), static_cast<std::uint32_t>(random_.between(2, 200)), duration);
      return true;
    case HarmKind::lose_frame:
      data_.lose_next_frame();
      return true;
    default:
      return false;
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
  for (const auto& agent : agents_)
    for (const auto* worker : agent->workers()) text += worker->describe();
  return text;
}

void Simulation::check_end() {
  const bool finished = job()->state() == JobState::finished;
  if (!finished && job()->state() != JobState::failed)
    return watch_.fail("the job ended " + manager::state_text(job()->state()));
  const bool may_fail = (harm_done_ && setting_.harm != HarmKind::slow_machine) || setting_.too_little_overflow;
  if (!finished && !may_fail) return watch_.fail("the job failed without any harm: " + job()->reason());
  if (!finished && job()->reason().empty()) return watch_.fail("the job failed without a reason");
  if (finished && setting_.harm == HarmKind::refuse_to_publish)
    return watch_.fail("the job finished although its sinks could not keep what they wrote");
  if (finished && data_.has_lost_frame()) return watch_.fail("the job finished although a frame was lost");
  if (finished && setting_.too_little_overflow)
    return watch_.fail("the job finished with too little room for overflow");
  if (!harm_done_ && setting_.too_little_overflow && job()->reason().find("emitted more than") == std::string::npos)
    return watch_.fail("too little room for overflow is called " + job()->reason());
  if (const auto wrong = topology_->wrong(finished); !wrong.empty())
    return watch_.fail("the job is " + manager::state_text(job()->state()) + ", but " + wrong);
  for (const auto& agent : agents_)
    if (job()->slots_on(agent->name()) != 0) return watch_.fail("slots of " + agent->name() + " are still taken");
  if (finished) watch_.check_balance(job()->submission().graph, job()->plan());
}

RunResult Simulation::result() const {
  RunResult result;
  result.problem = watch_.problem();
  result.harm = harm_;
  if (!manager_.table().all().empty()) {
    result.state = manager::state_text(job()->state());
    result.reason = job()->reason();
  }
  result.trace = scheduler_.trace();
  result.events = scheduler_.events();
  result.virtual_ms = static_cast<std::uint64_t>(clock_.steady().time_since_epoch() / 1ms);
  result.remote_frames = watch_.remote_frames();
  result.barriers = watch_.barriers_passed_by_all();
  return result;
}

}  // namespace

RunResult simulate(const RunOptions& options) { return Simulation(options).run(); }

std::string how_to_repeat(const RunOptions& options) {
  return "scripts/simulate.sh --topology " + options.topology + " --first " + std::to_string(options.seed) +
         " --seeds 1" + (options.full_size ? " --full-size" : "") + (options.harm ? "" : " --no-harm");
}

}  // namespace freshet::sim
