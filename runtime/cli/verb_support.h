#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/manager_client.h"
#include "runtime/cli/result.h"
#include "runtime/cli/verb.h"

/// What most handlers do at their beginning and end.
namespace freshet::cli {

/// The failure on stderr, its code as the answer.
ExitCode report(const Surroundings& around, const Failure& failure);

/// A result on stdout, unless --quiet.
void print(const Invocation& invocation, const std::string& text);

/// One JSON object on stdout, --quiet or not: whoever asks for --json wants it. Adds "version": 1 where it is missing.
void print_json(const Invocation& invocation, nlohmann::json body);

/// The client for --manager, FRESHET_MANAGER, the config file or the default, with --timeout and --show-request.
Result<ManagerClient> connect(const Invocation& invocation);

/// As typed on a shell's command line: in single quotes where it must be.
std::string shell_word(const std::string& text);

/// Every line of `text` behind `indent`, with its newline.
std::string indented(const std::string& text, const std::string& indent);

/// "/v1/jobs/" + the encoded job
std::string job_path(const std::string& job);

/// Finished, Stopped, Cancelled, Failed: nothing happens to the job any more by itself.
bool is_over(const std::string& state);

}  // namespace freshet::cli
