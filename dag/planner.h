#pragma once

#include <cstdint>
#include <string>

#include "dag/plan.h"

/// From what the author said to what runs: effective parallelism, resolved groupings, chains.
namespace freshet::dag {

struct PlanOptions {
  std::int64_t default_parallelism = 1;
  std::uint32_t key_groups = 128;
  bool chaining = true;  ///< false: every operator is a task of its own (to see where time goes)
};

/// The plan of a graph that `validate` has nothing against; ends the process on others. Not placed yet, fingerprint 0.
/// The same graph and options give the same plan, down to every id.
///
/// An edge is fused when sender and receiver have the same index (forward, or a key carried on), equal parallelism, no
/// thread of their own, and the receiver reads nothing else. One operator may have several fused receivers: a chain is
/// a tree, and only its first operator is reached from outside.
ExecutionPlan make_plan(const LogicalGraph& graph, const PlanOptions& options);

/// What the grouping becomes between operators of these parallelisms: never `rebalance` or `none`.
Grouping resolve_grouping(const Edge& edge, std::int64_t from_parallelism, std::int64_t to_parallelism);

/// A chain is called after its first operator and the number that follow it: "dedupe+6".
std::string chain_name(const LogicalGraph& graph, const Chain& chain);

/// Tasks of all chains together.
std::uint64_t task_count(const ExecutionPlan& plan);

}  // namespace freshet::dag
