#pragma once

#include <nlohmann/json_fwd.hpp>

#include "runtime/cli/result.h"

namespace freshet::cli {

/// What an answer that is not 2xx means to the user: `{"error": {"code", "message", "problems", "near"}}` with its exit
/// code. A body of another form falls back on the HTTP status. Pure.
Failure failure_of(int status, const nlohmann::json& body);

}  // namespace freshet::cli
