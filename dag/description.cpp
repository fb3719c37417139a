#include "dag/description.h"

#include <freshet/text.h>

#include "dag/codec.h"
#include "dag/fingerprint.h"
#include "dag/invariant.h"
#include "dag/labels.h"
#include "dag/planner.h"

namespace freshet::dag {

namespace {

std::string error_policy_text(const OperatorNode& node) {
  switch (node.on_error.kind) {
    case ErrorPolicyKind::unset:
      return node.kind == OperatorKind::source ? "dead-letter" : "fail";
    case ErrorPolicyKind::fail:
      return "fail";
    case ErrorPolicyKind::dead_letter:
      return "dead-letter";
    case ErrorPolicyKind::retry:
      return std::to_string(node.on_error.attempts) + " attempts within " + format_duration(node.on_error.limit) +
             (node.on_error.keep_order ? ", in order" : "") + ", then dead-letter";
  }
  return {};
}

StateDescription describe_state(const OperatorNode& node, const StateDeclaration& state) {
  return {.address = state_address(node, state),
          .kind = state.kind,
          .key = to_text(state.key),
          .map_key = to_text(state.map_key),
          .value = to_text(state.value),
          .ttl_ms = state.ttl == Duration::max() ? 0 : state.ttl.count(),
          .queryable = state.queryable};
}

OperatorDescription describe_operator(const OperatorNode& node) {
  OperatorDescription result{.id = node.id,
                             .kind = node.kind,
                             .description = node.description,
                             .on_error = error_policy_text(node),
                             .emission = node.emission,
                             .guarantee = node.guarantee,
                             .queryable = node.queryable};
  for (const auto& state : node.states) result.states.push_back(describe_state(node, state));
  return result;
}

std::vector<EdgeDescription> describe_edges(const LogicalGraph& graph, const ExecutionPlan& plan) {
  std::vector<EdgeDescription> result;
  for (const auto& edge : graph.edges) {
    const auto& output = graph.operators[edge.from].outputs[edge.from_output];
    const auto& record = edge.record.kind.empty() ? output.record : edge.record;
    result.push_back({.from = graph.operators[edge.from].id,
                      .output = output.name,
                      .to = graph.operators[edge.to].id,
                      .input = edge.to_input,
                      .grouping = "call",
                      .record = to_text(record)});
  }
  for (const auto& edge : plan.edges) {
    auto& description = result[edge.logical_edge];
    const std::uint64_t senders = plan.chains[edge.from_chain].parallelism;
    const std::uint64_t receivers = plan.chains[edge.to_chain].parallelism;
    description.grouping = grouping_text(edge.grouping, graph.edges[edge.logical_edge]);
    description.channels = edge.grouping == Grouping::forward  ? senders
                           : edge.grouping == Grouping::global ? senders
                                                               : senders * receivers;
  }
  return result;
}

}  // namespace

PlanDescription describe_plan(const LogicalGraph& graph, const ExecutionPlan& plan) {
  must_hold(check_plan(plan, graph).empty(), "the plan is one of this graph");
  PlanDescription result{.job = graph.job,
                         .help = graph.help,
                         .fingerprint = fingerprint_text(plan.fingerprint),
                         .key_groups = plan.key_groups,
                         .tasks = task_count(plan)};
  for (const auto& chain : plan.chains) {
    result.chains.push_back({.id = chain.id,
                             .name = chain_name(graph, chain),
                             .parallelism = chain.parallelism,
                             .own_thread = chain.own_thread});
    for (const auto op : chain.operators)
      result.chains.back().operators.push_back(describe_operator(graph.operators[op]));
  }
  result.edges = describe_edges(graph, plan);
  for (const auto& worker : plan.workers) result.workers.push_back({.id = worker.id, .agent = worker.agent});
  for (const auto& task : plan.tasks)
    result.workers[task.worker].tasks.push_back(result.chains[task.chain].name + "[" + std::to_string(task.index) +
                                                "]");
  return result;
}

}  // namespace freshet::dag
