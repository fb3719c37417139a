#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/cli/change_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/library.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/submission.h"
#include "runtime/cli/table.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

/// The verbs that change a job: each asks for an action, waits until the job says that it is done, and says how to undo
/// it.
namespace freshet::cli {
namespace {

using nlohmann::json;

using Judge = std::function<Outcome(const json& status)>;

std::string follow_with(const std::string& job) { return "Follow: freshet status " + shell_word(job) + " --watch"; }

/// Sends the action and waits for its outcome.
ExitCode act(Invocation& invocation, const json& body, const Judge& judge) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const std::string& job = invocation.arguments[0];
  const std::string action = text_or(body, "action", "?");
  auto accepted = client->post(job_path(job) + "/actions", body);
  if (!accepted) return report(around, accepted.failure());
  // By its id: under the name there may be another job, once this one is over.
  const std::string id = text_or(accepted->body, "job", job);
  if (FLAGS_detach) {
    if (FLAGS_json)
      print_json(invocation, accepted->body);
    else
      print(invocation, action + " has begun    " + follow_with(job) + "\n");
    return ExitCode::kDone;
  }
  PatientClient patient(*client, around, true);
  json status;
  Outcome outcome;
  bool has_said = false;
  const auto look = [&]() -> Result<bool> {
    auto answer = patient.get(job_path(id));
    if (!answer) return answer.failure();
    if (!*answer) return false;
    status = std::move(**answer);
    outcome = judge(status);
    if (!FLAGS_json && !outcome.progress.empty() && !std::exchange(has_said, true)) print(invocation, outcome.progress);
    return outcome.is_over;
  };
  const auto waited =
      wait_until(around, checked_duration_ms(FLAGS_timeout) + integer_or(body, "watch_for_ms", 0), look);
  if (!waited) return report(around, waited.failure());
  if (*waited != Waited::kReached) {
    const ExitCode code = *waited == Waited::kTimedOut ? ExitCode::kTimeout : ExitCode::kInterrupted;
    return report(around, {code, job + " is still " + text_or(status, "state", "?") + "; the " + action + " goes on. " +
                                     follow_with(job)});
  }
  if (FLAGS_json) print_json(invocation, status);
  if (!outcome.is_known) return report(around, {ExitCode::kFailed, action + ": " + outcome.text});
  if (!outcome.is_good)
    return report(around, {ExitCode::kFailed, action + " failed: " + outcome.text + ". The job is " +
                                                  text_or(status, "state", "?") + ", revision " +
                                                  std::to_string(integer_or(status, "revision", 1))});
  if (!FLAGS_json) print(invocation, outcome.text + "\n");
  return ExitCode::kDone;
}

Judge reaches(const std::string& state, const std::string& behind) {
  return [state, behind](const json& status) {
    Outcome outcome;
    const std::string now = text_or(status, "state", "");
    outcome.is_over = now == state || is_over(now);
    outcome.is_good = now == state;
    outcome.text = outcome.is_good ? now + "    " + behind : text_or(status, "reason", "the job is " + now);
    return outcome;
  };
}

ExitCode stop_job(Invocation& invocation) {
  const std::string& job = invocation.arguments[0];
  return act(invocation, {{"action", "stop"}}, [&](const json& status) { return judge_stop(job, status); });
}

ExitCode restart_job(Invocation& invocation) {
  const std::string& job = invocation.arguments[0];
  const std::string undo = "freshet stop " + shell_word(job);
  ChangeJudge judge(job, undo);
  json body = {{"action", "restart"}};
  if (FLAGS_allow_duplicates) body["allow_duplicates"] = true;
  return act(invocation, body, [&](const json& status) {
    // A job that was over has no change: it is to run again.
    if (member(status, "change").is_object()) return judge.look(status);
    return reaches("Running",
                   "attempt " + std::to_string(integer_or(status, "attempt", 0)) + "\nundo: " + undo)(status);
  });
}

ExitCode pause_job(Invocation& invocation) {
  const std::string& job = invocation.arguments[0];
  return act(invocation, {{"action", "pause"}},
             reaches("Paused", "no source reads; state is kept\nundo: freshet resume " + shell_word(job)));
}

ExitCode resume_job(Invocation& invocation) {
  const std::string& job = invocation.arguments[0];
  return act(invocation, {{"action", "resume"}}, [&](const json& status) {
    // It was Running as soon as the job manager had said yes.
    if (const std::string now = text_or(status, "state", ""); now == "Pausing" || now == "Paused") {
      Outcome again;
      again.is_over = true;
      again.is_good = false;
      again.text = "it paused again at once: " + text_or(status, "reason", "nobody knows why");
      return again;
    }
    const auto held = number_of(status, "held_ms");
    return reaches("Running", (held ? "stood still " + duration(*held) : "sources read again") +
                                  "\nundo: freshet pause " + shell_word(job))(status);
  });
}

ExitCode delete_job(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string& job = invocation.arguments[0];
  if (!FLAGS_yes)
    return report(around, {ExitCode::kUsage,
                           "deleting " + job + " removes its checkpoints and savepoints for good. Say so with --yes"});
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto deleted = client->remove(job_path(job));
  if (!deleted) return report(around, deleted.failure());
  if (FLAGS_json)
    print_json(invocation, deleted->body);
  else
    print(invocation, "deleted " + job + ", its checkpoints and savepoints    this cannot be undone\n");
  return ExitCode::kDone;
}

/// An action that ends with the job running, and is watched from then on when that is asked for.
ExitCode change_job(Invocation& invocation, json body, const std::string& undo) {
  const std::string& job = invocation.arguments[0];
  json before;
  if (invocation.was_given("watch-for")) {
    body["watch_for_ms"] = checked_duration_ms(FLAGS_watch_for);
    auto client = connect(invocation);
    if (!client) return report(invocation.around, client.failure());
    auto status = client->get(job_path(job));
    if (!status && status.failure().code != ExitCode::kDone) return report(invocation.around, status.failure());
    if (status) before = std::move(status->body);
  }
  ChangeJudge judge(job, undo, std::move(before));
  return act(invocation, body, [&](const json& status) { return judge.look(status); });
}

void add_dropped_state(const Invocation& invocation, json& body) {
  for (const std::string& name : invocation.values("drop-state")) body["drop_state"].push_back(name);
}

ExitCode rescale_job(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string& job = invocation.arguments[0];
  json body = {{"action", "rescale"}};
  if (invocation.was_given("parallelism")) body["parallelism"] = FLAGS_parallelism;
  if (invocation.was_given("workers")) body["workers"] = FLAGS_workers;
  if (body.size() == 1) return report(around, {ExitCode::kUsage, "rescale to what? --parallelism N, or --workers N"});
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto before = current_revision(*client, job);
  if (!before && before.failure().code != ExitCode::kDone) return report(around, before.failure());
  std::string undo = "freshet rescale " + shell_word(job);
  if (before && invocation.was_given("parallelism"))
    undo += " --parallelism " + std::to_string(integer_or(*before, "parallelism", 1));
  if (before && invocation.was_given("workers"))
    undo += " --workers " + std::to_string(integer_or(*before, "workers", 1));
  return change_job(invocation, std::move(body), undo);
}

ExitCode rollback_job(Invocation& invocation) {
  json body = {{"action", "rollback"}};
  add_dropped_state(invocation, body);
  const std::string undo = "freshet rollback " + shell_word(invocation.arguments[0]);
  return change_job(invocation, std::move(body), undo);
}

ExitCode upgrade_job(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string job = invocation.arguments[0], path = invocation.arguments[1];
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto before = current_revision(*client, job);
  if (!before && before.failure().code != ExitCode::kDone) return report(around, before.failure());
  if (before) take_over(invocation, *before);
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(around, inspection.failure());
  if (const auto errors = errors_of(invocation, *inspection, path)) return report(around, *errors);
  auto library = read_library(path);
  if (!library) return report(around, library.failure());
  invocation.arguments = {path};  // as submit has it
  auto request = make_request(invocation, *inspection, *library, options_of(invocation));
  invocation.arguments = {job, path};
  if (!request) return report(around, request.failure());
  if (const auto stored = store_library(*client, *library); !stored) return report(around, stored.failure());
  json body = {{"action", "upgrade"}, {"submission", *request}};
  add_dropped_state(invocation, body);
  const std::string undo = "freshet rollback " + shell_word(job);
  return change_job(invocation, std::move(body), undo);
}

ExitCode show_revisions(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto answer = client->get(job_path(invocation.arguments[0]) + "/revisions");
  if (!answer) return report(around, answer.failure());
  if (FLAGS_json) return print_json(invocation, answer->body), ExitCode::kDone;
  Table table({{"REVISION"},
               {"SINCE"},
               {"HOW"},
               {"PARALLELISM", Align::kRight},
               {"SAVEPOINT", Align::kRight},
               {"LIBRARY"},
               {"PARAMETERS"}});
  for (const json& revision : list(answer->body, "revisions")) {
    std::string parameters;
    for (const json& parameter : list(revision, "parameters"))
      parameters +=
          (parameters.empty() ? "" : " ") + text_or(parameter, "name", "") + "=" + text_or(parameter, "value", "");
    const std::int64_t savepoint = integer_or(revision, "savepoint", 0);
    table.add({std::to_string(integer_or(revision, "revision", 0)), date_time(integer_or(revision, "since_ms", 0)),
               text_or(revision, "how", ""), std::to_string(integer_or(revision, "parallelism", 1)),
               savepoint == 0 ? "-" : std::to_string(savepoint),
               text_or(revision, "library_name", "") +
                   " sha256:" + text_or(revision, "library_sha256", "").substr(0, 4) + "…",
               parameters});
  }
  print(invocation, table.render(around.terminal));
  return ExitCode::kDone;
}

const Flag kDropState{.name = "drop-state", .form = ValueForm::kText, .value_name = "OPERATOR", .repeated = true};
const Flag kWatchFor{.name = "watch-for", .form = ValueForm::kDuration, .value_name = "TIME"};
const char* const kWatched =
    "\n--watch-for: the job manager watches it for that time from its start on, also when nobody waits. Should it fail,"
    "\nor make no checkpoint, the job goes back by itself, with what was processed in between, and this exits 1.\n";

Verb change_verb(const std::string& name, const std::string& group, const std::string& summary, Handler handler) {
  Verb verb;
  verb.name = name;
  verb.group = group;
  verb.summary = summary;
  verb.usage = "JOB [--detach] [--timeout TIME]";
  verb.examples = {"freshet " + name + " shop", "freshet " + name + " shop --detach"};
  verb.flags = joined({{{.name = "detach", .form = ValueForm::kSwitch}}, manager_flags()});
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = std::move(handler);
  return verb;
}

}  // namespace

