#include "dag/placement.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "dag/invariant.h"
#include "dag/planner.h"

namespace freshet::dag {

namespace {

/// Agents with room, the roomiest first, then by name. The same name twice counts as one agent.
std::vector<AgentSlots> ranked(const std::vector<AgentSlots>& agents) {
  std::map<std::string, std::uint32_t> by_name;
  for (const auto& agent : agents) {
    if (agent.free_slots != 0) by_name[agent.name] += agent.free_slots;
  }
  std::vector<AgentSlots> result;
  for (const auto& [name, slots] : by_name) result.push_back({name, slots});
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.free_slots > b.free_slots; });
  return result;
}

std::uint64_t sum_slots(const std::vector<AgentSlots>& agents, std::size_t first) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < std::min(first, agents.size()); ++i) sum += agents[i].free_slots;
  return sum;
}

/// Index of each worker's agent, by worker.
std::vector<std::size_t> assign_agents(const std::vector<AgentSlots>& agents, std::uint64_t workers) {
  std::vector<std::size_t> agent_of;
  for (std::uint32_t round = 0; agent_of.size() < workers; ++round) {
    const auto before = agent_of.size();
    for (std::size_t agent = 0; agent < agents.size() && agent_of.size() < workers; ++agent) {
      if (agents[agent].free_slots > round) agent_of.push_back(agent);
    }
    if (agent_of.size() == before) break;
  }
  return agent_of;
}

/// Tasks for each worker: one at a time to the worker that has fewest, as long as its agent has a slot.
std::vector<std::uint64_t> share_out(std::uint64_t tasks, const std::vector<std::size_t>& agent_of,
                                     const std::vector<AgentSlots>& agents) {
  std::vector<std::uint64_t> share(agent_of.size());
  std::vector<std::uint64_t> used(agents.size());
  while (tasks != 0) {
    const auto before = tasks;
    for (std::size_t worker = 0; worker < share.size() && tasks != 0; ++worker) {
      if (used[agent_of[worker]] == agents[agent_of[worker]].free_slots) continue;
      ++used[agent_of[worker]];
      ++share[worker];
      --tasks;
    }
    must_hold(tasks != before, "the agents' slots suffice for the tasks that are shared out");
  }
  return share;
}

/// Fills the workers' shares index by index, so that tasks of one index stay together; the worker with most room left
/// takes the next index. What does not fit goes on to the next roomiest.
std::vector<Placement> place_tasks(const ExecutionPlan& plan, std::vector<std::uint64_t> room) {
  std::vector<Placement> tasks;
  std::uint32_t widest = 0;
  for (const auto& chain : plan.chains) widest = std::max(widest, chain.parallelism);
  for (std::uint32_t index = 0; index < widest; ++index) {
    std::size_t worker = room.size();
    for (const auto& chain : plan.chains) {
      if (index >= chain.parallelism) continue;
      if (worker == room.size() || room[worker] == 0)
        worker = static_cast<std::size_t>(std::max_element(room.begin(), room.end()) - room.begin());
      --room[worker];
      tasks.push_back({chain.id, index, static_cast<std::uint32_t>(worker)});
    }
  }
  std::sort(tasks.begin(), tasks.end(), [](const Placement& a, const Placement& b) {
    return a.chain != b.chain ? a.chain < b.chain : a.index < b.index;
  });
  return tasks;
}

std::uint64_t wanted_workers(const ExecutionPlan& plan, const std::vector<AgentSlots>& agents, std::uint64_t tasks,
                             std::uint32_t said) {
  std::uint64_t wanted = said;
  if (wanted == 0) {
    for (const auto& chain : plan.chains) wanted = std::max<std::uint64_t>(wanted, chain.parallelism);
    wanted = std::min<std::uint64_t>(wanted, agents.size());
  }
  while (sum_slots(agents, wanted) < tasks) ++wanted;  // ends: all slots together suffice
  return std::min(wanted, tasks);
}

}  // namespace

PlacementResult place(const ExecutionPlan& plan, const std::vector<AgentSlots>& agents,
                      const PlacementOptions& options) {
  PlacementResult result{.plan = plan, .tasks = task_count(plan)};
  const auto usable = ranked(agents);
  const auto slots = sum_slots(usable, usable.size());
  if (slots < result.tasks) {
    result.missing = result.tasks - slots;
    return result;
  }
  const auto workers = wanted_workers(plan, usable, result.tasks, options.workers);
  const auto agent_of = assign_agents(usable, workers);
  result.plan.workers.clear();
  for (std::uint32_t worker = 0; worker < agent_of.size(); ++worker)
    result.plan.workers.push_back({worker, usable[agent_of[worker]].name});
  result.plan.tasks = place_tasks(plan, share_out(result.tasks, agent_of, usable));
  return result;
}

std::string to_text(const PlacementResult& result, const std::vector<AgentSlots>& agents) {
  if (result.is_placed()) return {};
  std::string text = std::to_string(result.missing) + " of " + std::to_string(result.tasks) +
                     " tasks wait for a free slot: " + std::to_string(result.tasks - result.missing) + " are free";
  const auto usable = ranked(agents);
  for (std::size_t i = 0; i < usable.size(); ++i)
    text += (i == 0 ? " (" : ", ") + usable[i].name + " " + std::to_string(usable[i].free_slots);
  return usable.empty() ? text : text + ")";
}

}  // namespace freshet::dag
