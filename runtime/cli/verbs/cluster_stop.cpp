#include <nlohmann/json.hpp>

#include "runtime/cli/cluster.h"
#include "runtime/cli/cluster_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/manager_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

const char* word_of(StopOutcome outcome) {
  switch (outcome) {
    case StopOutcome::kWasNotRunning:
      return "was not running";
    case StopOutcome::kEnded:
      return "stopped";
    case StopOutcome::kKilled:
      return "killed after --grace";
    case StopOutcome::kInterrupted:
      return "was told to stop";
  }
  return "";
}

ExitCode stop_cluster(Invocation& invocation) {
  const auto& around = invocation.around;
  auto data = data_folder(FLAGS_data, around.environment);
  if (!data) return report(around, data.failure());
  auto lock = ClusterLock::take(*data);
  if (!lock) return report(around, lock.failure());
  json stopped = json::object();
  std::string line;
  // The job manager goes first: agents that leave while it watches would be losses to it, and it would act on them.
  for (const ClusterDaemon& daemon : read_daemons(*data)) {
    const StopOutcome outcome = stop_process(daemon.process, checked_duration_ms(FLAGS_grace), around);
    if (outcome == StopOutcome::kInterrupted) {
      return report(around, {ExitCode::kInterrupted,
                             daemon.name + " was told to stop, the rest was not. Again: freshet cluster stop"});
    }
    forget_daemon(*data, daemon.name);
    if (outcome == StopOutcome::kWasNotRunning) continue;
    stopped[daemon.name] = word_of(outcome);
    line += (line.empty() ? "" : "   ") + daemon.name + " " + word_of(outcome);
  }
  if (FLAGS_json) {
    print_json(invocation, {{"stopped", stopped}});
  } else if (line.empty()) {
    print(invocation, "not running\n");
  } else {
    print(invocation, line + "\njobs go on from their newest checkpoints with: freshet cluster start\n");
  }
  return ExitCode::kDone;
}

/// What the files say about the daemons, when the job manager itself says nothing.
std::string daemon_lines(const std::vector<ClusterDaemon>& daemons, const std::string& data) {
  std::string text;
  for (const ClusterDaemon& daemon : daemons) {
    text += "\n  " + daemon.name + "   " +
            (daemon.alive ? "runs, pid " + std::to_string(daemon.process.pid) : std::string("is gone")) + "   log " +
            data + "/" + daemon.name + ".log";
  }
  return text;
}

ExitCode show_cluster(Invocation& invocation) {
  const auto& around = invocation.around;
  const auto address = find_manager_address(FLAGS_manager, around.environment);
  if (!address) return report(around, address.failure());
  // Where nothing else was said, the local cluster is meant, which may have a port of its own.
  const bool local = address->source == "default" || invocation.was_given("data");
  const auto data = local ? data_folder(FLAGS_data, around.environment) : Result<std::string>(std::string());
  if (!data) return report(around, data.failure());
  const std::vector<ClusterDaemon> daemons = local ? read_daemons(*data) : std::vector<ClusterDaemon>();
  const bool manager_runs = !daemons.empty() && daemons.front().name == kManagerDaemon && daemons.front().alive;
  if (manager_runs && FLAGS_manager.empty()) FLAGS_manager = "127.0.0.1:" + std::to_string(daemons.front().port);
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto response = client->get("/v1/cluster");
  if (!response) {
    Failure failure = response.failure();
    if (failure.code == ExitCode::kUnreachable) failure.message += daemon_lines(daemons, *data);
    return report(around, failure);
  }
  if (FLAGS_json) {
    print_json(invocation, response->body);
  } else {
    print(invocation, cluster_text(response->body, around.terminal));
  }
  return ExitCode::kDone;
}

}  // namespace

Verb cluster_stop_verb() {
  Verb verb;
  verb.name = "cluster";
  verb.sub_verb = "stop";
  verb.group = "cluster";
  verb.summary = "stop what cluster start has started";
  verb.usage = "[--data DIR] [--grace TIME]";
  verb.help =
      "Asks job manager and agents to end (SIGTERM) and kills what has not ended after --grace. Only processes whose "
      "pid\n"
      "and start time are those that were written down are touched. Nothing in the data folder is removed.\n"
      "Undo: freshet cluster start";
  verb.examples = {"freshet cluster stop", "freshet cluster stop --grace 30s --data /tmp/try"};
  verb.flags = {{.name = "data", .value_name = "DIR"},
                {.name = "grace", .form = ValueForm::kDuration, .value_name = "TIME"},
                {.name = "json", .form = ValueForm::kSwitch},
                {.name = "quiet", .form = ValueForm::kSwitch}};
  verb.handler = stop_cluster;
  return verb;
}

Verb cluster_status_verb() {
  Verb verb;
  verb.name = "cluster";
  verb.sub_verb = "status";
  verb.group = "cluster";
  verb.summary = "job manager and agents, their slots and load";
  verb.usage = "[--manager HOST:PORT] [--data DIR] [--json]";
  verb.help =
      "Exit code 5 when the job manager does not answer; then it says which daemons are there.\nREST: GET /v1/cluster";
  verb.examples = {"freshet cluster status", "freshet cluster status --manager shop-1:7070 --json"};
  verb.flags = joined({{{.name = "data", .value_name = "DIR"}}, manager_flags()});
  verb.handler = show_cluster;
  return verb;
}

}  // namespace freshet::cli
