#pragma once

#include <cstdint>
#include <vector>

#include <freshet/graph.h>

namespace freshet::dag {

/// Who feeds whom in a graph, and in which order: what the validator and the planner both ask. Made from any graph,
/// also a broken one: dangling edges are left out, cycles end the order early. Refers to the graph, which must outlive
/// it.
class GraphView {
 public:
  explicit GraphView(const LogicalGraph& graph);

  const LogicalGraph& graph() const { return graph_; }
  /// False when its operators, output or input do not exist.
  bool is_sound(const Edge& edge) const;
  /// Indices of the sound edges that come in, ascending.
  const std::vector<std::uint32_t>& inputs_of(std::uint32_t node) const { return inputs_[node]; }
  /// Indices of the sound edges that go out, ascending.
  const std::vector<std::uint32_t>& outputs_of(std::uint32_t node) const { return outputs_[node]; }
  /// Operators, upstream first and then by index (Kahn). Short of those on a cycle or behind one.
  const std::vector<std::uint32_t>& order() const { return order_; }
  bool is_acyclic() const { return order_.size() == graph_.operators.size(); }

  /// Whether records reach the operator under a key.
  bool has_key(std::uint32_t node) const;
  /// The edge through which the operator takes over its producer's parallelism; nullptr when it has its own.
  const Edge* inherits_through(std::uint32_t node) const;
  /// Tasks of each operator: inherited through a forward or key-carrying edge, else its own, else
  /// `default_parallelism`.
  std::vector<std::int64_t> effective_parallelism(std::int64_t default_parallelism) const;

 private:
  const LogicalGraph& graph_;
  std::vector<std::vector<std::uint32_t>> inputs_;
  std::vector<std::vector<std::uint32_t>> outputs_;
  std::vector<std::uint32_t> order_;
};

/// Sender and receiver run with the same parallelism, index to index.
inline bool keeps_index(const Edge& edge) { return edge.carries_key || edge.grouping == Grouping::forward; }

}  // namespace freshet::dag
