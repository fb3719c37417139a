#include "dag/placement.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "dag/codec.h"
#include "dag/planner.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {

using testing::ElementsAre;

/// Chains of these parallelisms, not connected.
ExecutionPlan chains(std::initializer_list<std::uint32_t> parallelisms) {
  ExecutionPlan plan;
  for (const auto parallelism : parallelisms) {
    const auto id = static_cast<std::uint32_t>(plan.chains.size());
    plan.chains.push_back({.id = id, .operators = {id}, .parallelism = parallelism});
  }
  return plan;
}

/// "0@a: 0[0] 1[0]": worker, agent, its tasks.
std::vector<std::string> shown(const PlacementResult& result) {
  std::vector<std::string> lines;
  for (const auto& worker : result.plan.workers) lines.push_back(std::to_string(worker.id) + "@" + worker.agent + ":");
  for (const auto& task : result.plan.tasks)
    lines[task.worker] += " " + std::to_string(task.chain) + "[" + std::to_string(task.index) + "]";
  return lines;
}

TEST(Placement, KeepsTasksOfOneIndexTogether) {
  EXPECT_THAT(shown(place(chains({2, 2, 2}), {{"a", 8}, {"b", 8}})),
              ElementsAre("0@a: 0[0] 1[0] 2[0]", "1@b: 0[1] 1[1] 2[1]"));
}

TEST(Placement, SpreadsEveryChainOverTheWorkers) {
  EXPECT_THAT(shown(place(chains({4, 4}), {{"a", 8}, {"b", 8}})),
              ElementsAre("0@a: 0[0] 0[2] 1[0] 1[2]", "1@b: 0[1] 0[3] 1[1] 1[3]"));
}

TEST(Placement, KeepsANarrowJobOnOneAgent) {
  EXPECT_THAT(shown(place(chains({1, 1, 1}), {{"a", 8}, {"b", 8}})), ElementsAre("0@a: 0[0] 1[0] 2[0]"));
}

TEST(Placement, UsesMoreAgentsThanNeededByWidthWhenSlotsDemandIt) {
  EXPECT_THAT(shown(place(chains({1, 1, 1}), {{"a", 2}, {"b", 1}})), ElementsAre("0@a: 0[0] 1[0]", "1@b: 2[0]"));
}

TEST(Placement, PutsWorkersRoundRobinOnTheAgents) {
  EXPECT_THAT(shown(place(chains({4}), {{"a", 8}, {"b", 8}}, {.workers = 3})),
              ElementsAre("0@a: 0[0] 0[1]", "1@b: 0[2]", "2@a: 0[3]"));
}

TEST(Placement, StartsNoWorkerWithoutATask) {
  EXPECT_THAT(shown(place(chains({2}), {{"a", 8}}, {.workers = 5})), ElementsAre("0@a: 0[0]", "1@a: 0[1]"));
}

TEST(Placement, TakesMoreWorkersThanSaidWhenTheirAgentsAreTooSmall) {
  EXPECT_THAT(shown(place(chains({4}), {{"a", 2}, {"b", 2}}, {.workers = 1})),
              ElementsAre("0@a: 0[0] 0[2]", "1@b: 0[1] 0[3]"));
}

TEST(Placement, PrefersTheAgentsWithMostFreeSlots) {
  EXPECT_THAT(shown(place(chains({2}), {{"a", 1}, {"c", 4}, {"b", 4}})), ElementsAre("0@b: 0[0]", "1@c: 0[1]"));
}

TEST(Placement, WaitsWhenSlotsAreMissing) {
  const auto plan = chains({8, 8});
  const std::vector<AgentSlots> agents = {{"shop-3", 4}, {"shop-1", 8}, {"shop-2", 0}};
  const auto result = place(plan, agents);
  EXPECT_FALSE(result.is_placed());
  EXPECT_EQ(result.missing, 4u);
  EXPECT_EQ(result.plan, plan) << "all or nothing";
  EXPECT_EQ(to_text(result, agents), "4 of 16 tasks wait for a free slot: 12 are free (shop-1 8, shop-3 4)");
}

TEST(Placement, WaitsWhenThereIsNoAgent) {
  const auto result = place(chains({2}), {});
  EXPECT_EQ(result.missing, 2u);
  EXPECT_EQ(to_text(result, {}), "2 of 2 tasks wait for a free slot: 0 are free");
}

TEST(Placement, TakesTheLastSlot) { EXPECT_TRUE(place(chains({3, 3}), {{"a", 5}, {"b", 1}}).is_placed()); }

TEST(Placement, PlacesAnew) {
  auto placed = place(chains({2}), {{"a", 2}}).plan;
  EXPECT_THAT(shown(place(placed, {{"b", 1}, {"c", 1}})), ElementsAre("0@b: 0[0]", "1@c: 0[1]"));
}

/// Every task once, no agent over its slots, workers equal but for one task unless their agent is full, and nothing
/// depends on the order in which agents are named.
TEST(Placement, KeepsItsPromisesOnRandomPlans) {
  const auto seed = seed_or(4);
  std::mt19937 random(seed);
  int placed = 0;
  for (int round = 0; round < 1'000; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    const auto graph = random_graph(random);
    const auto plan = make_plan(graph, {.default_parallelism = 1 + static_cast<std::int64_t>(random() % 5)});
    std::vector<AgentSlots> agents;
    const auto agent_count = static_cast<std::uint32_t>(random() % 6);
    for (std::uint32_t i = 0; i < agent_count; ++i)
      agents.push_back({"agent-" + std::to_string(i), static_cast<std::uint32_t>(random() % 20)});
    const PlacementOptions options{.workers = static_cast<std::uint32_t>(random() % 8)};
    const auto result = place(plan, agents, options);
    std::shuffle(agents.begin(), agents.end(), random);
    ASSERT_EQ(place(plan, agents, options).plan, result.plan);

    std::map<std::string, std::uint32_t> free;
    std::uint64_t slots = 0;
    for (const auto& agent : agents) slots += free[agent.name] = agent.free_slots;
    ASSERT_EQ(result.is_placed(), slots >= task_count(plan));
    if (!result.is_placed()) continue;
    ++placed;
    ASSERT_EQ(check_plan(result.plan, graph), "") << "every task once, in order";
    std::vector<std::uint32_t> load(result.plan.workers.size());
    for (const auto& task : result.plan.tasks) {
      ++load[task.worker];
      ASSERT_GT(free.at(result.plan.workers[task.worker].agent)--, 0u);
    }
    const auto most = *std::max_element(load.begin(), load.end());
    for (std::size_t worker = 0; worker < load.size(); ++worker) {
      EXPECT_GE(load[worker], 1u);
      EXPECT_TRUE(load[worker] + 1 >= most || free.at(result.plan.workers[worker].agent) == 0);
    }
  }
  EXPECT_GT(placed, 100);
}

}  // namespace freshet::dag::test
