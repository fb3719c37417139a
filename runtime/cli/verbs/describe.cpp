#include <nlohmann/json.hpp>

#include <charconv>

#include "runtime/cli/change_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/graph_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/library.h"
#include "runtime/cli/operation.h"
#include "runtime/cli/parser.h"
#include "runtime/cli/submission.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

std::vector<Flag> flags() {
  return joined(
      {library_flags(), {{.name = "json", .form = ValueForm::kSwitch}, {.name = "quiet", .form = ValueForm::kSwitch}}});
}

ExitCode describe_library(Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto inspection = inspect_library(invocation, path);
  if (!inspection) return report(invocation.around, inspection.failure());
  // Errors of the job (a required parameter without a value) do not keep its parameters from being listed.
  if (FLAGS_json) {
    inspection->erase("graph_base64");
    print_json(invocation, *inspection);
  } else {
    print(invocation, jobs_text(*inspection, path, invocation.around.terminal));
  }
  return ExitCode::kDone;
}

/// "shop@9": job and number; 0 when there is none.
Result<std::pair<std::string, std::uint64_t>> checkpoint_of(const Invocation& invocation, const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == std::string::npos) return std::pair{text, std::uint64_t{0}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + at + 1, text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0)
    return std::pair{text.substr(0, at), number};
  return Failure{ExitCode::kUsage, "freshet validate: --against '" + text +
                                       "': expected JOB, or JOB@N with the number of a checkpoint\n" +
                                       usage_line(invocation.verb)};
}

/// Whether what the library builds can go on from a checkpoint of the job.
ExitCode compare_with_job(Invocation& invocation, ManagerClient& client, const std::string& job, std::uint64_t number,
                          const json& inspection) {
  const auto& around = invocation.around;
  json body = {{"graph_base64", text_or(inspection, "graph_base64", "")}};
  if (number > 0) body["checkpoint"] = number;
  for (const std::string& name : invocation.values("drop-state")) body["drop_state"].push_back(name);
  auto accepted = client.post(job_path(job) + "/compare", body);
  if (!accepted) return report(around, accepted.failure());
  const auto operation =
      follow_operation(around, client, accepted->body, {job, "the comparison", "Ask again", "Ask again later"});
  if (!operation) return report(around, operation.failure());
  if (text_or(*operation, "state", "") != "done")
    return report(around, {ExitCode::kFailed, "not compared: " + text_or(*operation, "why", "?")});
  const bool is_good = errors_of_comparison(*operation) == 0;
  if (FLAGS_json) {
    print_json(invocation, {{"valid", is_good}, {"errors", json::array()}, {"comparison", *operation}});
  } else {
    print(invocation, comparison_text(*operation));
    if (is_good)
      print(invocation,
            "upgrade: freshet upgrade " + shell_word(job) + " " + shell_word(invocation.arguments[0]) + "\n");
  }
  return is_good ? ExitCode::kDone : ExitCode::kRefused;
}

ExitCode validate_against(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string& path = invocation.arguments[0];
  const auto against = checkpoint_of(invocation, FLAGS_against);
  if (!against) return report(around, against.failure());
  const auto& [job, number] = *against;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  auto before = current_revision(*client, job);
  if (!before && before.failure().code != ExitCode::kDone) return report(around, before.failure());
  if (before) take_over(invocation, *before);
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(around, inspection.failure());
  if (const auto errors = errors_of(invocation, *inspection, path)) {
    if (FLAGS_json) print_json(invocation, {{"valid", false}, {"errors", list(*inspection, "errors")}});
    return report(around, *errors);
  }
  return compare_with_job(invocation, *client, job, number, *inspection);
}

ExitCode validate_library(Invocation& invocation) {
  if (invocation.was_given("against")) return validate_against(invocation);
  const std::string& path = invocation.arguments[0];
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(invocation.around, inspection.failure());
  const auto errors = errors_of(invocation, *inspection, path);
  if (FLAGS_json) {
    print_json(
        invocation,
        {{"valid", !errors}, {"errors", list(*inspection, "errors")}, {"warnings", list(*inspection, "warnings")}});
    return errors ? errors->code : ExitCode::kDone;
  }
  if (errors) return report(invocation.around, *errors);
  say_warnings(invocation, *inspection);
  const json& graph = member(*inspection, "graph");
  print(invocation, "valid   " + std::to_string(list(graph, "operators").size()) + " operators, " +
                        std::to_string(list(graph, "edges").size()) + " edges    start it: freshet submit " +
                        shell_word(path) + "\n");
  return ExitCode::kDone;
}

Verb library_verb(const std::string& name, const std::string& summary, const std::string& usage) {
  Verb verb;
  verb.name = name;
  verb.group = "try";
  verb.summary = summary;
  verb.usage = usage;
  verb.flags = flags();
  verb.positional = {"LIB"};
  verb.least_arguments = verb.most_arguments = 1;
  return verb;
}

}  // namespace

Verb describe_verb() {
  Verb verb = library_verb("describe", "jobs of a library and their parameters", "LIB [--job NAME] [--json]");
  verb.help = "Loads the library in a child process and lists its jobs with every parameter: type, default, meaning.";
  verb.examples = {"freshet describe build/jobs/libshop.so", "freshet describe libshop.so --json"};
  verb.handler = describe_library;
  return verb;
}

Verb validate_verb() {
  Verb verb = library_verb("validate", "check a job without starting it",
                           "LIB [--job NAME] [--param KEY=VALUE]… [--file KEY=PATH]… [--against JOB[@N]]");
  verb.help =
      "Loads the library in a child process, builds the job with the parameters given and checks it.\n"
      "All errors are listed at once; exit code 3 when there are any.\n"
      "--against JOB: says of each operator whether it can take over its state from the job's newest checkpoint, or "
      "from\n"
      "checkpoint or savepoint N. Nothing is changed, and nothing stands still. Parameters that are not given are "
      "those "
      "of\nthe job. The checkpoint is read whole, by the job manager.\n"
      "REST: POST /v1/jobs/JOB/compare {\"graph_base64\":\"…\"}";
  verb.flags = joined({library_flags(),
                       {{.name = "against", .value_name = "JOB[@N]"},
                        {.name = "drop-state", .value_name = "OPERATOR", .repeated = true}},
                       manager_flags()});
  verb.examples = {"freshet validate build/jobs/libshop.so --param input='in/*.csv'",
                   "freshet validate libshop.so --param hot=20 --file catalog=catalog.csv --json",
                   "freshet validate libshop-13.so --against shop"};
  verb.handler = validate_library;
  return verb;
}

}  // namespace freshet::cli
