#include <nlohmann/json.hpp>

#include "runtime/cli/flags.h"
#include "runtime/cli/job_text.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

ExitCode list_jobs(Invocation& invocation) {
  auto client = connect(invocation);
  if (!client) return report(invocation.around, client.failure());
  auto response = client->get("/v1/jobs");
  if (!response) return report(invocation.around, response.failure());
  if (FLAGS_json) {
    print_json(invocation, response->body);
  } else {
    print(invocation, list_text(response->body, invocation.around.now_ms(), invocation.around.terminal));
  }
  return ExitCode::kDone;
}

}  // namespace

Verb list_verb() {
  Verb verb;
  verb.name = "list";
  verb.group = "life";
  verb.summary = "one line per job, with its worst problem";
  verb.usage = "[--json]";
  verb.help = "Lists the jobs that the job manager knows, those that are over included.\nREST: GET /v1/jobs";
  verb.examples = {"freshet list", "freshet list --json --manager 127.0.0.1:7070", "freshet list --show-request"};
  verb.flags = manager_flags();
  verb.handler = list_jobs;
  return verb;
}

}  // namespace freshet::cli
