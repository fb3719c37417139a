#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dag/plan.h"

/// A plan with names instead of indices: what the printers show. Its JSON form is the answer of `freshet plan --json`,
/// so fields are added, never renamed; a change of meaning raises `version`.
namespace freshet::dag {

struct StateDescription {
  std::string address{};  ///< OPERATOR.STATE
  std::string kind{};     ///< value, list or map
  std::string key{};      ///< schemas as text
  std::string map_key{};  ///< of a map
  std::string value{};
  std::int64_t ttl_ms = 0;  ///< 0: for ever
  bool queryable = false;
  bool operator==(const StateDescription&) const = default;
  FRESHET_RECORD(address, kind, key, map_key, value, ttl_ms, queryable)
};

struct OperatorDescription {
  std::string id{};
  OperatorKind kind{};
  std::string description{};
  std::string on_error{};  ///< "fail", "dead-letter"
  std::string emission{};
  std::string guarantee{};
  bool queryable = false;
  std::vector<StateDescription> states{};
  bool operator==(const OperatorDescription&) const = default;
  FRESHET_RECORD(id, kind, description, on_error, emission, guarantee, queryable, states)
};

struct ChainDescription {
  std::uint32_t id = 0;
  std::string name{};
  std::uint32_t parallelism = 1;
  bool own_thread = false;
  std::vector<OperatorDescription> operators{};
  bool operator==(const ChainDescription&) const = default;
  FRESHET_RECORD(id, name, parallelism, own_thread, operators)
};

struct EdgeDescription {
  std::string from{};
  std::string output{};  ///< of the sender; the main one is "out"
  std::string to{};
  std::uint32_t input = 0;     ///< of the receiver
  std::string grouping{};      ///< resolved: "fields(user)", "call" inside a chain
  std::uint64_t channels = 0;  ///< 0 inside a chain
  std::string record{};
  bool operator==(const EdgeDescription&) const = default;
  FRESHET_RECORD(from, output, to, input, grouping, channels, record)
};

struct WorkerDescription {
  std::uint32_t id = 0;
  std::string agent{};
  std::vector<std::string> tasks{};  ///< "dedupe+6[0]"
  bool operator==(const WorkerDescription&) const = default;
  FRESHET_RECORD(id, agent, tasks)
};

struct PlanDescription {
  std::uint32_t version = 1;
  std::string job{};
  std::string help{};
  std::string fingerprint{};  ///< sixteen hexadecimal digits
  std::uint32_t key_groups = 0;
  std::uint64_t tasks = 0;
  std::vector<ChainDescription> chains{};
  std::vector<EdgeDescription> edges{};      ///< every edge of the graph, in its order
  std::vector<WorkerDescription> workers{};  ///< empty until placed
  bool operator==(const PlanDescription&) const = default;
  FRESHET_RECORD(version, job, help, fingerprint, key_groups, tasks, chains, edges, workers)
};

/// `plan` must be one of `graph`; ends the process otherwise (check_plan in codec.h tells beforehand).
PlanDescription describe_plan(const LogicalGraph& graph, const ExecutionPlan& plan);

}  // namespace freshet::dag
