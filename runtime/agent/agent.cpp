#include "runtime/agent/agent.h"

#include <algorithm>
#include <csignal>

#include "runtime/base/log.h"
#include "runtime/base/sha256.h"

namespace freshet::agent {

Agent::Agent(AgentOptions options, base::Clock& clock, transport::ManagerOutbox& manager, WorkerLauncher& launcher,
             LibraryCache& libraries, MachineGauge& gauge, ReadDirectory* reads)
    : options_(std::move(options)),
      clock_(clock),
      manager_(manager),
      launcher_(launcher),
      libraries_(libraries),
      gauge_(gauge),
      reads_(reads) {}

void Agent::send(wire::ControlBody body) { manager_.send({term_, std::move(body)}); }

void Agent::take_over() {
  const auto kills = gauge_.memory_kills();
  for (const Survivor& survivor : launcher_.take_over())
    running_[survivor.worker] = Running{.pid = survivor.pid, .memory_kills = kills};
}

void Agent::on_connected() {
  welcomed_ = false;
  say_hello();
}

void Agent::say_hello() {
  next_hello_ = clock_.steady() + options_.hello_interval;
  send(wire::AgentHello{options_.name, options_.host, options_.slots, options_.pid, options_.version, known_workers(),
                        options_.reads});
}

void Agent::send_heartbeat() {
  next_heartbeat_ = clock_.steady() + heartbeat_interval_;
  const MachineReading machine = gauge_.read();
  send(wire::AgentHeartbeat{options_.name, machine.cpu_percent, machine.memory_used, machine.memory_total,
                            machine.disk_free, known_workers(), base::dropped_log_lines()});
}

base::SteadyTime Agent::on_tick() {
  const base::SteadyTime now = clock_.steady();
  if (!welcomed_ && next_hello_ <= now) say_hello();
  if (welcomed_ && next_heartbeat_ <= now) send_heartbeat();
  base::SteadyTime next = welcomed_ ? next_heartbeat_ : next_hello_;
  for (auto& [sha256, fetch] : fetches_) {
    if (fetch.retry_at() <= now) {
      fetch.asked(now);
      ask_for(sha256, fetch);
    }
    next = std::min(next, fetch.retry_at());
  }
  for (auto& [key, worker] : running_) {
    if (!worker.terminated || worker.killed) continue;
    if (worker.kill_at > now) {
      next = std::min(next, worker.kill_at);
      continue;
    }
    worker.killed = true;
    launcher_.kill(key);
  }
  return next;
}

void Agent::on_message(const wire::ControlMessage& message) {
  if (message.term < term_) {
    ++dropped_;
    return;
  }
  const bool newer = message.term > term_;
  term_ = message.term;
  // A new job manager knows neither this agent nor its workers.
  if (newer && welcomed_) say_hello();
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { on_body(body); }) {
          on_body(body);
        } else {
          ++dropped_;
        }
      },
      message.body);
}

