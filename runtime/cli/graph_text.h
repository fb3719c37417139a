#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/terminal.h"

/// A library's graph and jobs as text, from the JSON of inspect-library (README.md). Pure.
namespace freshet::cli {

/// One row per operator with its kind, tasks and inputs; then what each sink guarantees.
std::string graph_text(const nlohmann::json& graph, const Terminal& terminal);

/// For Graphviz.
std::string graph_dot(const nlohmann::json& graph, const std::string& name);

/// Jobs of a library with their parameters; defaults of secrets print as ****.
std::string jobs_text(const nlohmann::json& inspection, const std::string& path, const Terminal& terminal);

}  // namespace freshet::cli
