#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "runtime/base/file.h"
#include "runtime/cli/cluster.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/manager_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kProbeTimeoutMs = 2'000;
constexpr std::size_t kShownLogLines = 8;

/// One `cluster start`: what is to run, what runs already, what this call has started.
class ClusterStart {
 public:
  ClusterStart(const Invocation& invocation, std::string data)
      : invocation_(invocation), around_(invocation.around), data_(std::move(data)), port_(FLAGS_port) {
    if (!FLAGS_checkpoint_storage.empty()) storage_ = base::absolute_path(FLAGS_checkpoint_storage);
  }

  ExitCode run() {
    begin_ms_ = around_.steady_ms();
    auto lock = ClusterLock::take(data_);
    if (!lock) return report(around_, lock.failure());
    if (auto failure = start_missing()) return give_up(*failure);
    json cluster;
    if (auto failure = wait_until_ready(cluster)) return give_up(*failure);
    if (auto failure = other_storage(cluster)) return give_up(*failure);
    show(cluster);
    return ExitCode::kDone;
  }

 private:
  std::string agent_name(int number) const { return "local-" + std::to_string(number); }

  std::optional<Failure> start_missing() {
    const std::vector<ClusterDaemon> known = read_daemons(data_);
    const auto running = [&](const std::string& name) -> const ClusterDaemon* {
      const auto found =
          std::find_if(known.begin(), known.end(), [&](const ClusterDaemon& d) { return d.name == name && d.alive; });
      return found == known.end() ? nullptr : &*found;
    };
    if (const ClusterDaemon* manager = running(kManagerDaemon)) {
      if (invocation_.was_given("port") && manager->port != FLAGS_port) {
        return Failure{ExitCode::kBadState, "the cluster of " + data_ + " runs already, on port " +
                                                std::to_string(manager->port) + ". Stop it first: " + stop_command()};
      }
      port_ = manager->port;
      daemons_.push_back(*manager);
    } else if (auto failure = start_manager()) {
      return failure;
    }
    for (int number = 1; number <= FLAGS_agents; ++number) {
      const std::string name = agent_name(number);
      if (const ClusterDaemon* agent = running(name)) {
        daemons_.push_back(*agent);
      } else if (auto failure = start(name, 0,
                                      {"freshet", "agent", "--manager=127.0.0.1:" + std::to_string(control_port()),
                                       "--name=" + name, "--slots=" + std::to_string(FLAGS_slots),
                                       "--data=" + data_ + "/" + name, "--orphan-after=" + FLAGS_orphan_after,
                                       "--reads-per-second=" + std::to_string(FLAGS_reads_per_second)})) {
        return failure;
      }
    }
    return std::nullopt;
  }

  std::optional<Failure> start_manager() {
    auto probe = client(kProbeTimeoutMs).get("/healthz");
    if (probe || probe.failure().code != ExitCode::kUnreachable) {
      return Failure{ExitCode::kBadState, "port " + std::to_string(port_) +
                                              " is served by another process already, which is not the cluster of " +
                                              data_ + ". Choose another: --port"};
    }
    std::vector<std::string> arguments = {"freshet", "job-manager", "--data=" + data_ + "/manager",
                                          "--port=" + std::to_string(port_),
                                          "--control-port=" + std::to_string(control_port())};
    if (!storage_.empty()) arguments.push_back("--checkpoint-storage=" + storage_);
    return start(kManagerDaemon, port_, std::move(arguments));
  }

  std::optional<Failure> start(const std::string& name, int port, std::vector<std::string> arguments) {
    auto daemon = start_daemon(data_, name, port, std::move(arguments), around_);
    if (!daemon) return daemon.failure();
    daemons_.push_back(*daemon);
    started_.push_back(*daemon);
    return std::nullopt;
  }

  int control_port() const { return FLAGS_control_port != 0 ? FLAGS_control_port : port_ + 1; }