void Agent::on_body(const wire::AgentWelcome& welcome) {
  heartbeat_interval_ = std::clamp(welcome.heartbeat_interval, Duration(10), Duration(60'000));
  if (welcomed_) return;
  welcomed_ = true;
  next_heartbeat_ = clock_.steady() + heartbeat_interval_;
  // What ended while there was no connection was told to nobody.
  for (const wire::WorkerEnded& ended : ends_) send(ended);
}

void Agent::on_body(const wire::ReadPlaces& places) {
  if (reads_ != nullptr) reads_->on_places(places.jobs);
}

void Agent::on_body(const wire::StartWorker& start) {
  if (const auto running = running_.find(start.worker); running != running_.end())
    return send(wire::WorkerStarted{start.worker, running->second.pid});
  if (const wire::WorkerEnded* ended = remembered_end(start.worker)) return send(*ended);
  if (is_waiting(start.worker)) return;
  if (is_fenced(start.worker)) {
    ++dropped_;
    return;
  }
  const auto refuse = [&](std::string why) {
    report_end({start.worker, -1, 0, "could not be started: " + std::move(why), std::nullopt});
  };
  if (workers_at_hand() >= options_.max_workers)
    return refuse("agent " + options_.name + " has " + std::to_string(options_.max_workers) + " workers already");
  if (!base::is_sha256(start.library_sha256)) return refuse("the job's library has no valid sha256");
  if (const auto path = libraries_.path_of(start.library_sha256)) return launch(start, *path);

  const auto [fetch, is_new] = fetches_.try_emplace(start.library_sha256, clock_.steady());
  fetch->second.waiting.push_back(start);
  if (is_new) ask_for(start.library_sha256, fetch->second);
}

void Agent::on_body(const wire::StopWorker& stop) {
  if (const auto running = running_.find(stop.worker); running != running_.end()) {
    if (running->second.terminated) return;
    running->second.terminated = true;
    running->second.kill_at = clock_.steady() + std::clamp(stop.grace, Duration(0), Duration(600'000));
    return launcher_.terminate(stop.worker);
  }
  for (auto& [sha256, fetch] : fetches_) {
    if (std::erase_if(fetch.waiting, [&](const auto& each) { return each.worker == stop.worker; }) > 0)
      return report_end({stop.worker, 0, 0, "stopped before it was started", std::nullopt});
  }
  if (const wire::WorkerEnded* ended = remembered_end(stop.worker)) return send(*ended);
  // Remembered, too, so that a StartWorker that comes late starts nothing.
  report_end({stop.worker, -1, 0, "not known to agent " + options_.name, std::nullopt});
}

void Agent::on_body(const wire::LibraryChunk& chunk) {
  const auto found = fetches_.find(chunk.sha256);
  if (found == fetches_.end()) {
    ++dropped_;
    return;
  }
  LibraryFetch& fetch = found->second;
  switch (fetch.on_chunk(chunk, libraries_, clock_.steady())) {
    case LibraryFetch::Step::ignore:
      return;
    case LibraryFetch::Step::ask:
      return ask_for(chunk.sha256, fetch);
    case LibraryFetch::Step::impossible:
    case LibraryFetch::Step::complete:
      break;
  }
  const LibraryFetch ready = std::move(fetch);
  fetches_.erase(found);
  const Result<std::string> path =
      ready.problem().empty() ? libraries_.finish(chunk.sha256) : Result<std::string>(Error{ready.problem()});
  for (const wire::StartWorker& start : ready.waiting) {
    if (path)
      launch(start, *path);
    else
      report_end({start.worker, -1, 0, "could not be started: " + path.error().message, std::nullopt});
  }
}

void Agent::ask_for(const std::string& sha256, const LibraryFetch& fetch) {
  send(wire::LibraryRequest{options_.name, sha256, fetch.offset()});
}

void Agent::launch(const wire::StartWorker& start, const std::string& library_path) {
  const auto before = gauge_.memory_kills();
  const Result<std::uint64_t> pid = launcher_.start({start.worker, start.job_name, library_path});
  if (!pid) return report_end({start.worker, -1, 0, "could not be started: " + pid.error().message, std::nullopt});
  running_[start.worker] = Running{.pid = *pid, .memory_kills = before};
  send(wire::WorkerStarted{start.worker, *pid});
}

void Agent::on_worker_exit(const WorkerKey& worker, const ExitStatus& status) {
  const auto running = running_.extract(worker);
  if (running.empty()) {
    ++dropped_;
    return;
  }
  Leftovers left = launcher_.leftovers(worker);
  wire::WorkerEnded ended{worker, status.code, status.signal, std::move(left.last_words), std::move(left.crash)};
  if (status.is_guessed)
    ended.message = "how it ended nobody has seen: the agent that started it was gone. " + ended.message;
  find_who_ended(running.mapped(), ended);
  report_end(std::move(ended));
}

/// A SIGKILL has no sender's name on it: the kernel's counter says whether it was one of those.
void Agent::find_who_ended(const Running& worker, wire::WorkerEnded& ended) {
  if (worker.terminated) ended.by = worker.killed ? wire::EndedBy::agent_by_force : wire::EndedBy::agent;
  if (worker.killed || ended.signal != SIGKILL || !worker.memory_kills) return;
  const auto now = gauge_.memory_kills();
  if (!now || now->of_agent != worker.memory_kills->of_agent || now->count <= worker.memory_kills->count) return;
  ended.by = wire::EndedBy::out_of_memory;
  ended.memory = {now->of_agent, now->count - worker.memory_kills->count, now->limit};
  // One kill is one process: it explains no other worker's end.
  for (auto& [key, other] : running_)
    if (other.memory_kills) ++other.memory_kills->count;
}

void Agent::report_end(wire::WorkerEnded ended) {
  if (ends_.size() == kMaxRememberedEnds) ends_.pop_front();
  send(ended);
  ends_.push_back(std::move(ended));
}

const wire::WorkerEnded* Agent::remembered_end(const WorkerKey& worker) const {
  const auto found = std::find_if(ends_.begin(), ends_.end(), [&](const auto& end) { return end.worker == worker; });
  return found == ends_.end() ? nullptr : &*found;
}

bool Agent::is_waiting(const WorkerKey& worker) const {
  return std::any_of(fetches_.begin(), fetches_.end(), [&](const auto& fetch) {
    const auto& waiting = fetch.second.waiting;
    return std::any_of(waiting.begin(), waiting.end(), [&](const auto& each) { return each.worker == worker; });
  });
}

// A newer attempt of the job is or was here: this order is late.
bool Agent::is_fenced(const WorkerKey& worker) const {
  const auto newer = [&](const WorkerKey& other) { return other.job == worker.job && other.attempt > worker.attempt; };
  return std::any_of(running_.begin(), running_.end(), [&](const auto& each) { return newer(each.first); }) ||
         std::any_of(ends_.begin(), ends_.end(), [&](const auto& each) { return newer(each.worker); });
}

std::size_t Agent::workers_at_hand() const {
  std::size_t count = running_.size();
  for (const auto& [sha256, fetch] : fetches_) count += fetch.waiting.size();
  return count;
}

std::vector<WorkerKey> Agent::known_workers() const {
  std::vector<WorkerKey> workers;
  for (const auto& [key, running] : running_) workers.push_back(key);
  for (const auto& [sha256, fetch] : fetches_)
    for (const auto& start : fetch.waiting) workers.push_back(start.worker);
  return workers;
}

}  // namespace freshet::agent
