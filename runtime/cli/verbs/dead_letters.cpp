#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include "dag/counted.h"
#include "runtime/cli/dead_letter_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/operation.h"
#include "runtime/cli/parser.h"
#include "runtime/cli/quantity.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostLettersNamed = 100;  // letters in one command
constexpr std::int64_t kMostLettersShown = 1'000;

std::string letters_path(const Invocation& invocation) { return job_path(invocation.arguments[0]) + "/dead-letters"; }

/// "freshet dead-letters list shop"
std::string letters_command(const Invocation& invocation, const char* sub_verb) {
  return std::string("freshet dead-letters ") + sub_verb + " " + shell_word(invocation.arguments[0]);
}

/// "88121" or "#88121", as lists show it.
Result<std::uint64_t> letter_in(const Invocation& invocation, const std::string& text) {
  const std::string_view digits = std::string_view(text).substr(text.starts_with('#') ? 1 : 0);
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error == std::errc() && end == digits.data() + digits.size() && !digits.empty()) return id;
  return Failure{ExitCode::kUsage, "freshet " + invocation.verb.full_name() + ": ID '" + text +
                                       "': expected the number of a dead letter: " +
                                       letters_command(invocation, "list") + " -n 10\n" + usage_line(invocation.verb)};
}

Result<std::vector<std::uint64_t>> letters_in(const Invocation& invocation) {
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 1; i < invocation.arguments.size(); ++i) {
    const auto id = letter_in(invocation, invocation.arguments[i]);
    if (!id) return id.failure();
    if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

std::string letter_query(const Invocation& invocation, std::int64_t limit) {
  std::string query = "?limit=" + std::to_string(limit);
  if (!FLAGS_operator.empty()) query += "&operator=" + path_segment(FLAGS_operator);
  if (!FLAGS_reason.empty()) query += "&reason=" + path_segment(FLAGS_reason);
  if (invocation.was_given("since")) query += "&newer_than_ms=" + std::to_string(checked_duration_ms(FLAGS_since));
  return query;
}

ExitCode list_letters(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const std::int64_t shown = invocation.was_given("limit") ? FLAGS_limit : FLAGS_json ? kMostLettersShown : 0;
  const auto answer = client->get(letters_path(invocation) + letter_query(invocation, shown));
  if (!answer) return report(around, answer.failure());
  if (FLAGS_json) {
    print_json(invocation, answer->body);
    return ExitCode::kDone;
  }
  const auto job = client->get(job_path(invocation.arguments[0]));
  print(invocation, dead_letters_text(answer->body, job ? job->body : json(), around.terminal));
  return ExitCode::kDone;
}

ExitCode show_letter(Invocation& invocation) {
  const auto& around = invocation.around;
  const auto id = letter_in(invocation, invocation.arguments[1]);
  if (!id) return report(around, id.failure());
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const auto answer = client->get(letters_path(invocation) + "/" + std::to_string(*id));
  if (!answer) return report(around, answer.failure());
  const json& letters = list(answer->body, "letters");
  if (FLAGS_json || letters.empty()) {
    print_json(invocation, answer->body);
    return ExitCode::kDone;
  }
  const auto in_order = nlohmann::ordered_json::parse(answer->text, nullptr, false);
  const std::string record = in_order["letters"][0]["record"].dump(-1, ' ', false, json::error_handler_t::replace);
  print(invocation, dead_letter_text(letters[0], record));
  return ExitCode::kDone;
}

/// What a command would do: of named letters the sum.
Result<json> preview_of(const Invocation& invocation, ManagerClient& client, const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) {
    auto answer = client.get(letters_path(invocation) + letter_query(invocation, 0));
    if (!answer) return answer.failure();
    return std::move(answer->body);
  }
  json sum = {{"kept", 0}, {"behind_watermark", 0}, {"groups", json::array()}};
  for (const std::uint64_t id : ids) {
    auto answer = client.get(letters_path(invocation) + "/" + std::to_string(id) + letter_query(invocation, 0));
    if (!answer && answer.failure().code == ExitCode::kNotFound) continue;
    if (!answer) return answer.failure();
    for (const char* name : {"kept", "behind_watermark"})
      sum[name] = integer_or(sum, name, 0) + integer_or(answer->body, name, 0);
    for (const json& group : list(answer->body, "groups")) sum["groups"].push_back(group);
  }
  return sum;
}