  ManagerClient client(std::int64_t timeout_ms) const {
    ManagerClient::Options options;
    options.address.port = port_;
    options.timeout_ms = timeout_ms;
    options.token = around_.environment("FRESHET_TOKEN").value_or("");
    options.steady_ms = around_.steady_ms;
    return ManagerClient(options);
  }

  std::optional<Failure> ended_daemon() const {
    for (const ClusterDaemon& daemon : daemons_) {
      reap(daemon.process.pid);
      if (is_alive(daemon.process)) continue;
      return Failure{ExitCode::kFailed, daemon.name + " ended at once. The end of its log, " + data_ + "/" +
                                            daemon.name + ".log:\n" +
                                            indented(last_log_lines(data_, daemon.name, kShownLogLines), "  | ")};
    }
    return std::nullopt;
  }

  std::int64_t process_of(const std::string& name) const {
    const auto found = std::ranges::find(daemons_, name, &ClusterDaemon::name);
    return found == daemons_.end() ? 0 : found->process.pid;
  }

  bool all_agents_ready(const json& cluster) const {
    for (int number = 1; number <= FLAGS_agents; ++number) {
      const json& agents = list(cluster, "agents");
      const bool ready = std::any_of(agents.begin(), agents.end(), [&](const json& agent) {
        // One that was started anew is known by its process: the manager may not have missed the one before it.
        return text_or(agent, "id", "") == agent_name(number) && text_or(agent, "state", "") == "ready" &&
               integer_or(agent, "pid", 0) == process_of(agent_name(number));
      });
      if (!ready) return false;
    }
    return true;
  }

  std::optional<Failure> wait_until_ready(json& cluster) const {
    ManagerClient manager = client(kProbeTimeoutMs);
    bool healthy = false;
    const auto ready = [&]() -> Result<bool> {
      if (auto failure = ended_daemon()) return *failure;
      healthy = healthy || manager.get("/healthz").ok();
      if (!healthy) return false;
      auto response = manager.get("/v1/cluster");
      if (response) cluster = std::move(response->body);
      return response.ok() && all_agents_ready(cluster);
    };
    const auto waited = wait_until(around_, checked_duration_ms(FLAGS_timeout), ready);
    if (!waited) return waited.failure();
    if (*waited == Waited::kReached) return std::nullopt;
    if (*waited == Waited::kInterrupted) return Failure{ExitCode::kInterrupted, "interrupted"};
    return Failure{ExitCode::kTimeout,
                   std::string(healthy ? "the agents have not registered" : "the job manager does not answer") +
                       " within " + FLAGS_timeout + ". Logs: " + data_ + "/*.log. Longer: --timeout"};
  }

  /// A job manager that ran already has its checkpoints where it was told at its start.
  std::optional<Failure> other_storage(const json& cluster) const {
    const std::string in_use = text_or(member(cluster, "manager"), "checkpoints", "");
    if (storage_.empty() || in_use.empty() || in_use == storage_) return std::nullopt;
    return Failure{ExitCode::kBadState, "the cluster of " + data_ + " runs already, with its checkpoints in " + in_use +
                                            ". Stop it first: " + stop_command()};
  }

  /// Half a cluster helps nobody: what this call has started goes away again; what ran before stays.
  ExitCode give_up(Failure failure) const {
    for (const ClusterDaemon& daemon : started_) {
      stop_process(daemon.process, checked_duration_ms(FLAGS_grace), around_);
      forget_daemon(data_, daemon.name);
    }
    while (failure.message.ends_with('\n')) failure.message.pop_back();
    if (!started_.empty()) failure.message += "\nwhat was started has been stopped again";
    return report(around_, failure);
  }

  std::string stop_command() const {
    return "freshet cluster stop" + (FLAGS_data.empty() ? "" : " --data " + shell_word(data_));
  }