Verb stop_verb() {
  Verb verb = change_verb("stop", "life", "end a job with a savepoint, everything committed", stop_job);
  verb.help =
      "Makes a savepoint, commits all results up to it, and ends the job, which freshet restart brings back from\n"
      "there. Ctrl-C only stops waiting. A job that makes no checkpoints can only be cancelled.\n"
      "REST: POST /v1/jobs/JOB/actions {\"action\":\"stop\"}";
  return verb;
}

Verb restart_verb() {
  Verb verb = change_verb("restart", "life", "stop a job at a savepoint and start it again from there", restart_job);
  verb.help =
      "A job that is over, and is not Finished, starts again from its newest checkpoint. One that failed because that\n"
      "is damaged goes on from the one before with --allow-duplicates only: what was committed since comes once more.\n"
      "REST: POST /v1/jobs/JOB/actions {\"action\":\"restart\"}";
  verb.usage = "JOB [--allow-duplicates] [--detach] [--timeout TIME]";
  verb.examples.push_back("freshet restart shop --allow-duplicates");
  verb.flags = joined({{{.name = "allow-duplicates", .form = ValueForm::kSwitch}}, verb.flags});
  return verb;
}

Verb pause_verb() {
  Verb verb = change_verb("pause", "life", "let no source read, and keep all state", pause_job);
  verb.help =
      "What has been read is processed; checkpoints go on. The job comes back paused after a failure, too.\n"
      "REST: POST /v1/jobs/JOB/actions {\"action\":\"pause\"}";
  return verb;
}

