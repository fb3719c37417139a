#include "dag/codec.h"

#include <gtest/gtest.h>

#include <functional>

#include "dag/placement.h"
#include "dag/planner.h"
#include "dag/printer.h"
#include "dag/validator.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {

std::string bytes_of(const LogicalGraph& graph) {
  ByteBuffer out;
  encode_graph(out, graph);
  return std::string(out.view());
}

std::string bytes_of(const ExecutionPlan& plan) {
  ByteBuffer out;
  encode_plan(out, plan);
  return std::string(out.view());
}

ExecutionPlan placed_plan(const LogicalGraph& graph) {
  return place(make_plan(graph, {.default_parallelism = 2}), {{"a", 100}, {"b", 100}}).plan;
}

TEST(DagCodec, GivesBackAGraph) {
  const auto graph = shop().graph();
  const auto decoded = decode_graph(bytes_of(graph));
  ASSERT_TRUE(decoded) << decoded.error;
  EXPECT_EQ(decoded.value, graph);
}

TEST(DagCodec, GivesBackAPlan) {
  const auto plan = placed_plan(shop().graph());
  const auto decoded = decode_plan(bytes_of(plan));
  ASSERT_TRUE(decoded) << decoded.error;
  EXPECT_EQ(decoded.value, plan);
}

TEST(DagCodec, RefusesMoreBytesThanTheLimit) {
  const std::string bytes(kMaxEncodedBytes + 1, '\x90');
  EXPECT_EQ(decode_graph(bytes).error, "graph of 16777217 bytes, at most 16777216");
  EXPECT_EQ(decode_plan(bytes).error, "plan of 16777217 bytes, at most 16777216");
  EXPECT_EQ(decode_graph(std::string_view(bytes).substr(1)).error, "these bytes are no graph");
}

TEST(DagCodec, TakesAGraphOfJustTheLimit) {
  LogicalGraph graph;
  graph.help = std::string(kMaxEncodedBytes - 100, 'x');
  graph.help.resize(graph.help.size() + kMaxEncodedBytes - bytes_of(graph).size(), 'x');
  ASSERT_EQ(bytes_of(graph).size(), kMaxEncodedBytes);
  EXPECT_TRUE(decode_graph(bytes_of(graph)));
}

TEST(DagCodec, RefusesWhatIsCutOrGoesOn) {
  const auto graph = bytes_of(shop().graph());
  const auto plan = bytes_of(placed_plan(shop().graph()));
  for (std::size_t length = 0; length < graph.size(); ++length) EXPECT_FALSE(decode_graph(graph.substr(0, length)));
  for (std::size_t length = 0; length < plan.size(); ++length) EXPECT_FALSE(decode_plan(plan.substr(0, length)));
  EXPECT_FALSE(decode_graph(graph + "x"));
  EXPECT_FALSE(decode_plan(plan + "x"));
}

struct BrokenPlan {
  std::string name;
  std::function<void(ExecutionPlan&)> break_it;
  std::string problem;
};

void PrintTo(const BrokenPlan& broken, std::ostream* out) { *out << broken.name; }

struct BrokenPlans : testing::TestWithParam<BrokenPlan> {};

