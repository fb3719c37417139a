#include "runtime/job_manager/agent_registry.h"

#include <algorithm>

namespace freshet::manager {

AgentRegistry::Hello AgentRegistry::on_hello(const std::string& peer, const wire::AgentHello& hello,
                                             base::SteadyTime now) {
  if (hello.agent.empty() || hello.agent.size() > kMaxNameBytes || hello.slots > kMaxSlots ||
      hello.reads.size() > kMaxNameBytes)
    return Hello::refused;
  const auto found = agents_.find(hello.agent);
  if (found == agents_.end() && !make_room()) return Hello::refused;
  Hello answer = Hello::joined;
  if (found != agents_.end() && !found->second.is_lost) {
    const bool same = found->second.hello.pid == hello.pid && found->second.hello.host == hello.host;
    answer = same ? Hello::known : Hello::replaced;
  }
  AgentRecord& agent = agents_[hello.agent];
  agent.hello = hello;
  agent.hello.workers.clear();  // of the moment of the hello only
  agent.peer = peer;
  agent.last_heard = now;
  agent.is_lost = false;
  return answer;
}

// The longest lost one goes for a new one; those that are there stay.
bool AgentRegistry::make_room() {
  if (agents_.size() < limits_.agents) return true;
  auto oldest = agents_.end();
  for (auto at = agents_.begin(); at != agents_.end(); ++at) {
    if (at->second.is_lost && (oldest == agents_.end() || at->second.last_heard < oldest->second.last_heard))
      oldest = at;
  }
  if (oldest == agents_.end()) return false;
  agents_.erase(oldest);
  return true;
}

AgentRegistry::Beat AgentRegistry::on_heartbeat(const std::string& peer, const wire::AgentHeartbeat& beat,
                                                base::SteadyTime now) {
  const auto found = agents_.find(beat.agent);
  if (found == agents_.end()) return Beat::unknown;
  AgentRecord& agent = found->second;
  const bool was_lost = agent.is_lost;
  agent.machine = beat;
  agent.machine.workers.clear();
  agent.peer = peer;
  agent.last_heard = now;
  agent.is_lost = false;
  return was_lost ? Beat::back : Beat::known;
}

std::vector<std::string> AgentRegistry::on_tick(base::SteadyTime now) {
  std::vector<std::string> lost;
  for (auto& [name, agent] : agents_) {
    if (agent.is_lost || agent.last_heard + limits_.silence >= now) continue;
    agent.is_lost = true;
    lost.push_back(name);
  }
  return lost;
}

base::SteadyTime AgentRegistry::next_deadline(base::SteadyTime fallback) const {
  for (const auto& [name, agent] : agents_) {
    if (!agent.is_lost)
      fallback = std::min(fallback, agent.last_heard + limits_.silence + std::chrono::milliseconds(1));
  }
  return fallback;
}

const AgentRecord* AgentRegistry::find(const std::string& name) const {
  const auto found = agents_.find(name);
  return found == agents_.end() ? nullptr : &found->second;
}

}  // namespace freshet::manager