std::string letters_done_text(const Invocation& invocation, const json& operation, bool replays) {
  const std::int64_t letters = integer_or(operation, "letters", 0);
  std::string text = dag::counted(static_cast<std::size_t>(letters), "dead letter") +
                     (replays ? (letters == 1 ? " is tried again" : " are tried again") : " dropped");
  if (member(operation, "checkpoint").is_number())
    text += ", saved in checkpoint " + std::to_string(integer_or(operation, "checkpoint", 0));
  else
    text += "; the next complete checkpoint saves it";
  if (const auto refused = integer_or(operation, "refused", 0); refused != 0)
    text += "\n" + dag::counted(static_cast<std::size_t>(refused), "task") +
            " left theirs where they were: all input is read, and " +
            (replays ? "what they emitted would go nowhere" : "they are over");
  else if (replays && letters != 0)
    text += "    what fails again: " + letters_command(invocation, "list");
  return text + "\n";
}

ExitCode change_letters(Invocation& invocation, bool replays) {
  const auto& around = invocation.around;
  for (const char* filter : {"operator", "reason"}) {
    const bool is_empty = filter == std::string("operator") ? FLAGS_operator.empty() : FLAGS_reason.empty();
    if (invocation.was_given(filter) && is_empty)
      return report(around,
                    {ExitCode::kUsage, "freshet " + invocation.verb.full_name() + ": --" + filter +
                                           " is empty; leave it away to mean all\n" + usage_line(invocation.verb)});
  }
  const auto ids = letters_in(invocation);
  if (!ids) return report(around, ids.failure());
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  if (FLAGS_dry_run || (!replays && !FLAGS_yes && !client->only_shows())) {
    const auto answer = preview_of(invocation, *client, *ids);
    if (!answer) return report(around, answer.failure());
    const std::string text = replay_preview(*answer, replays);
    if (!FLAGS_dry_run)
      return report(around, {ExitCode::kUsage, text + ". Nothing was dropped, and there is no way back: add --yes"});
    if (FLAGS_json)
      print_json(invocation, *answer);
    else
      print(invocation, text + ". Run without --dry-run" + (replays ? "" : ", with --yes") + ".\n");
    return ExitCode::kDone;
  }
  json order = {{"action", replays ? "replay" : "drop"}};
  if (!FLAGS_operator.empty()) order["operator"] = FLAGS_operator;
  if (!FLAGS_reason.empty()) order["reason"] = FLAGS_reason;
  if (!ids->empty()) order["ids"] = *ids;
  const auto accepted = client->post(letters_path(invocation), order);
  if (!accepted) return report(around, accepted.failure());
  const std::string list = letters_command(invocation, "list");
  const auto operation = follow_operation(
      around, *client, accepted->body,
      {invocation.arguments[0], replays ? "the replay" : "the drop", "What became of it: " + list, "Look: " + list});
  if (!operation) return report(around, operation.failure());
  if (text_or(*operation, "state", "") != "done")
    return report(around, {ExitCode::kFailed, "not " + std::string(replays ? "replayed" : "dropped") + " for sure: " +
                                                  text_or(*operation, "why", "?") + ". Look, and repeat it: " + list});
  if (FLAGS_json)
    print_json(invocation, *operation);
  else
    print(invocation, letters_done_text(invocation, *operation, replays));
  return integer_or(*operation, "refused", 0) == 0 ? ExitCode::kDone : ExitCode::kFailed;
}