Verb resume_verb() {
  Verb verb = change_verb("resume", "life", "let the sources of a paused job read again", resume_job);
  verb.help = "REST: POST /v1/jobs/JOB/actions {\"action\":\"resume\"}";
  return verb;
}

Verb delete_verb() {
  Verb verb = change_verb("delete", "life", "forget a job that is over, with its checkpoints", delete_job);
  verb.usage = "JOB --yes";
  verb.help = "Removes its checkpoints and savepoints; result files stay. Cannot be undone.\nREST: DELETE /v1/jobs/JOB";
  verb.examples = {"freshet delete shop --yes", "freshet delete job-7 --yes --json"};
  verb.flags = joined({{{.name = "yes", .form = ValueForm::kSwitch}}, manager_flags()});
  return verb;
}

Verb rescale_verb() {
  Verb verb =
      change_verb("rescale", "change", "run a job with more or fewer tasks; its state moves along", rescale_job);
  verb.usage = "JOB [--parallelism N] [--workers N] [--watch-for TIME] [--detach]";
  verb.help =
      "Stops at a savepoint, deals state and input positions out again, and goes on from there. Prints how long "
      "nothing\n"
      "was processed. Operators with a parallelism of their own in the code keep it." +
      std::string(kWatched) + "REST: POST /v1/jobs/JOB/actions {\"action\":\"rescale\",\"parallelism\":N}";
  verb.examples = {"freshet rescale shop --parallelism 8", "freshet rescale shop --parallelism 8 --workers 4"};
  verb.flags = joined({{{.name = "parallelism", .form = ValueForm::kInteger, .value_name = "N"},
                        {.name = "workers", .form = ValueForm::kInteger, .value_name = "N", .least = 1},
                        kWatchFor,
                        {.name = "detach", .form = ValueForm::kSwitch}},
                       manager_flags()});
  return verb;
}

