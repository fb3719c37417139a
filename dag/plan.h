#pragma once

#include <freshet/graph.h>

/// The execution plan: what the job manager makes of a logical graph, and every worker of an attempt receives. Plain
/// data.
namespace freshet::dag {

/// Operators fused into one task by direct calls. `operators` are indices into the graph, upstream first.
struct Chain {
  std::uint32_t id = 0;  ///< its index in ExecutionPlan::chains
  std::vector<std::uint32_t> operators{};
  std::uint32_t parallelism = 1;
  bool own_thread = false;
  bool operator==(const Chain&) const = default;
  FRESHET_RECORD(id, operators, parallelism, own_thread)
};

/// A logical edge that crosses tasks; those inside a chain are calls and do not appear.
struct PlanEdge {
  std::uint32_t id = 0;            ///< its index in ExecutionPlan::edges; the `edge` of channel ids
  std::uint32_t logical_edge = 0;  ///< index into LogicalGraph::edges
  std::uint32_t from_chain = 0;
  std::uint32_t to_chain = 0;
  Grouping grouping = Grouping::shuffle;  ///< resolved: never `rebalance` or `none`
  bool operator==(const PlanEdge&) const = default;
  FRESHET_RECORD(id, logical_edge, from_chain, to_chain, grouping)
};

/// Where one task of a chain runs.
struct Placement {
  std::uint32_t chain = 0;
  std::uint32_t index = 0;
  std::uint32_t worker = 0;  ///< index into ExecutionPlan::workers
  bool operator==(const Placement&) const = default;
  FRESHET_RECORD(chain, index, worker)
};

struct PlannedWorker {
  std::uint32_t id = 0;
  std::string agent{};
  bool operator==(const PlannedWorker&) const = default;
  FRESHET_RECORD(id, agent)
};

struct ExecutionPlan {
  std::uint64_t fingerprint = 0;  ///< of the graph and what it was built from; see fingerprint.h
  std::uint32_t key_groups = 128;
  std::vector<Chain> chains{};
  std::vector<PlanEdge> edges{};
  std::vector<PlannedWorker> workers{};  ///< empty until placed
  std::vector<Placement> tasks{};        ///< empty until placed; by chain, then index
  bool operator==(const ExecutionPlan&) const = default;
  FRESHET_RECORD(fingerprint, key_groups, chains, edges, workers, tasks)
};

}  // namespace freshet::dag
