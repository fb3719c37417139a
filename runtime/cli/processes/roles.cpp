#include <charconv>
#include <filesystem>

#include "runtime/agent/agent_process.h"
#include "runtime/cli/cluster.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/processes/processes.h"
#include "runtime/cli/verb_support.h"
#include "runtime/job_manager/manager_process.h"
#include "runtime/worker/worker_process.h"

namespace freshet::cli {
namespace {

namespace fs = std::filesystem;

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

Result<std::uint64_t> number_of(const std::string& flag, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return Failure{ExitCode::kUsage, "--" + flag + " " + text + ": not a number"};
  return value;
}

}  // namespace

ExitCode run_job_manager_verb(Invocation& invocation) {
  const auto& around = invocation.around;
  auto folder = data_folder(FLAGS_data, around.environment);
  if (!folder) return report(around, folder.failure());
  if (!is_loopback(FLAGS_bind))
    return report(around,
                  {ExitCode::kForbidden, "--bind " + FLAGS_bind +
                                             ": only loopback addresses: whoever reaches the job manager can run "
                                             "code, and it has no authentication yet. Use a tunnel"});
  manager::ManagerProcessOptions options;
  options.data = invocation.was_given("data") ? *folder : *folder + "/manager";
  options.agents_data = fs::absolute(options.data).parent_path().string();
  options.checkpoints = FLAGS_checkpoint_storage;
  options.bind = FLAGS_bind;
  options.port = FLAGS_port;
  options.control_port = invocation.was_given("control-port") ? FLAGS_control_port
                         : FLAGS_port == 0                    ? 0
                                                              : FLAGS_port + 1;
  return manager::run_job_manager(options, FLAGS_log_level) == 0 ? ExitCode::kDone : ExitCode::kFailed;
}

ExitCode run_agent_verb(Invocation& invocation) {
  const auto& around = invocation.around;
  if (FLAGS_manager.empty())
    return report(around, {ExitCode::kUsage,
                           "--manager is missing: the control address of the job manager, such as "
                           "127.0.0.1:7071"});
  if (!is_loopback(FLAGS_bind))
    return report(around, {ExitCode::kForbidden,
                           "--bind " + FLAGS_bind +
                               ": only loopback addresses: whoever reaches the agent can read the state of all jobs, "
                               "and it has no authentication yet. Use a tunnel"});
  agent::AgentProcessOptions options;
  options.bind = FLAGS_bind;
  options.read_port = FLAGS_read_port;
  options.reads_per_second = FLAGS_reads_per_second;
  options.name = FLAGS_name.empty() ? "local-1" : FLAGS_name;
  auto folder = data_folder(FLAGS_data, around.environment);
  if (!folder) return report(around, folder.failure());
  options.data = fs::absolute(invocation.was_given("data") ? *folder : *folder + "/" + options.name).string();
  options.manager = FLAGS_manager;
  options.slots = static_cast<std::uint32_t>(FLAGS_slots);
  options.orphan_after = Duration(checked_duration_ms(FLAGS_orphan_after));
  return agent::run_agent(options, FLAGS_log_level) == 0 ? ExitCode::kDone : ExitCode::kFailed;
}

ExitCode run_worker_verb(Invocation& invocation) {
  const auto& around = invocation.around;
  const auto job = number_of("job", FLAGS_job);
  if (!job) return report(around, job.failure());
  const auto id = number_of("worker", FLAGS_worker);
  if (!id) return report(around, id.failure());
  for (const char* flag : {"manager", "library", "data"}) {
    if (!invocation.was_given(flag))
      return report(around, {ExitCode::kUsage, std::string("--") + flag + " is missing"});
  }
  worker::WorkerProcessOptions options;
  options.job_name = FLAGS_job_name;
  options.reads_per_second = FLAGS_reads_per_second;
  options.key = {{*job}, {static_cast<std::uint32_t>(FLAGS_attempt)}, {static_cast<std::uint32_t>(*id)}};
  options.manager = FLAGS_manager;
  options.library = FLAGS_library;
  options.data = FLAGS_data;
  options.crash_file = FLAGS_crash_file;
  options.log_level = FLAGS_log_level;
  options.orphan_after = Duration(checked_duration_ms(FLAGS_orphan_after));
  return worker::run_worker(options) == 0 ? ExitCode::kDone : ExitCode::kFailed;
}

}  // namespace freshet::cli
