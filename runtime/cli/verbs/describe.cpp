#include <nlohmann/json.hpp>

#include "runtime/cli/flags.h"
#include "runtime/cli/graph_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/library.h"
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

ExitCode validate_library(Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(invocation.around, inspection.failure());
  const auto errors = errors_of(invocation, *inspection, path);
  if (FLAGS_json) {
    print_json(invocation, {{"valid", !errors}, {"errors", list(*inspection, "errors")}});
    return errors ? errors->code : ExitCode::kDone;
  }
  if (errors) return report(invocation.around, *errors);
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
                           "LIB [--job NAME] [--param KEY=VALUE]… [--file KEY=PATH]…");
  verb.help =
      "Loads the library in a child process, builds the job with the parameters given and checks it.\n"
      "All errors are listed at once; exit code 3 when there are any.";
  verb.examples = {"freshet validate build/jobs/libshop.so --param input='in/*.csv'",
                   "freshet validate libshop.so --param hot=20 --file catalog=catalog.csv --json"};
  verb.handler = validate_library;
  return verb;
}

}  // namespace freshet::cli
