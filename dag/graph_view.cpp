#include "dag/graph_view.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace freshet::dag {

GraphView::GraphView(const LogicalGraph& graph)
    : graph_(graph), inputs_(graph.operators.size()), outputs_(graph.operators.size()) {
  for (std::uint32_t i = 0; i < graph.edges.size(); ++i) {
    const Edge& edge = graph.edges[i];
    if (!is_sound(edge)) continue;
    outputs_[edge.from].push_back(i);
    inputs_[edge.to].push_back(i);
  }
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  std::vector<std::size_t> waiting(graph.operators.size());
  for (std::uint32_t node = 0; node < graph.operators.size(); ++node) {
    waiting[node] = inputs_[node].size();
    if (waiting[node] == 0) ready.push(node);
  }
  while (!ready.empty()) {
    const std::uint32_t node = ready.top();
    ready.pop();
    order_.push_back(node);
    for (const auto edge : outputs_[node]) {
      if (--waiting[graph.edges[edge].to] == 0) ready.push(graph.edges[edge].to);
    }
  }
}

bool GraphView::is_sound(const Edge& edge) const {
  const auto& nodes = graph_.operators;
  return edge.from < nodes.size() && edge.to < nodes.size() && edge.from_output < nodes[edge.from].outputs.size() &&
         edge.to_input < nodes[edge.to].inputs;
}

bool GraphView::has_key(std::uint32_t node) const {
  return std::any_of(inputs_[node].begin(), inputs_[node].end(), [&](std::uint32_t index) {
    const Edge& edge = graph_.edges[index];
    return edge.carries_key || (edge.grouping == Grouping::fields && !edge.key_fields.empty());
  });
}

const Edge* GraphView::inherits_through(std::uint32_t node) const {
  for (const auto index : inputs_[node]) {
    if (keeps_index(graph_.edges[index])) return &graph_.edges[index];
  }
  return nullptr;
}

std::vector<std::int64_t> GraphView::effective_parallelism(std::int64_t default_parallelism) const {
  std::vector<std::int64_t> tasks(graph_.operators.size());
  const auto own = [&](std::uint32_t node) {
    const auto said = graph_.operators[node].parallelism;
    return said != 0 ? said : default_parallelism;
  };
  for (std::uint32_t node = 0; node < tasks.size(); ++node) tasks[node] = own(node);
  for (const auto node : order_) {
    if (const Edge* edge = inherits_through(node)) tasks[node] = tasks[edge->from];
  }
  return tasks;
}

}  // namespace freshet::dag
