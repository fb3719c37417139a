#pragma once

#include <string>
#include <vector>

#include "dag/graph_view.h"
#include "dag/validator.h"

/// The validator's parts, by what they look at. Each appends what it finds.
namespace freshet::dag {

using Problems = std::vector<Problem>;

/// "must be 1 to 128 (128 key groups; fixed when the job first starts, --key-groups)"; empty when it is in range.
std::string parallelism_problem(std::int64_t parallelism, bool keyed, std::uint32_t key_groups);

void check_operators(const GraphView& view, const ValidationOptions& options, Problems& problems);
void check_cycles(const GraphView& view, Problems& problems);
void check_edges(const GraphView& view, Problems& problems);
void check_keys(const GraphView& view, Problems& problems);
void check_equal_parallelism(const GraphView& view, const ValidationOptions& options, Problems& problems);
void check_parameters(const LogicalGraph& graph, const ValidationOptions& options, Problems& problems);

}  // namespace freshet::dag
