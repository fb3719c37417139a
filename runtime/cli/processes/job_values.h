#pragma once

#include <map>
#include <string>
#include <vector>

#include "dag/validator.h"
#include "runtime/cli/verb.h"

/// What a job is built from, as the words of a command line gave it.
namespace freshet::cli {

/// The KEY=VALUE words of a repeated flag, in their order.
std::vector<dag::GivenValue> given_values(const Invocation& invocation, const char* flag);

/// --param and --file as the build function sees them; paths are absolute.
std::map<std::string, std::string> job_values(const Invocation& invocation);

}  // namespace freshet::cli
