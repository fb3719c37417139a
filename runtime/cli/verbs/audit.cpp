#include <nlohmann/json.hpp>

#include "runtime/cli/audit_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

ExitCode audit(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const auto answer = client->get(job_path(invocation.arguments[0]) + "/audit");
  if (!answer) return report(around, answer.failure());
  const auto& body = answer->body;
  if (FLAGS_json)
    print_json(invocation, body);
  else if (member(body, "checkpoint").is_number())
    print(invocation, audit_text(body, around.terminal));
  if (!member(body, "checkpoint").is_number())
    return report(around,
                  {ExitCode::kBadState, "there is nothing to audit: " + text_or(body, "why", "?") +
                                            ". See: freshet checkpoint list " + shell_word(invocation.arguments[0])});
  return is_balanced(body) ? ExitCode::kDone : ExitCode::kFailed;
}

}  // namespace

Verb audit_verb() {
  Verb verb;
  verb.name = "audit";
  verb.group = "look";
  verb.summary = "sent, received and applied records of each edge";
  verb.usage = "JOB [--json]";
  verb.help =
      "Shows what has crossed each edge between tasks up to the newest complete checkpoint, through all attempts:\n"
      "what was sent must have been received, and all of that applied or set aside. Every checkpoint is balanced so\n"
      "before it is published; one that does not balance fails the attempt, which goes on from the one before.\n"
      "Exit code 1 when something is missing, 7 when no checkpoint is complete.\nREST: GET /v1/jobs/JOB/audit";
  verb.examples = {"freshet audit shop", "freshet audit shop --json"};
  verb.flags = manager_flags();
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = audit;
  return verb;
}

}  // namespace freshet::cli