Verb upgrade_verb() {
  Verb verb = change_verb("upgrade", "change", "run another library under the state of a job", upgrade_job);
  verb.usage = "JOB LIB [--param KEY=VALUE]… [--drop-state OPERATOR]… [--watch-for TIME] [--detach]";
  verb.help =
      "Stops at a savepoint and starts the library from it. What does not come up goes back to the revision before, "
      "by\n"
      "itself, and exits 1. Parameters that are not given stay what they are; secrets have to be given." +
      std::string(kWatched) +
      "REST: PUT /v1/libraries/SHA256, POST /v1/jobs/JOB/actions {\"action\":\"upgrade\",\"submission\":{…}}";
  verb.examples = {"freshet upgrade shop libshop-13.so", "freshet upgrade shop libshop-13.so --watch-for 60s",
                   "freshet upgrade shop libshop-13.so --drop-state sessions"};
  verb.flags = joined({library_flags(),
                       option_flags(),
                       {kDropState, kWatchFor, {.name = "detach", .form = ValueForm::kSwitch}},
                       manager_flags()});
  verb.positional = {"JOB", "LIB"};
  verb.least_arguments = verb.most_arguments = 2;
  return verb;
}

Verb rollback_verb() {
  Verb verb = change_verb("rollback", "change", "go back to the revision before, with today's state", rollback_job);
  verb.usage = "JOB [--drop-state OPERATOR]… [--watch-for TIME] [--detach]";
  verb.help = std::string("Stops at a savepoint and starts the revision before from it.") + kWatched +
              "REST: POST /v1/jobs/JOB/actions {\"action\":\"rollback\"}";
  verb.flags = joined({{kDropState, kWatchFor, {.name = "detach", .form = ValueForm::kSwitch}}, manager_flags()});
  return verb;
}

Verb revisions_verb() {
  Verb verb = change_verb("revisions", "change", "what a job has run as, newest first", show_revisions);
  verb.usage = "JOB [--json]";
  verb.help = "REST: GET /v1/jobs/JOB/revisions";
  verb.examples = {"freshet revisions shop", "freshet revisions shop --json"};
  verb.flags = manager_flags();
  return verb;
}

}  // namespace freshet::cli
