#pragma once

#include <string>

#include "runtime/cli/verb.h"

namespace freshet::cli {

inline constexpr const char* kVersion = "0.1.0";

/// All verbs in their groups, one line each.
std::string help_on_everything(const VerbTable& table);
/// The lines of `freshet` alone.
std::string short_help(const VerbTable& table);
/// Usage, text, flags with their defaults, examples.
std::string help_on(const Verb& verb);
/// Of a noun: its sub-verbs, one line each.
std::string help_on_sub_verbs(const VerbTable& table, const std::string& name);

}  // namespace freshet::cli
