#include <nlohmann/json.hpp>

#include <filesystem>

#include "runtime/cli/flags.h"
#include "runtime/cli/graph_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/library.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

ExitCode plan_of_library(Invocation& invocation, const std::string& path) {
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(invocation.around, inspection.failure());
  if (const auto errors = errors_of(invocation, *inspection, path)) return report(invocation.around, *errors);
  const json& graph = member(*inspection, "graph");
  if (FLAGS_json || FLAGS_format == "json") {
    print_json(invocation, {{"plan", graph}, {"fingerprint", text_or(*inspection, "fingerprint", "")}});
  } else if (FLAGS_format == "dot") {
    print(invocation, graph_dot(graph, std::filesystem::path(path).stem().string()));
  } else {
    print(invocation, graph_text(graph, invocation.around.terminal));
  }
  return ExitCode::kDone;
}

ExitCode plan_of_job(Invocation& invocation, const std::string& job) {
  auto client = connect(invocation);
  if (!client) return report(invocation.around, client.failure());
  const std::string format = FLAGS_json ? "json" : FLAGS_format;
  auto response = client->get(job_path(job) + "/plan?format=" + format);
  if (!response) return report(invocation.around, response.failure());
  if (format == "json") {
    print_json(invocation, response->body);
  } else {
    print(invocation, text_or(response->body, "text", ""));
  }
  return ExitCode::kDone;
}

ExitCode show_plan(Invocation& invocation) {
  const std::string& subject = invocation.arguments[0];
  return looks_like_file(subject) ? plan_of_library(invocation, subject) : plan_of_job(invocation, subject);
}

}  // namespace

Verb plan_verb() {
  Verb verb;
  verb.name = "plan";
  verb.group = "try";
  verb.summary = "operators and edges of a library or of a running job";
  verb.usage = "LIB|JOB [--format text|dot|json] [--param KEY=VALUE]…";
  verb.help =
      "Of a library: loads it in a child process and builds its graph with the parameters given; nothing is started.\n"
      "Of a job: the execution plan that the job manager made of it.\n"
      "What has a '/' or ends with .so is a library. REST: GET /v1/jobs/JOB/plan?format=FORMAT";
  verb.examples = {"freshet plan build/jobs/libshop.so --param input=in.csv", "freshet plan shop --format json",
                   "freshet plan ./libshop.so --format dot"};
  verb.flags = joined({{{.name = "format", .form = ValueForm::kChoice, .choices = {"text", "dot", "json"}}},
                       library_flags(),
                       manager_flags()});
  verb.positional = {"LIB|JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = show_plan;
  return verb;
}

}  // namespace freshet::cli
