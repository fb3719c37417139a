#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dag/plan.h"

/// Which worker runs which task, and on which agent.
namespace freshet::dag {

/// What an agent can still take. A slot holds one task.
struct AgentSlots {
  std::string name{};
  std::uint32_t free_slots = 0;
  bool operator==(const AgentSlots&) const = default;
};

struct PlacementOptions {
  /// Workers wanted; 0: one per agent, on no more agents than the widest chain has tasks. More are used when the slots
  /// of these do not suffice, fewer when there are not enough slots or tasks for so many.
  std::uint32_t workers = 0;
};

struct PlacementResult {
  ExecutionPlan plan{};       ///< with workers and tasks; as it was when tasks are missing a slot
  std::uint64_t tasks = 0;    ///< of the plan
  std::uint64_t missing = 0;  ///< tasks without a slot: the job waits for as many
  bool is_placed() const { return missing == 0; }
};

/// Places every task or none. Workers go round robin over the agents, those with most free slots first. Every worker
/// gets as many tasks as any other, give or take one, as far as its agent's slots go; tasks of the same index, which
/// talk most to each other, share a worker where that allows it. The order of `agents` does not matter.
PlacementResult place(const ExecutionPlan& plan, const std::vector<AgentSlots>& agents,
                      const PlacementOptions& options = {});

/// "4 of 16 tasks wait for a free slot: 12 are free (shop-1 8, shop-3 4)"; empty when placed.
std::string to_text(const PlacementResult& result, const std::vector<AgentSlots>& agents);

}  // namespace freshet::dag
