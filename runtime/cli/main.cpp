#include "runtime/cli/processes/processes.h"

int main(int argc, char** argv) {
  freshet::cli::Roles roles;
  roles.run = freshet::cli::run_job;
  roles.job_manager = freshet::cli::run_job_manager_verb;
  roles.agent = freshet::cli::run_agent_verb;
  roles.worker = freshet::cli::run_worker_verb;
  roles.inspect_library = freshet::cli::inspect_library_verb;
  return freshet::cli::main_with(roles, argc, argv);
}