Verb letter_verb_of(const char* sub_verb, const char* summary, Handler handler) {
  Verb verb;
  verb.name = "dead-letters";
  verb.sub_verb = sub_verb;
  verb.group = "data";
  verb.summary = summary;
  verb.positional = {"JOB", "ID"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = std::move(handler);
  return verb;
}

const Flag kLetterOperator{.name = "operator", .value_name = "OPERATOR"};
const Flag kLetterReason{.name = "reason", .value_name = "REASON"};

Verb list_verb_of_letters() {
  Verb verb = letter_verb_of("list", "records that failed for good, by reason", list_letters);
  verb.usage = "JOB [--operator OPERATOR] [--reason REASON] [--since TIME] [-n N] [--json]";
  verb.help =
      "Shows what operators keep of the records that they set aside, by reason and operator, as the newest complete\n"
      "checkpoint holds it; with -n the newest N one by one. Kept are those of steps with on_error(retry(…)), and of\n"
      "dead_letter({.keep = N}); all dead letters are counted, and go to job.dead_letters(). The job need not run.\n"
      "REST: GET /v1/jobs/JOB/dead-letters?operator=&reason=&newer_than_ms=&limit=";
  verb.examples = {"freshet dead-letters list shop", "freshet dead-letters list shop --since 1h -n 20",
                   "freshet dead-letters list shop --operator category --json"};
  verb.flags = joined({{kLetterOperator,
                        kLetterReason,
                        {.name = "since", .form = ValueForm::kDuration, .value_name = "TIME"},
                        {.name = "limit",
                         .form = ValueForm::kInteger,
                         .alias = 'n',
                         .value_name = "N",
                         .least = 1,
                         .most = kMostLettersShown}},
                       manager_flags()});
  return verb;
}

Verb show_letter_verb() {
  Verb verb = letter_verb_of("show", "one of them: what it is, where it came from, why it failed", show_letter);
  verb.usage = "JOB ID [--json]";
  verb.least_arguments = verb.most_arguments = 2;
  verb.help = "Shows a dead letter that is kept, with its record.\nREST: GET /v1/jobs/JOB/dead-letters/ID";
  verb.examples = {"freshet dead-letters show shop 88121", "freshet dead-letters show shop 88121 --json"};
  verb.flags = manager_flags();
  return verb;
}

Verb change_letters_verb(const char* sub_verb, const char* summary, bool replays) {
  Verb verb = letter_verb_of(sub_verb, summary,
                             [replays](Invocation& invocation) { return change_letters(invocation, replays); });
  verb.most_arguments = kMostLettersNamed + 1;
  verb.usage =
      std::string("JOB [ID…] [--operator OPERATOR] [--reason REASON] [--dry-run]") + (replays ? "" : " [--yes]");
  const std::string words = std::string("freshet dead-letters ") + sub_verb + " shop";
  verb.examples = {words + " --operator category --dry-run",
                   words + " --reason 'exception std::out_of_range'" + (replays ? "" : " --yes"),
                   words + " 88121 88140" + (replays ? "" : " --yes")};
  verb.flags =
      joined({{kLetterOperator, kLetterReason, {.name = "dry-run", .form = ValueForm::kSwitch}}, manager_flags()});
  if (!replays) verb.flags.push_back({.name = "yes", .form = ValueForm::kSwitch});
  return verb;
}

}  // namespace

std::vector<Verb> dead_letter_verbs() {
  Verb replay = change_letters_verb("replay", "process them again, once what made them fail is mended", true);
  replay.help =
      "Gives dead letters that are kept to their operator again, as if they had just come: all of them, or those that\n"
      "IDs and flags name. Each takes effect once. What fails again is tried as often as its policy says, and is then\n"
      "a new dead letter. They come behind their time: windows further on may find them late, and count them as\n"
      "late_after_retry. Waits until a checkpoint holds the change. The job has to be Running or Paused.\n"
      "REST: POST /v1/jobs/JOB/dead-letters {\"action\":\"replay\",\"operator\":…,\"reason\":…,\"ids\":[…]}";
  Verb drop = change_letters_verb("drop", "forget them for good", false);
  drop.help =
      "Forgets dead letters that are kept: all of them, or those that IDs and flags name. There is no way back, so it\n"
      "wants --yes. Waits until a checkpoint holds the change. The job has to be Running or Paused.\n"
      "REST: POST /v1/jobs/JOB/dead-letters {\"action\":\"drop\",\"operator\":…,\"reason\":…,\"ids\":[…]}";
  return {list_verb_of_letters(), show_letter_verb(), std::move(replay), std::move(drop)};
}

}  // namespace freshet::cli
