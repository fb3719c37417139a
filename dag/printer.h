#pragma once

#include <string>

#include "dag/description.h"

/// A plan for people and for programs. All three forms end with a line break and show no parameter values.
namespace freshet::dag {

/// Chains with their operators and state tables, edges, sinks with what they guarantee, and the placement when there is
/// one.
std::string print_text(const PlanDescription& plan);
/// For Graphviz: a box per chain, an arrow per edge.
std::string print_dot(const PlanDescription& plan);
/// One object on one line; see description.h.
std::string print_json(const PlanDescription& plan);

}  // namespace freshet::dag