TEST_P(BrokenPlans, AreRefused) {
  const auto graph = shop().graph();
  auto plan = placed_plan(graph);
  GetParam().break_it(plan);
  EXPECT_EQ(check_plan(plan, graph), GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    DagCodec, BrokenPlans,
    testing::Values(
        BrokenPlan{"NoKeyGroups", [](auto& plan) { plan.key_groups = 0; }, "0 key groups"},
        BrokenPlan{"TooManyKeyGroups", [](auto& plan) { plan.key_groups = 32'769; }, "32769 key groups"},
        BrokenPlan{"ChainId", [](auto& plan) { plan.chains[1].id = 7; }, "chain 1 has the id 7"},
        BrokenPlan{"EmptyChain", [](auto& plan) { plan.chains[1].operators.clear(); }, "chain 1 has no operator"},
        BrokenPlan{"NoTasks", [](auto& plan) { plan.chains[1].parallelism = 0; }, "chain 1 has parallelism 0"},
        BrokenPlan{"TooManyTasks", [](auto& plan) { plan.chains[1].parallelism = 4'097; },
                   "chain 1 has parallelism 4097"},
        BrokenPlan{"OperatorTwice", [](auto& plan) { plan.chains[1].operators.push_back(0); },
                   "operator #0 is in a chain twice"},
        BrokenPlan{"UnknownOperator", [](auto& plan) { plan.chains[1].operators.push_back(99); },
                   "operator #99 does not exist"},
        BrokenPlan{"OperatorLeftOut", [](auto& plan) { plan.chains[1].operators.pop_back(); },
                   "1 operators are in no chain"},
        BrokenPlan{"EdgeId", [](auto& plan) { plan.edges[0].id = 5; }, "edge 0 has the id 5"},
        BrokenPlan{"EdgeToNoChain", [](auto& plan) { plan.edges[0].to_chain = 99; },
                   "edge 0 leads to a chain that does not exist"},
        BrokenPlan{"EdgeToAnotherChain", [](auto& plan) { plan.edges[0].to_chain = 2; },
                   "edge 0 connects other chains than its operators are in"},
        BrokenPlan{"UnresolvedGrouping", [](auto& plan) { plan.edges[0].grouping = Grouping::rebalance; },
                   "edge 0 has a grouping that is not resolved"},
        BrokenPlan{"UnequalForward", [](auto& plan) { plan.edges[2].grouping = Grouping::forward; },
                   "edge 2 is forward between chains of unequal parallelism"},
        BrokenPlan{"EdgeTwice", [](auto& plan) { plan.edges[1].logical_edge = 0; },
                   "edge 1 repeats an edge of the graph"},
        BrokenPlan{"UnknownEdge", [](auto& plan) { plan.edges[0].logical_edge = 99; }, "edge 0 is none of the graph's"},
        BrokenPlan{"EdgeLeftOut", [](auto& plan) { plan.edges.pop_back(); }, "edge #6 of the graph is missing"},
        BrokenPlan{"WorkerId", [](auto& plan) { plan.workers[1].id = 0; }, "worker 1 has another id"},
        BrokenPlan{"TaskLeftOut", [](auto& plan) { plan.tasks.pop_back(); }, "10 of 11 tasks are placed"},
        BrokenPlan{"TasksOutOfOrder", [](auto& plan) { std::swap(plan.tasks[0], plan.tasks[1]); },
                   "task 0 is out of order"},
        BrokenPlan{"UnknownWorker", [](auto& plan) { plan.tasks[0].worker = 2; },
                   "task 0 is on a worker that does not exist"}),
    [](const auto& test) { return test.param.name; });

/// Flips, cuts, doubles and overwrites bytes.
std::string mutated(std::string bytes, std::mt19937& random) {
  const auto times = 1 + random() % 4;
  for (std::size_t i = 0; i < times && !bytes.empty(); ++i) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
        break;
      case 2:
        bytes.erase(at, 1 + random() % 8);
        break;
      case 3:
        bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 64));
        break;
      default:
        bytes.replace(at, 1, random() % 2 == 0 ? "\xdd\xff\xff\xff\xff" : "\xce\xff\xff\xff\xff", 5);
        break;
    }
  }
  return bytes;
}

TEST(DagCodec, SurvivesHostileGraphs) {
  const auto seed = seed_or(5);
  std::mt19937 random(seed);
  const auto bytes = bytes_of(shop().graph());
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    const auto decoded = decode_graph(mutated(bytes, random));
    if (decoded)
      validate(decoded.value, {});
    else
      EXPECT_EQ(decoded.value, LogicalGraph{});
  }
}

/// What decode_plan and check_plan accept can be printed: no index leads astray.
TEST(DagCodec, SurvivesHostilePlans) {
  const auto seed = seed_or(6);
  std::mt19937 random(seed);
  const auto graph = shop().graph();
  const auto bytes = bytes_of(placed_plan(graph));
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    const auto decoded = decode_plan(mutated(bytes, random));
    if (!decoded) continue;
    ASSERT_EQ(check_plan(decoded.value), "");
    if (!check_plan(decoded.value, graph).empty()) continue;
    ++accepted;
    print_text(describe_plan(graph, decoded.value));
  }
  EXPECT_GT(accepted, 0) << "some changes, as of an agent's name, do no harm";
}

}  // namespace freshet::dag::test
