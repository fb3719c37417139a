#pragma once

#include "runtime/cli/roles.h"

/// The handlers behind the verbs that are whole processes; main() puts them into Roles.
namespace freshet::cli {

ExitCode run_job(Invocation& invocation);
/// What `run --in-process` does once the job was found to be valid.
ExitCode run_in_process(Invocation& invocation, const std::string& job_name);
ExitCode run_job_manager_verb(Invocation& invocation);
ExitCode run_agent_verb(Invocation& invocation);
ExitCode run_worker_verb(Invocation& invocation);
ExitCode inspect_library_verb(Invocation& invocation);

}  // namespace freshet::cli
