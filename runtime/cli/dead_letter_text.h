#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/terminal.h"

/// Answers about dead letters as people read them.
namespace freshet::cli {

/// A line for each operator and reason, then one for each letter that the answer shows. `job`: as the job manager
/// describes it, or null.
std::string dead_letters_text(const nlohmann::json& answer, const nlohmann::json& job, const Terminal& terminal);

/// One letter. `record`: its JSON, with fields in their order.
std::string dead_letter_text(const nlohmann::json& letter, const std::string& record);

/// "316 records would go to category again; 21 are older than the watermark …".
std::string replay_preview(const nlohmann::json& answer, bool replays);

}  // namespace freshet::cli
