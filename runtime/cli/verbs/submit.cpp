#include <nlohmann/json.hpp>

#include <optional>

#include "dag/counted.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/graph_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/library.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/submission.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

std::string accepted_text(const json& answer, const LibraryFile& library) {
  std::string placed;
  for (const json& place : list(answer, "placed")) {
    const std::int64_t tasks = integer_or(place, "tasks", 0);
    placed += (placed.empty() ? "" : "   ") + text_or(place, "agent", "?") + ": " +
              dag::counted(static_cast<std::uint64_t>(tasks), "task");
  }
  const json& operators = member(answer, "operators");
  const std::int64_t count =
      operators.is_array() ? static_cast<std::int64_t>(operators.size()) : integer_or(answer, "operators", 0);
  return "validated   " + dag::counted(static_cast<std::uint64_t>(count), "operator") + ", " +
         dag::counted(static_cast<std::uint64_t>(integer_or(answer, "tasks", 0)), "task") +
         ", library sha256:" + library.sha256.substr(0, 4) + "…, revision " +
         std::to_string(integer_or(answer, "revision", 1)) + "\n" +
         (placed.empty() ? "" : "placed      " + placed + "\n");
}

std::string ways_on(const std::string& name) {
  return "watch: freshet status " + shell_word(name) + " --watch    undo: freshet cancel " + shell_word(name);
}

/// Waits until the job runs, or with --wait until it is over, and says so.
ExitCode follow(const Invocation& invocation, ManagerClient& client, const json& accepted) {
  const auto& around = invocation.around;
  const std::string name = text_or(accepted, "name", "");
  const std::string id = text_or(accepted, "id", name);
  PatientClient patient(client, around, true);
  json status = accepted;
  const auto look = [&]() -> Result<bool> {
    auto body = patient.get(job_path(id));
    if (!body) return body.failure();
    if (!*body) return false;
    status = std::move(**body);
    const std::string state = text_or(status, "state", "");
    return is_over(state) || (!FLAGS_wait && state == "Running");
  };
  const bool limited = !FLAGS_wait || invocation.was_given("timeout");
  const std::int64_t begin_ms = around.steady_ms();
  const auto waited = wait_until(around, limited ? checked_duration_ms(FLAGS_timeout) : kForever, look);
  if (!waited) return report(around, waited.failure());
  const std::string state = text_or(status, "state", "?");
  const std::string reason = text_or(status, "reason", "");
  if (*waited != Waited::kReached) {
    const ExitCode code = *waited == Waited::kTimedOut ? ExitCode::kTimeout : ExitCode::kInterrupted;
    return report(around, {code, name + " is submitted and still " + state + (reason.empty() ? "" : ": " + reason) +
                                     ". It goes on. Follow: freshet status " + shell_word(name) + " --watch"});
  }
  if (FLAGS_json) print_json(invocation, status);
  if (state == "Failed") {
    return report(around, {ExitCode::kJobFailed, name + " Failed" + (reason.empty() ? "" : ": " + reason) +
                                                     ". Look: freshet status " + shell_word(name)});
  }
  std::string head = state;
  head.resize(std::max<std::size_t>(12, head.size() + 2), ' ');
  std::string line = head + "after " + latency(static_cast<double>(around.steady_ms() - begin_ms));
  if (state == "Running") {
    line += "    " + ways_on(name);
  }
  if (!FLAGS_json) print(invocation, line + "\n");
  return ExitCode::kDone;
}

ExitCode submit_library(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string& path = invocation.arguments[0];
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(around, inspection.failure());
  if (const auto errors = errors_of(invocation, *inspection, path)) return report(around, *errors);
  say_warnings(invocation, *inspection);
  auto library = read_library(path);
  if (!library) return report(around, library.failure());
  auto request = make_request(invocation, *inspection, *library, options_of(invocation));
  if (!request) return report(around, request.failure());
  if (invocation.was_given("from")) (*request)["from"] = FLAGS_from;
  for (const std::string& name : invocation.values("drop-state")) (*request)["drop_state"].push_back(name);
  if (FLAGS_dry_run) {
    const json& graph = member(*inspection, "graph");
    if (FLAGS_json) {
      print_json(invocation, {{"request", *request}, {"plan", graph}});
    } else {
      print(invocation, graph_text(graph, around.terminal) + "valid; nothing was started. Run without --dry-run\n");
    }
    return ExitCode::kDone;
  }
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const auto accepted = send_submission(*client, *library, *request);
  if (!accepted) return report(around, accepted.failure());
  if (!FLAGS_json) print(invocation, accepted_text(accepted->body, *library));
  if (!FLAGS_detach) return follow(invocation, *client, accepted->body);
  if (FLAGS_json) {
    print_json(invocation, accepted->body);
  } else {
    print(invocation,
          text_or(accepted->body, "state", "Submitted") + "    " + ways_on(text_or(accepted->body, "name", "")) + "\n");
  }
  return ExitCode::kDone;
}

}  // namespace

Verb submit_verb() {
  Verb verb;
  verb.name = "submit";
  verb.group = "life";
  verb.summary = "start a job of a library on the cluster";
  verb.usage = "LIB [--name NAME] [--param KEY=VALUE]… [--file KEY=PATH]… [--parallelism N] [--detach|--wait]";
  verb.help =
      "Loads the library in a child process, validates the job, sends library and graph, and waits until it runs.\n"
      "--from begins with the state of another job's newest savepoint, or of savepoint N: two versions side by side.\n"
      "--wait waits until it is over (exit code 9 if it failed), --detach not at all. Undo: freshet cancel JOB.\n"
      "REST: PUT /v1/libraries/SHA256, POST /v1/jobs";
  verb.examples = {"freshet submit libshop.so --name shop --param input='in/*.csv' --param hot=20 --parallelism 4",
                   "freshet submit libshop.so --name shop --file catalog=catalog.csv --workers 4",
                   "freshet submit libshop.so --checkpoint-interval 1s --restart 'exponential 100ms 1min'",
                   "freshet submit libshop-13.so --name shop-next --from shop --param output=next",
                   "freshet submit libshop.so --dry-run"};
  verb.flags = joined({{{.name = "name", .value_name = "NAME"},
                        {.name = "from", .value_name = "JOB[@N]"},
                        {.name = "drop-state", .value_name = "OPERATOR", .repeated = true}},
                       library_flags(),
                       option_flags(),
                       {{.name = "dry-run", .form = ValueForm::kSwitch},
                        {.name = "detach", .form = ValueForm::kSwitch},
                        {.name = "wait", .form = ValueForm::kSwitch}},
                       manager_flags()});
  verb.positional = {"LIB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = submit_library;
  return verb;
}

}  // namespace freshet::cli
