#include "tests/simulation/sim_agent.h"

namespace freshet::sim {

SimAgent::SimAgent(World& world, Machine machine, std::uint32_t slots)
    : world_(world), machine_(machine), name_("agent-" + std::to_string(machine)), slots_(slots) {}

void SimAgent::boot() {
  ++life_;
  const auto pid = 1'000'000 * life_ + machine_;
  auto& client = *clients_.emplace_back(std::make_unique<ControlClient>(
      world_.network, world_.control, Place(machine_, freeze_),
      ControlClient::Callbacks{[this](const auto& message) { run([&] { agent_->on_message(message); }); },
                               [this] { run([&] { agent_->on_connected(); }); }, [] {}}));
  agent_ = std::make_unique<agent::Agent>(
      agent::AgentOptions{.name = name_, .host = "host-" + name_, .slots = slots_, .pid = pid, .version = "0.1"},
      world_.clock, client, *this, *this, *this);
  watched_.clear();
  agent_->take_over();
  client.connect();
  tick();
}

void SimAgent::restart() {
  clients_.back()->close(static_cast<std::size_t>(world_.random.below(3)));
  freeze_ = {};
  boot();
}

void SimAgent::freeze(Nanoseconds duration) {
  freeze_.until = std::max(freeze_.until, world_.clock.steady() + duration);
}

template <class F>
void SimAgent::run(F&& what) {
  what();
  tick();
}

void SimAgent::tick() {
  const auto next = std::min(agent_->on_tick(), world_.clock.steady() + std::chrono::seconds(1));
  const auto when_due = [this, turn = ++turn_] {
    if (turn == turn_) tick();
  };
  world_.scheduler.at(next, "agent tick", when_due, &freeze_);
}

std::vector<SimWorker*> SimAgent::workers() const {
  std::vector<SimWorker*> all;
  for (const auto& worker : workers_) all.push_back(worker.get());
  return all;
}

Result<std::uint64_t> SimAgent::start(const agent::WorkerSpec& spec) {
  const std::uint64_t pid = machine_ * 1000 + workers_.size() + 1;
  auto* worker =
      workers_
          .emplace_back(std::make_unique<SimWorker>(
              world_, machine_, spec, pid,
              [this, key = spec.worker](const agent::ExitStatus& status) {
                const auto hear = [this, key, status, life = life_] {
                  const auto watched = watched_.find(key);
                  if (life != life_ || watched == watched_.end()) return;
                  const bool guesses = !watched->second && status.signal != 0;
                  run([&] { agent_->on_worker_exit(key, guesses ? agent::ExitStatus{-1, 0, true} : status); });
                };
                world_.scheduler.after(Nanoseconds(0), "child", hear, &freeze_);
              }))
          .get();
  watched_[spec.worker] = true;
  world_.scheduler.after(Nanoseconds(world_.random.between(1'000'000, 60'000'000)), "boot",
                         [worker] { worker->boot(); });
  return pid;
}

std::vector<agent::Survivor> SimAgent::take_over() {
  std::vector<agent::Survivor> survivors;
  for (const auto& worker : workers_) {
    if (!worker->is_alive()) continue;
    survivors.push_back({worker->key(), worker->pid()});
    watched_[worker->key()] = false;
  }
  return survivors;
}

/// Signals arrive a moment later: never from inside the agent's call.
void SimAgent::signal(const WorkerKey& key, const std::function<void(SimWorker& worker)>& what) {
  for (const auto& worker : workers_) {
    if (worker->key() == key)
      world_.scheduler.after(Nanoseconds(1'000), "signal", [what, target = worker.get()] { what(*target); });
  }
}

void SimAgent::terminate(const WorkerKey& key) {
  signal(key, [](SimWorker& worker) { worker.terminate(); });
}

void SimAgent::kill(const WorkerKey& key) {
  signal(key, [](SimWorker& worker) { worker.kill(9); });
}

std::optional<std::string> SimAgent::path_of(const std::string& sha256) {
  if (!whole_.contains(sha256)) return std::nullopt;
  return "cache/" + sha256;
}

Status SimAgent::append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) {
  if (offset == 0) parts_[sha256].clear();
  if (offset != parts_[sha256].size()) return Error{"a piece is missing"};
  parts_[sha256] += bytes;
  return {};
}

Result<std::string> SimAgent::finish(const std::string& sha256) {
  if (base::sha256_hex(parts_[sha256]) != sha256) return Error{"the library arrived damaged"};
  whole_.insert(sha256);
  return "cache/" + sha256;
}

}  // namespace freshet::sim
