#include "dag/codec.h"

#include <unordered_set>

#include "dag/graph_view.h"
#include "dag/planner.h"
#include "dag/validator.h"

namespace freshet::dag {

namespace {

template <class T>
Decoded<T> decode_limited(std::string_view bytes, const char* what) {
  Decoded<T> result;
  if (bytes.size() > kMaxEncodedBytes) {
    result.error = std::string(what) + " of " + std::to_string(bytes.size()) + " bytes, at most " +
                   std::to_string(kMaxEncodedBytes);
  } else if (!decode_all(bytes, result.value)) {
    result.error = std::string("these bytes are no ") + what;
  }
  if (!result.error.empty()) result.value = T{};
  return result;
}

std::string check_chains(const ExecutionPlan& plan) {
  std::unordered_set<std::uint32_t> seen;
  for (std::size_t i = 0; i < plan.chains.size(); ++i) {
    const auto& chain = plan.chains[i];
    const auto name = "chain " + std::to_string(i);
    if (chain.id != i) return name + " has the id " + std::to_string(chain.id);
    if (chain.operators.empty()) return name + " has no operator";
    if (chain.parallelism < 1 || chain.parallelism > kMaxParallelism)
      return name + " has parallelism " + std::to_string(chain.parallelism);
    for (const auto op : chain.operators) {
      if (!seen.insert(op).second) return "operator #" + std::to_string(op) + " is in a chain twice";
    }
  }
  return {};
}

std::string check_edges(const ExecutionPlan& plan) {
  std::unordered_set<std::uint32_t> seen;
  for (std::size_t i = 0; i < plan.edges.size(); ++i) {
    const auto& edge = plan.edges[i];
    const auto name = "edge " + std::to_string(i);
    if (edge.id != i) return name + " has the id " + std::to_string(edge.id);
    if (edge.from_chain >= plan.chains.size() || edge.to_chain >= plan.chains.size())
      return name + " leads to a chain that does not exist";
    if (edge.grouping == Grouping::rebalance || edge.grouping == Grouping::none)
      return name + " has a grouping that is not resolved";
    if (edge.grouping == Grouping::forward &&
        plan.chains[edge.from_chain].parallelism != plan.chains[edge.to_chain].parallelism)
      return name + " is forward between chains of unequal parallelism";
    if (!seen.insert(edge.logical_edge).second) return name + " repeats an edge of the graph";
  }
  return {};
}

std::string check_tasks(const ExecutionPlan& plan) {
  for (std::size_t i = 0; i < plan.workers.size(); ++i) {
    if (plan.workers[i].id != i) return "worker " + std::to_string(i) + " has another id";
  }
  if (plan.tasks.empty()) return {};
  // Compared before anything is walked: parallelisms may add up to far more tasks than were sent.
  if (plan.tasks.size() != task_count(plan))
    return std::to_string(plan.tasks.size()) + " of " + std::to_string(task_count(plan)) + " tasks are placed";
  std::size_t next = 0;
  for (const auto& chain : plan.chains) {
    for (std::uint32_t index = 0; index < chain.parallelism; ++index, ++next) {
      const auto& task = plan.tasks[next];
      if (task.chain != chain.id || task.index != index) return "task " + std::to_string(next) + " is out of order";
      if (task.worker >= plan.workers.size())
        return "task " + std::to_string(next) + " is on a worker that does not exist";
    }
  }
  return {};
}

}  // namespace

void encode_graph(ByteBuffer& out, const LogicalGraph& graph) { encode(out, graph); }

Decoded<LogicalGraph> decode_graph(std::string_view bytes) { return decode_limited<LogicalGraph>(bytes, "graph"); }

void encode_plan(ByteBuffer& out, const ExecutionPlan& plan) { encode(out, plan); }

Decoded<ExecutionPlan> decode_plan(std::string_view bytes) {
  auto result = decode_limited<ExecutionPlan>(bytes, "plan");
  if (!result) return result;
  if (const auto problem = check_plan(result.value); !problem.empty()) {
    result.error = "not a plan that can run: " + problem;
    result.value = {};
  }
  return result;
}

std::string check_plan(const ExecutionPlan& plan) {
  if (plan.key_groups < 1 || plan.key_groups > kMaxKeyGroups) return std::to_string(plan.key_groups) + " key groups";
  for (const auto check : {check_chains, check_edges, check_tasks}) {
    if (auto problem = check(plan); !problem.empty()) return problem;
  }
  return {};
}

std::string check_plan(const ExecutionPlan& plan, const LogicalGraph& graph) {
  if (auto problem = check_plan(plan); !problem.empty()) return problem;
  std::vector<std::uint32_t> chain_of(graph.operators.size());
  std::size_t covered = 0;
  for (const auto& chain : plan.chains) {
    for (const auto op : chain.operators) {
      if (op >= graph.operators.size()) return "operator #" + std::to_string(op) + " does not exist";
      chain_of[op] = chain.id;
      ++covered;  // none is counted twice: that is checked above
    }
  }
  if (covered != graph.operators.size())
    return std::to_string(graph.operators.size() - covered) + " operators are in no chain";
  const GraphView view(graph);
  std::vector<bool> crosses(graph.edges.size());
  for (const auto& edge : plan.edges) {
    const auto name = "edge " + std::to_string(edge.id);
    if (edge.logical_edge >= graph.edges.size()) return name + " is none of the graph's";
    const auto& logical = graph.edges[edge.logical_edge];
    if (!view.is_sound(logical)) return name + " dangles in the graph";
    if (chain_of[logical.from] != edge.from_chain || chain_of[logical.to] != edge.to_chain)
      return name + " connects other chains than its operators are in";
    crosses[edge.logical_edge] = true;
  }
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    if (!view.is_sound(graph.edges[i])) return "edge #" + std::to_string(i) + " of the graph dangles";
    if (!crosses[i] && chain_of[graph.edges[i].from] != chain_of[graph.edges[i].to])
      return "edge #" + std::to_string(i) + " of the graph is missing";
  }
  return {};
}

}  // namespace freshet::dag
