#include "dag/planner.h"

#include "dag/graph_view.h"
#include "dag/invariant.h"
#include "dag/labels.h"
#include "dag/validator.h"

namespace freshet::dag {

namespace {

class Planner {
 public:
  Planner(const LogicalGraph& graph, const PlanOptions& options)
      : graph_(graph),
        options_(options),
        view_(graph),
        parallelism_(view_.effective_parallelism(options.default_parallelism)),
        chain_of_(graph.operators.size()) {}

  ExecutionPlan run() {
    check_promises();
    plan_.key_groups = options_.key_groups;
    for (const auto node : view_.order()) place_in_chain(node);
    for (std::uint32_t i = 0; i < graph_.edges.size(); ++i) add_edge(i);
    return std::move(plan_);
  }

 private:
  void check_promises() const {
    must_hold(view_.is_acyclic(), "a planned graph has no cycle");
    must_hold(options_.key_groups >= 1 && options_.key_groups <= kMaxKeyGroups, "key groups are in range");
    for (const auto tasks : parallelism_)
      must_hold(tasks >= 1 && tasks <= kMaxParallelism, "every parallelism of a planned graph is in range");
    for (const auto& edge : graph_.edges) {
      must_hold(view_.is_sound(edge), "no edge of a planned graph dangles");
      must_hold(!keeps_index(edge) || parallelism_[edge.from] == parallelism_[edge.to],
                "sender and receiver of a forward edge have equal parallelism");
    }
  }

  Grouping resolved(const Edge& edge) const {
    return resolve_grouping(edge, parallelism_[edge.from], parallelism_[edge.to]);
  }

  bool is_fused(const Edge& edge) const {
    return options_.chaining && resolved(edge) == Grouping::forward && view_.inputs_of(edge.to).size() == 1 &&
           parallelism_[edge.from] == parallelism_[edge.to] && !graph_.operators[edge.from].own_thread &&
           !graph_.operators[edge.to].own_thread;
  }

  /// Upstream operators have their chain already: that is the order's promise.
  void place_in_chain(std::uint32_t node) {
    const auto& inputs = view_.inputs_of(node);
    if (!inputs.empty() && is_fused(graph_.edges[inputs.front()])) {
      chain_of_[node] = chain_of_[graph_.edges[inputs.front()].from];
      plan_.chains[chain_of_[node]].operators.push_back(node);
      return;
    }
    chain_of_[node] = static_cast<std::uint32_t>(plan_.chains.size());
    plan_.chains.push_back({.id = chain_of_[node],
                            .operators = {node},
                            .parallelism = static_cast<std::uint32_t>(parallelism_[node]),
                            .own_thread = graph_.operators[node].own_thread});
  }

  void add_edge(std::uint32_t index) {
    const Edge& edge = graph_.edges[index];
    if (is_fused(edge)) return;
    plan_.edges.push_back({.id = static_cast<std::uint32_t>(plan_.edges.size()),
                           .logical_edge = index,
                           .from_chain = chain_of_[edge.from],
                           .to_chain = chain_of_[edge.to],
                           .grouping = resolved(edge)});
  }

  const LogicalGraph& graph_;
  const PlanOptions& options_;
  const GraphView view_;
  const std::vector<std::int64_t> parallelism_;
  std::vector<std::uint32_t> chain_of_;
  ExecutionPlan plan_;
};

}  // namespace

ExecutionPlan make_plan(const LogicalGraph& graph, const PlanOptions& options) { return Planner(graph, options).run(); }

Grouping resolve_grouping(const Edge& edge, std::int64_t from_parallelism, std::int64_t to_parallelism) {
  if (edge.carries_key) return Grouping::forward;
  if (edge.grouping == Grouping::rebalance)
    return from_parallelism == to_parallelism ? Grouping::forward : Grouping::shuffle;
  return edge.grouping == Grouping::none ? Grouping::shuffle : edge.grouping;
}

std::string chain_name(const LogicalGraph& graph, const Chain& chain) {
  if (chain.operators.empty()) return "chain " + std::to_string(chain.id);
  const auto followers = chain.operators.size() - 1;
  const auto name = operator_name(graph, chain.operators.front());
  return followers == 0 ? name : name + "+" + std::to_string(followers);
}

std::uint64_t task_count(const ExecutionPlan& plan) {
  std::uint64_t count = 0;
  for (const auto& chain : plan.chains) count += chain.parallelism;
  return count;
}

}  // namespace freshet::dag