  void show(const json& cluster) const {
    const std::int64_t took_ms = around_.steady_ms() - begin_ms_;
    if (FLAGS_json) {
      json body = cluster;
      body["started"] = started_.size();
      print_json(invocation_, body);
      return;
    }
    std::string agents;
    for (const json& agent : list(cluster, "agents")) {
      agents += (agents.empty() ? "" : "   ") + text_or(agent, "id", "?") + ": " +
                std::to_string(integer_or(agent, "slots", 0)) + " slots";
    }
    if (started_.empty()) print(invocation_, "already running\n");
    print(invocation_, "job manager   127.0.0.1:" + std::to_string(port_) + " (REST, loopback only)    pid " +
                           std::to_string(daemons_.front().process.pid) + "   " +
                           below_home(data_ + "/manager", around_.environment) + "\n");
    const std::string checkpoints = text_or(member(cluster, "manager"), "checkpoints", "");
    if (!checkpoints.empty() && !checkpoints.starts_with(data_ + "/"))
      print(invocation_, "checkpoints   " + below_home(checkpoints, around_.environment) + "\n");
    print(invocation_, "agents        " + agents + "     " +
                           (started_.empty() ? "" : "up in " + latency(static_cast<double>(took_ms)) + "      ") +
                           "stop: " + stop_command() + "\n");
  }

  const Invocation& invocation_;
  const Surroundings& around_;
  const std::string data_;
  std::string storage_;  // absolute; empty: the job manager knows
  int port_;
  std::int64_t begin_ms_ = 0;
  std::vector<ClusterDaemon> daemons_;  // manager first
  std::vector<ClusterDaemon> started_;  // those of daemons_ that were not running before
};

ExitCode start_cluster(Invocation& invocation) {
  auto data = data_folder(FLAGS_data, invocation.around.environment);
  if (!data) return report(invocation.around, data.failure());
  return ClusterStart(invocation, *data).run();
}

}  // namespace

Verb cluster_start_verb() {
  Verb verb;
  verb.name = "cluster";
  verb.sub_verb = "start";
  verb.group = "cluster";
  verb.summary = "start a job manager and agents on this machine";
  verb.usage = "[--agents N] [--slots N] [--port P] [--data DIR] [--checkpoint-storage DIR] [--orphan-after TIME]";
  verb.help =
      "Starts the daemons, waits until all answer, and prints where they are. What runs already stays as it is, so "
      "the\n"
      "verb can be repeated. Jobs, checkpoints and logs are kept in the data folder and found again at the next "
      "start.\n"
      "With --checkpoint-storage, checkpoints are kept in another folder, on a shared disk perhaps, which no other\n"
      "cluster uses; the next start finds them there without the flag.\n"
      "Workers that hear nothing of a job manager for --orphan-after end by themselves.\n"
      "Undo: freshet cluster stop";
  verb.examples = {"freshet cluster start", "freshet cluster start --agents 2 --slots 4",
                   "freshet cluster start --port 8070 --data /tmp/try",
                   "freshet cluster start --checkpoint-storage /mnt/shared/freshet"};
  verb.flags = {
      {.name = "agents", .form = ValueForm::kInteger, .value_name = "N", .least = 0, .most = kMaxLocalAgents},
      {.name = "slots", .form = ValueForm::kInteger, .value_name = "N", .least = 1, .most = 4096},
      {.name = "port", .form = ValueForm::kInteger, .value_name = "P", .least = 1, .most = 65534},
      {.name = "control-port", .form = ValueForm::kInteger, .value_name = "P", .least = 1, .most = 65535},
      {.name = "data", .value_name = "DIR"},
      {.name = "checkpoint-storage", .value_name = "DIR"},
      {.name = "timeout", .form = ValueForm::kDuration, .value_name = "TIME"},
      {.name = "grace", .form = ValueForm::kDuration, .value_name = "TIME"},
      {.name = "orphan-after", .form = ValueForm::kDuration, .value_name = "TIME"},
      {.name = "reads-per-second", .form = ValueForm::kInteger, .value_name = "N", .least = 0, .most = 1'000'000'000},
      {.name = "json", .form = ValueForm::kSwitch},
      {.name = "quiet", .form = ValueForm::kSwitch}};
  verb.handler = start_cluster;
  return verb;
}

}  // namespace freshet::cli
