#include "dag/planner.h"

#include <gmock/gmock.h>

#include <set>

#include "dag/codec.h"
#include "dag/graph_view.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {

using testing::ElementsAre;

std::vector<std::string> chain_names(const LogicalGraph& graph, const ExecutionPlan& plan) {
  std::vector<std::string> names;
  for (const auto& chain : plan.chains)
    names.push_back(chain_name(graph, chain) + " x" + std::to_string(chain.parallelism));
  return names;
}

std::vector<std::string> chain_names(const LogicalGraph& graph, const PlanOptions& options) {
  return chain_names(graph, make_plan(graph, options));
}

/// a --> b
GraphMaker pair(Grouping grouping) {
  GraphMaker maker;
  maker.source("a");
  maker.sink("b");
  maker.edge("a", "b", grouping, {"user"});
  return maker;
}

TEST(Planner, PutsAKeyedTreeIntoOneChain) {
  const auto graph = shop().graph();
  EXPECT_THAT(chain_names(graph, {.default_parallelism = 2}),
              ElementsAre("events x2", "dedupe+3 x2", "pages x3", "pages_file x2", "late_file x2"));
}

TEST(Planner, ListsAChainUpstreamFirst) {
  const auto graph = shop().graph();
  const auto plan = make_plan(graph, {.default_parallelism = 2});
  EXPECT_THAT(plan.chains[1].operators, ElementsAre(1, 2, 3, 5)) << "dedupe, totals, recent, totals_file";
}

TEST(Planner, FusesWhatWasNotGroupedWhenParallelismIsEqual) {
  EXPECT_THAT(chain_names(pair(Grouping::rebalance).graph(), {.default_parallelism = 4}), ElementsAre("a+1 x4"));
}

TEST(Planner, ShufflesWhatWasNotGroupedWhenParallelismDiffers) {
  auto maker = pair(Grouping::rebalance);
  maker.node("b").parallelism = 1;
  const auto plan = make_plan(maker.graph(), {.default_parallelism = 4});
  ASSERT_EQ(plan.edges.size(), 1u);
  EXPECT_EQ(plan.edges[0].grouping, Grouping::shuffle);
}

TEST(Planner, FusesForward) {
  EXPECT_THAT(chain_names(pair(Grouping::forward).graph(), {.default_parallelism = 4}), ElementsAre("a+1 x4"));
}

TEST(Planner, LetsForwardInheritParallelism) {
  auto maker = pair(Grouping::forward);
  maker.node("a").parallelism = 7;
  EXPECT_THAT(chain_names(maker.graph(), PlanOptions{}), ElementsAre("a+1 x7"));
}

TEST(Planner, FusesNothingElseEvenBetweenSingleTasks) {
  for (const auto grouping :
       {Grouping::shuffle, Grouping::fields, Grouping::partial_key, Grouping::all, Grouping::global, Grouping::none,
        Grouping::direct, Grouping::local_or_shuffle, Grouping::custom}) {
    SCOPED_TRACE(enumerator_name(grouping));
    const auto plan = make_plan(pair(grouping).graph(), {.default_parallelism = 1});
    EXPECT_EQ(plan.chains.size(), 2u);
    ASSERT_EQ(plan.edges.size(), 1u);
    EXPECT_EQ(plan.edges[0].grouping, grouping == Grouping::none ? Grouping::shuffle : grouping);
  }
}

TEST(Planner, GivesAnOperatorWithItsOwnThreadAChainOfItsOwn) {
  for (const auto* id : {"a", "b"}) {
    auto maker = pair(Grouping::rebalance);
    maker.node(id).own_thread = true;
    const auto plan = make_plan(maker.graph(), {});
    ASSERT_EQ(plan.chains.size(), 2u);
    EXPECT_EQ(plan.chains[0].own_thread, std::string(id) == "a");
    EXPECT_EQ(plan.chains[1].own_thread, std::string(id) == "b");
    EXPECT_EQ(plan.edges.at(0).grouping, Grouping::forward);
  }
}

/// a --> join <-- b
TEST(Planner, StartsAChainWhereStreamsMeet) {
  GraphMaker maker;
  maker.source("a");
  maker.source("b");
  maker.transform("join", 2);
  maker.edge("a", "join", Grouping::forward);
  maker.edge("b", "join", Grouping::forward).to_input = 1;
  const auto plan = make_plan(maker.graph(), {.default_parallelism = 2});
  EXPECT_THAT(chain_names(maker.graph(), plan), ElementsAre("a x2", "b x2", "join x2"));
  EXPECT_EQ(plan.edges.at(0).grouping, Grouping::forward);
  EXPECT_EQ(plan.edges.at(1).grouping, Grouping::forward);
}

TEST(Planner, MakesEveryOperatorAChainWhenChainingIsOff) {
  const auto graph = shop().graph();
  const auto plan = make_plan(graph, {.default_parallelism = 2, .chaining = false});
  EXPECT_EQ(plan.chains.size(), graph.operators.size());
  EXPECT_EQ(plan.edges.size(), graph.edges.size());
  EXPECT_EQ(plan.edges.at(2).grouping, Grouping::forward) << "dedupe -> totals keeps the key, so it keeps the index";
}

TEST(Planner, NumbersEdgesInTheOrderOfTheGraph) {
  const auto plan = make_plan(shop().graph(), {.default_parallelism = 2});
  std::vector<std::uint32_t> logical;
  for (const auto& edge : plan.edges) logical.push_back(edge.logical_edge);
  EXPECT_THAT(logical, ElementsAre(0, 1, 4, 6));
}

TEST(Planner, CountsTasks) { EXPECT_EQ(task_count(make_plan(shop().graph(), {.default_parallelism = 2})), 11u); }

TEST(PlannerDeathTest, RefusesWhatWasNotValidated) {
  GraphMaker cyclic = shop();
  cyclic.edge("pages", "pages", Grouping::shuffle);
  EXPECT_DEATH(make_plan(cyclic.graph(), {}), "no cycle");
  EXPECT_DEATH(make_plan(shop().graph(), {.default_parallelism = 0}), "parallelism");
  GraphMaker dangling = shop();
  dangling.graph().edges[0].to = 99;
  EXPECT_DEATH(make_plan(dangling.graph(), {}), "dangles");
}

/// What holds of every plan: complete and consistent, heads alone read from outside, the same again.
TEST(Planner, KeepsItsPromisesOnRandomGraphs) {
  const auto seed = seed_or(3);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    const auto graph = random_graph(random);
    const PlanOptions options{.default_parallelism = 1 + static_cast<std::int64_t>(random() % 4),
                              .chaining = random() % 4 != 0};
    const auto plan = make_plan(graph, options);
    ASSERT_EQ(check_plan(plan, graph), "");
    ASSERT_EQ(plan, make_plan(LogicalGraph(graph), options));
    std::set<std::uint32_t> heads;
    for (const auto& chain : plan.chains) heads.insert(chain.operators.front());
    for (const auto& edge : plan.edges) EXPECT_TRUE(heads.contains(graph.edges[edge.logical_edge].to));
    const auto tasks = GraphView(graph).effective_parallelism(options.default_parallelism);
    for (const auto& chain : plan.chains) {
      for (const auto op : chain.operators) {
        EXPECT_EQ(tasks[op], chain.parallelism);
        EXPECT_EQ(graph.operators[op].own_thread, chain.own_thread);
      }
    }
  }
}

}  // namespace freshet::dag::test
