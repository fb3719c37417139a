#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/terminal.h"

namespace freshet::cli {

/// The job manager's line and one row per agent, from GET /v1/cluster. Pure.
std::string cluster_text(const nlohmann::json& cluster, const Terminal& terminal);

}  // namespace freshet::cli
