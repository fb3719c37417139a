#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/cli/result.h"
#include "runtime/cli/verb.h"

namespace freshet::cli {

/// What a command line asks for.
struct CommandLine {
  const Verb* verb = nullptr;  // null: help on everything (or on `help_on`)
  bool wants_help = false;
  bool wants_version = false;
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> repeated;
  std::vector<std::string> given;
};

/// Walks the arguments (without the program's name) itself, because gflags would let the last `--param` win, take flags
/// of any verb, move arguments behind `--` and know no aliases. Values are checked for their form and then stored in
/// the gflags of the same names. A failure (kUsage) names what is wrong, what was expected, and the usage of the verb.
Result<CommandLine> parse_command_line(const VerbTable& table, std::span<const std::string> arguments);

/// "usage: freshet list [--json]"
std::string usage_line(const Verb& verb);

}  // namespace freshet::cli
