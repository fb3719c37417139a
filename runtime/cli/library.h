#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/child_output.h"
#include "runtime/cli/result.h"
#include "runtime/cli/verb.h"

namespace freshet::cli {

/// Job libraries as the command line sees them: a file, and what a child process says about it. User code never runs in
/// the process that talks to the user: it may crash, print, or never return.

/// Larger libraries are refused before they are read: they are held in memory once while they are sent.
inline constexpr std::size_t kMaxLibraryBytes = std::size_t{512} << 20;

struct LibraryFile {
  std::string name;  // the file's name without folders
  std::string bytes;
  std::string sha256;  // of the bytes, in hexadecimal
};

/// kNotFound when there is no such file, kRefused when it is too large.
Result<LibraryFile> read_library(const std::string& path);

/// Asks a child process (`freshet inspect-library LIB …`, with --job, --param and --file of this invocation) to load
/// the library and to say what is in it; README.md, "inspect-library", has the object. A crash, a time-out, too much
/// output, garbage and a failing exit code are told apart; what the child wrote to stderr stands indented below.
Result<nlohmann::json> inspect_library(const Invocation& invocation, const std::string& path);

/// The same for verbs that need one job: kUsage when the library has several and --job does not say which.
Result<nlohmann::json> inspect_chosen_job(const Invocation& invocation, const std::string& path);

/// What the child's end means. Pure.
Result<nlohmann::json> understand_inspection(const ChildOutput& child, const ChildLimits& limits,
                                             const std::string& path);

/// The `errors` of an inspection as a refusal, all at once; nothing when there are none. kNotFound when all there is to
/// complain about is that attached files are missing, else kRefused.
std::optional<Failure> errors_of(const Invocation& invocation, const nlohmann::json& inspection,
                                 const std::string& path);

/// What the inspection warns of, on stderr, unless --quiet or --json.
void say_warnings(const Invocation& invocation, const nlohmann::json& inspection);

/// Whether the argument of a verb that takes LIB|JOB means a file.
bool looks_like_file(const std::string& argument);

}  // namespace freshet::cli
