#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

#include "runtime/cli/terminal.h"

/// Jobs as text: from the JSON of the REST interface (README.md) to what an operator reads. Pure; a field that is
/// missing leaves its words out. `now_ms` is used where the answer carries no `now_ms` of its own.
namespace freshet::cli {

std::string list_text(const nlohmann::json& jobs, std::int64_t now_ms, const Terminal& terminal);

struct StatusTextOptions {
  std::int64_t now_ms = 0;
  bool every_operator = false;  // chained ones too
  Terminal terminal = {};
};

/// State, problems, numbers, operators: the block of `freshet status JOB`.
std::string status_text(const nlohmann::json& status, const StatusTextOptions& options);

/// Its first line only, without the newline.
std::string status_headline(const nlohmann::json& status, const StatusTextOptions& options);

/// "! SLOW_SINK   sink totals_redis, since 03:02:11" with cause, effect and what to try below.
std::string problem_text(const nlohmann::json& problem, const Terminal& terminal);

/// "dedupe+6" for a chain of seven that begins with dedupe.
std::string chain_name(const nlohmann::json& chain_operator);

/// "RUNNING" in the colour of the state.
std::string painted_state(const std::string& state, const Terminal& terminal);

}  // namespace freshet::cli
