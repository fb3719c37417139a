#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/terminal.h"

/// What the job manager counted on each edge, as text: from the JSON of the REST interface (README.md). Pure.
namespace freshet::cli {

/// One line per edge, and whether all balance.
std::string audit_text(const nlohmann::json& audit, const Terminal& terminal);

/// "14 edges balance"; empty: no checkpoint is complete, or the job has one task chain only.
std::string audit_summary(const nlohmann::json& audit);

/// Every record that was sent is accounted for.
bool is_balanced(const nlohmann::json& audit);

}  // namespace freshet::cli
