#pragma once

#include "runtime/cli/manager_client.h"
#include "runtime/cli/verb.h"

namespace freshet::cli {

/// A client of an agent that serves queryable state: of --reads, or one that the job manager names, or, when that is
/// away, one whose data folder is on this machine. Answers the first that is alive.
Result<ManagerClient> connect_reads(const Invocation& invocation);

}  // namespace freshet::cli
