#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/terminal.h"

namespace freshet::cli {

/// "03:07:12.020 w3 a1 warn  category  text" of one line of GET /v1/jobs/JOB/logs. Pure.
std::string log_line_text(const nlohmann::json& line, const Terminal& terminal);

/// `text` with control characters made visible: what user code logs must not be able to steer the terminal.
std::string printable(const std::string& text);

}  // namespace freshet::cli
