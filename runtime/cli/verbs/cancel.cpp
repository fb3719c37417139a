#include <nlohmann/json.hpp>

#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

ExitCode say_end(Invocation& invocation, const json& status, std::int64_t took_ms) {
  if (FLAGS_json) {
    print_json(invocation, status);
  } else {
    const std::string& job = invocation.arguments[0];
    print(invocation, text_or(status, "state", "?") + "   after " + latency(static_cast<double>(took_ms)) +
                          "    checkpoints and dead letters are kept    undo: freshet submit LIB --name " +
                          shell_word(text_or(status, "name", job)) + " (starts anew)\n");
  }
  return text_or(status, "state", "") == "Failed" ? ExitCode::kFailed : ExitCode::kDone;
}

ExitCode cancel_job(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const std::string& job = invocation.arguments[0];
  const std::int64_t begin_ms = around.steady_ms();
  auto accepted = client->post(job_path(job) + "/actions", {{"action", "cancel"}});
  if (!accepted) return report(around, accepted.failure());
  const std::string follow = "Follow: freshet status " + shell_word(job) + " --watch";
  if (FLAGS_detach) {
    if (FLAGS_json) {
      print_json(invocation, accepted->body);
    } else {
      print(invocation, "Cancelling    " + follow + "\n");
    }
    return ExitCode::kDone;
  }
  PatientClient patient(*client, around, true);
  json status;
  const auto look = [&]() -> Result<bool> {
    auto body = patient.get(job_path(job));
    if (!body) return body.failure();
    if (!*body) return false;
    status = std::move(**body);
    return is_over(text_or(status, "state", ""));
  };
  const auto waited = wait_until(around, checked_duration_ms(FLAGS_timeout), look);
  if (!waited) return report(around, waited.failure());
  if (*waited == Waited::kReached) return say_end(invocation, status, around.steady_ms() - begin_ms);
  const ExitCode code = *waited == Waited::kTimedOut ? ExitCode::kTimeout : ExitCode::kInterrupted;
  return report(around,
                {code, job + " is still " + text_or(status, "state", "?") + "; the cancellation goes on. " + follow});
}

}  // namespace

Verb cancel_verb() {
  Verb verb;
  verb.name = "cancel";
  verb.group = "life";
  verb.summary = "end a job at once, without a savepoint";
  verb.usage = "JOB [--detach] [--timeout TIME]";
  verb.help =
      "Ends the job where it stands and waits until it is over. Its checkpoints and dead letters are kept.\n"
      "Ctrl-C only stops waiting; the job is cancelled all the same.\n"
      "REST: POST /v1/jobs/JOB/actions {\"action\":\"cancel\"}";
  verb.examples = {"freshet cancel shop", "freshet cancel shop --detach", "freshet cancel shop --timeout 2min"};
  verb.flags = joined({{{.name = "detach", .form = ValueForm::kSwitch}}, manager_flags()});
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = cancel_job;
  return verb;
}

}  // namespace freshet::cli
