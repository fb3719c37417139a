#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

#include "runtime/cli/terminal.h"

namespace freshet::cli {

/// "03:07:12.020 w3 a1 warn  category  text" of one line of GET /v1/jobs/JOB/logs. Pure.
std::string log_line_text(const nlohmann::json& line, const Terminal& terminal);

/// "03:07:12  Recovering: worker 1 on a crashed" of one event of GET /v1/jobs/JOB/events; with its date when it is a
/// day old. Pure.
std::string event_text(const nlohmann::json& event, std::int64_t now_ms, const Terminal& terminal);

/// `text` with control characters made visible: what user code logs must not be able to steer the terminal.
std::string printable(const std::string& text);

}  // namespace freshet::cli
