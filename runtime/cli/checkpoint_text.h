#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

#include "runtime/cli/terminal.h"

/// Checkpoints as text: from the JSON of the REST interface (README.md) to what an operator reads. Pure; a field that
/// is missing leaves its words out. `now_ms` is used where the answer carries no `now_ms` of its own.
namespace freshet::cli {

/// "savepoint 9", "final checkpoint 12"
std::string checkpoint_name(const nlohmann::json& line);

/// One line per checkpoint, newest first.
std::string checkpoint_list_text(const nlohmann::json& list, std::int64_t now_ms, const Terminal& terminal);

/// The line of one checkpoint without its table: "checkpoint 1739  FAILED   03:44:10, took 60 s   why".
std::string checkpoint_headline(const nlohmann::json& line, std::int64_t now_ms, const Terminal& terminal);

/// How it went, how far each chain is, what it holds, what to try.
std::string checkpoint_text(const nlohmann::json& checkpoint, std::int64_t now_ms, const Terminal& terminal);

/// What a verification found; `operation` is one that is done. `job` as it was typed, for the commands.
std::string verification_text(const nlohmann::json& operation, const std::string& job, std::int64_t took_ms,
                              const Terminal& terminal);

}  // namespace freshet::cli
