#pragma once

#include <nlohmann/json.hpp>

#include "runtime/cli/library.h"
#include "runtime/cli/manager_client.h"

/// What `submit` and `run` send: a library and the job of it that is to run. See README.md, "REST".
namespace freshet::cli {

/// The options of POST /v1/jobs: only what was given, the job's own code decides the rest.
nlohmann::json options_of(const Invocation& invocation);

/// The body of POST /v1/jobs, from what the inspection found and the flags say.
Result<nlohmann::json> make_request(const Invocation& invocation, const nlohmann::json& inspection,
                                    const LibraryFile& library, nlohmann::json options);

/// The revision that a job runs as.
Result<nlohmann::json> current_revision(ManagerClient& client, const std::string& job);
/// Parameters and parallelism that are not given stay what they are in the revision. Secrets are not shown, so they are
/// to be given.
void take_over(Invocation& invocation, const nlohmann::json& revision);

/// Stores the library, unless the job manager has it.
Result<bool> store_library(ManagerClient& client, const LibraryFile& library);

/// Stores the library and submits.
Result<Response> send_submission(ManagerClient& client, const LibraryFile& library, const nlohmann::json& request);

}  // namespace freshet::cli
