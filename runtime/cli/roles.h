#pragma once

#include <span>
#include <string>

#include "runtime/cli/surroundings.h"
#include "runtime/cli/verb.h"

namespace freshet::cli {

/// The verbs that are more than a REST call, filled in by main.cpp from the composition roots of the processes, and by
/// tests with fakes. A verb whose handler is empty does not exist in this executable: it is unknown, not pretended.
///
/// A handler runs on the main thread, finds its arguments in the Invocation and its flags in FLAGS_… (flags.h), writes
/// to invocation.around.out / err, and its answer becomes the exit code of the process.
struct Roles {
  /// `run LIB|DAG`: the whole engine for one job. Flags: library_flags(), option_flags(), --name --in-process --keep
  /// --data --json --quiet. kJobFailed when the job failed, kInterrupted after Ctrl-C stopped it cleanly.
  Handler run;
  /// `job-manager`: serves REST on --bind:--port and control on --control-port (0: REST port + 1), state in --data.
  /// Runs until SIGTERM. Flags: --data --checkpoint-storage --bind --port --control-port --log-level.
  Handler job_manager;
  /// `agent`: registers as --name at --manager (control address HOST:PORT) with --slots, state in --data.
  /// Runs until SIGTERM. Flags: --manager --name --slots --data --bind --log-level.
  Handler agent;
  /// `worker`: started by an agent, never by hand. Flags: --agent --job --attempt --worker --data --log-level.
  Handler worker;
  /// Hidden `inspect-library LIB [--job NAME] [--param K=V]… [--file K=PATH]…`: loads user code and writes one JSON
  /// object (README.md, "inspect-library") to stdout. User code may print, too: the handler moves descriptor 1 to 2
  /// before it loads the library and writes its answer to the descriptor it has kept.
  /// kDone whenever the object was written, errors of the job included.
  Handler inspect_library;
};

/// The table of all verbs, those of `roles` included.
VerbTable make_verbs(const Roles& roles);

/// Parses and runs one command line (`arguments` without the program's name).
ExitCode main_with(const Roles& roles, std::span<const std::string> arguments, Surroundings& around);

/// What main() calls: int main(int argc, char** argv) { return freshet::cli::main_with(roles, argc, argv); }
int main_with(const Roles& roles, int argc, char** argv);

}  // namespace freshet::cli
