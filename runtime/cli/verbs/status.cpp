#include <nlohmann/json.hpp>

#include <algorithm>

#include "runtime/cli/flags.h"
#include "runtime/cli/job_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

StatusTextOptions text_options(const Invocation& invocation) {
  return {invocation.around.now_ms(), FLAGS_operators, invocation.around.terminal};
}

void show(const Invocation& invocation, const json& status) {
  if (FLAGS_json) {
    print_json(invocation, status);
  } else {
    print(invocation, status_text(status, text_options(invocation)));
  }
}

ExitCode code_of_end(const json& status) {
  return text_or(status, "state", "") == "Failed" ? ExitCode::kJobFailed : ExitCode::kDone;
}

/// What must change before a watch without a terminal prints another line.
std::string state_and_problems(const json& status) {
  std::string key = text_or(status, "state", "") + "/" + text_or(status, "health", "") + "/" +
                    std::to_string(integer_or(status, "attempt", 0));
  for (const json& problem : list(status, "problems")) key += "/" + text_or(problem, "kind", "");
  return key;
}

/// Prints the job again and again; on a terminal over itself, elsewhere when something has changed.
class Watch {
 public:
  explicit Watch(const Invocation& invocation) : invocation_(invocation) {}

  void look(const json& status) {
    if (invocation_.around.terminal.may_redraw() && !FLAGS_json) {
      const std::string text = status_text(status, text_options(invocation_));
      print(invocation_, invocation_.around.terminal.rewind(lines_) + text);
      lines_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
      return;
    }
    const std::string key = state_and_problems(status);
    if (key == last_) return;
    last_ = key;
    if (FLAGS_json) {
      print_json(invocation_, status);
    } else {
      print(invocation_, status_headline(status, text_options(invocation_)) + "\n");
    }
  }

 private:
  const Invocation& invocation_;
  std::string last_;
  std::size_t lines_ = 0;
};

ExitCode watch_job(Invocation& invocation, ManagerClient& client, const std::string& path) {
  Watch watch(invocation);
  const std::int64_t interval_ms = std::max<std::int64_t>(100, checked_duration_ms(FLAGS_interval));
  PatientClient patient(client, invocation.around, false);
  do {
    auto status = patient.get(path);
    if (!status) return report(invocation.around, status.failure());
    if (!*status) continue;
    watch.look(**status);
    if (is_over(text_or(**status, "state", ""))) return FLAGS_wait ? code_of_end(**status) : ExitCode::kDone;
  } while (invocation.around.pause(interval_ms));
  return ExitCode::kInterrupted;
}

ExitCode wait_for_end(Invocation& invocation, ManagerClient& client, const std::string& path) {
  PatientClient patient(client, invocation.around, false);
  json status;
  const auto look = [&]() -> Result<bool> {
    auto body = patient.get(path);
    if (!body) return body.failure();
    if (!*body) return false;
    status = std::move(**body);
    return is_over(text_or(status, "state", ""));
  };
  // Without --timeout a job may take as long as it takes.
  const std::int64_t limit_ms = invocation.was_given("timeout") ? checked_duration_ms(FLAGS_timeout) : kForever;
  const auto waited = wait_until(invocation.around, limit_ms, look);
  if (!waited) return report(invocation.around, waited.failure());
  if (*waited == Waited::kReached) {
    show(invocation, status);
    return code_of_end(status);
  }
  const bool late = *waited == Waited::kTimedOut;
  return report(invocation.around,
                {late ? ExitCode::kTimeout : ExitCode::kInterrupted,
                 invocation.arguments[0] + " is still " + text_or(status, "state", "?") +
                     " and goes on. Follow: freshet status " + shell_word(invocation.arguments[0]) + " --watch"});
}

ExitCode show_status(Invocation& invocation) {
  auto client = connect(invocation);
  if (!client) return report(invocation.around, client.failure());
  const std::string path = job_path(invocation.arguments[0]);
  if (FLAGS_watch) return watch_job(invocation, *client, path);
  if (FLAGS_wait) return wait_for_end(invocation, *client, path);
  auto response = client->get(path);
  if (!response) return report(invocation.around, response.failure());
  show(invocation, response->body);
  return ExitCode::kDone;
}

}  // namespace

Verb status_verb() {
  Verb verb;
  verb.name = "status";
  verb.group = "life";
  verb.summary = "state, problems and numbers of a job";
  verb.usage = "JOB [--watch] [--wait] [--operators] [--json]";
  verb.help =
      "Says the state, then the problems, worst first, each with cause, effect and what to try, then the numbers.\n"
      "A chain is named after its first operator and the number that follow it; --operators lists them all.\n"
      "--wait returns when the job is over, with exit code 9 if it failed; with --timeout it gives up earlier (6).\n"
      "REST: GET /v1/jobs/JOB";
  verb.examples = {"freshet status shop", "freshet status shop --watch --interval 2s",
                   "freshet status shop --operators", "freshet status shop --wait --timeout 5min"};
  verb.flags = joined({{{.name = "watch", .form = ValueForm::kSwitch},
                        {.name = "interval", .form = ValueForm::kDuration, .value_name = "TIME"},
                        {.name = "wait", .form = ValueForm::kSwitch},
                        {.name = "operators", .form = ValueForm::kSwitch}},
                       manager_flags()});
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = show_status;
  return verb;
}

}  // namespace freshet::cli
