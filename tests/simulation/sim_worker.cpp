#include "tests/simulation/sim_worker.h"

#include "tests/simulation/setting.h"
#include "tests/support/memory_spill.h"

namespace freshet::sim {

namespace {

/// The longest call of a disk.
constexpr auto kSlowestCall = std::chrono::milliseconds(30);
constexpr auto kMostWait = std::chrono::milliseconds(50);
/// Without the job manager a worker ends by itself after this: the default of WorkerProcessOptions.
constexpr auto kOrphanAfter = std::chrono::seconds(120);

/// Full whenever the checkpoint storage is: they are on one disk.
class SimSpill final : public test::MemorySpill {
 public:
  explicit SimSpill(const SimDisk& disk) : disk_(disk) {}
  bool flush() override {
    is_full = disk_.is_full();
    return MemorySpill::flush();
  }

 private:
  const SimDisk& disk_;
};

}  // namespace

SimWorker::SimWorker(World& world, Machine machine, agent::WorkerSpec spec, std::uint64_t pid, OnExit on_exit)
    : world_(world),
      machine_(machine),
      spec_(std::move(spec)),
      pid_(pid),
      on_exit_(std::move(on_exit)),
      storage_(world.disk, kSlowestCall) {}

void SimWorker::boot() {
  if (!alive_) return;
  world_.watch.on_attempt(spec_.worker.attempt);
  transport_ =
      std::make_unique<SimDataTransport>(world_.data, Place(machine_, freeze_), "sim://" + std::to_string(pid_));
  client_ = std::make_unique<ControlClient>(world_.network, world_.control, Place(machine_, freeze_),
                                            ControlClient::Callbacks{[this](const auto& message) {
                                                                       look_at(message);
                                                                       run([&] { worker_->on_message(message); });
                                                                     },
                                                                     [this] {
                                                                       ++disconnections_;
                                                                       run([&] { worker_->on_connected(); });
                                                                     },
                                                                     [this] { orphan(); }});
  worker::WorkerSetup setup;
  setup.key = spec_.worker;
  setup.pid = pid_;
  setup.clock = &world_.clock;
  setup.manager = this;
  setup.transport = transport_.get();
  setup.build = [this](const std::string&, std::map<std::string, std::string> parameters) {
    return world_.build(std::move(parameters));
  };
  setup.make_executor = [this](std::uint32_t, const std::function<bool(const TaskId&)>&) {
    auto executor = std::make_unique<SimExecutor>(world_.executors, freeze_);
    executor_ = executor.get();
    return executor;
  };
  setup.post = [this](std::function<void()> work) { post(std::move(work)); };
  setup.open_spill = [this](std::uint32_t, std::uint64_t) { return std::make_unique<SimSpill>(world_.disk); };
  setup.on_barrier = [this](const TaskId& task, std::uint64_t checkpoint) {
    counts_at_[{task, checkpoint}] = counts_of(*world_.executors.stepping);
    world_.on_saved();
  };
  setup.in_background = [this](std::function<void()> work) { in_background(std::move(work)); };
  setup.open_storage = [this](const std::string&) {
    return std::shared_ptr<checkpoint::CheckpointStorage>(std::shared_ptr<void>(), &storage_);
  };
  setup.memory = [] { return std::uint64_t{64} << 20; };
  worker_ = std::make_unique<worker::Worker>(std::move(setup));
  orphan();
  client_->connect();
  tick();
}

template <class F>
void SimWorker::run(F&& what) {
  if (!alive_ || worker_ == nullptr) return;
  what();
  if (worker_->is_over()) end({worker_->end_problem().empty() ? 0 : 1, 0}, false);
}

/// What a task tells about itself, it tells in a step: the counts of that moment go with a barrier.
void SimWorker::post(std::function<void()> work) {
  auto soon = world_.clock.steady() + Nanoseconds(world_.random.between(100, 10'000));
  if (is_on_disk_thread_) soon += storage_.spent();          // what it tells of is done by then
  last_post_ = std::max(soon, last_post_ + Nanoseconds(1));  // in order
  world_.scheduler.at(
      last_post_, "post", [this, work = std::move(work)] { run(work); }, &freeze_);
}

/// A disk takes its time; what is not done when the process is killed is never done.
void SimWorker::in_background(std::function<void()> work) {
  works_.push_back(std::move(work));
  if (works_.size() == 1) work_in_background();
}

void SimWorker::work_in_background() {
  const auto begin = [this] {
    if (!alive_) return;
    (void)storage_.take_spent();  // by its own thread
    is_on_disk_thread_ = true;
    works_.front()();
    is_on_disk_thread_ = false;
    const auto spent = storage_.take_spent();
    const auto end = [this] {
      works_.pop_front();
      if (!works_.empty()) work_in_background();
    };
    world_.scheduler.after(spent, "disk", end, &freeze_);
  };
  world_.scheduler.after(Nanoseconds(world_.random.between(1'000, 1'000'000)), "disk", begin, &freeze_);
}

void SimWorker::look_at(const wire::ControlMessage& message) {
  if (!alive_) return;
  // A worker that has its orders takes no others.
  if (const auto* order = std::get_if<wire::PrepareWorker>(&message.body);
      order != nullptr && !std::exchange(has_orders_, true))
    world_.ledger.on_attempt(spec_.worker.attempt, order->checkpoints.restore);
  if (const auto* order = std::get_if<wire::InjectBarrier>(&message.body))
    world_.ledger.on_inject(message.term, spec_.worker.attempt, order->checkpoint);
  if (std::holds_alternative<wire::EndStream>(message.body)) world_.reach(KillPoint::end_of_stream);
}

void SimWorker::freeze(Nanoseconds duration) {
  freeze_.until = std::max(freeze_.until, world_.clock.steady() + duration);
}

void SimWorker::send(const wire::ControlMessage& message) {
  if (const auto* stored = std::get_if<wire::SnapshotStored>(&message.body)) {
    const auto counts = counts_at_.extract({stored->task, stored->checkpoint.value});  // it may be told again
    if (!counts.empty())
      world_.watch.on_barrier(spec_.worker.attempt, stored->checkpoint.value, stored->task, counts.mapped());
  }
  client_->send(message);
}

void SimWorker::tick() {
  if (alive_) world_.ledger.on_sign_of_life(spec_.worker.attempt);
  base::SteadyTime next = world_.clock.steady() + kMostWait;
  run([&] { next = std::min(next, worker_->on_tick()); });
  if (alive_)
    world_.scheduler.at(
        next, "tick", [this] { tick(); }, &freeze_);
}

void SimWorker::orphan() {
  const auto end_if_alone = [this, seen = ++disconnections_] {
    if (seen == disconnections_) run([&] { worker_->stop("no job manager"); });
  };
  world_.scheduler.after(kOrphanAfter, "orphan", end_if_alone, &freeze_);
}

void SimWorker::terminate() {
  if (worker_ == nullptr) return kill(15);  // it has no handler yet
  const auto stop = [this] { run([&] { worker_->stop("it was told to end by a signal"); }); };
  world_.scheduler.after(Nanoseconds(0), "SIGTERM", stop, &freeze_);
}

void SimWorker::kill(int signal) {
  if (alive_) end({0, signal}, true);
}

void SimWorker::end(const agent::ExitStatus& status, bool killed) {
  alive_ = false;
  if (killed) storage_.crash();
  if (killed && transport_) transport_->die();
  executor_ = nullptr;
  worker_.reset();
  if (client_) client_->close(killed ? static_cast<std::size_t>(world_.random.below(3)) : 0);
  world_.scheduler.after(Nanoseconds(world_.random.between(10'000, 5'000'000)), "exit",
                         [this, status] { on_exit_(status); });
}

std::string SimWorker::describe() const {
  return "\n  " + to_string(spec_.worker) + (alive_ ? "" : ", dead") +
         (executor_ != nullptr ? executor_->describe() : std::string());
}

}  // namespace freshet::sim
