#pragma once

#include <string>
#include <string_view>

#include <freshet/codec.h>
#include "dag/plan.h"

/// Graphs and plans as bytes, and what must hold of those that come from outside before anybody follows an index.
namespace freshet::dag {

/// No encoded graph or plan is longer.
inline constexpr std::size_t kMaxEncodedBytes = 16u << 20;

/// A value, or why there is none.
template <class T>
struct [[nodiscard]] Decoded {
  T value{};
  std::string error{};  ///< empty: `value` counts
  explicit operator bool() const { return error.empty(); }
};

void encode_graph(ByteBuffer& out, const LogicalGraph& graph);
/// Any graph, also a wrong one: `validate` copes with that and says more.
Decoded<LogicalGraph> decode_graph(std::string_view bytes);

void encode_plan(ByteBuffer& out, const ExecutionPlan& plan);
/// Only plans that `check_plan` accepts.
Decoded<ExecutionPlan> decode_plan(std::string_view bytes);

/// What is wrong with the plan by itself; empty when every index is in range, ids are positions, no operator is in two
/// chains, and either no task is placed or each is, once, in order.
std::string check_plan(const ExecutionPlan& plan);
/// What is wrong with the plan as a plan of this graph; empty when each operator is in a chain and each edge either
/// crosses chains as the plan says or stays within one. Asks check_plan first.
std::string check_plan(const ExecutionPlan& plan, const LogicalGraph& graph);

}  // namespace freshet::dag
