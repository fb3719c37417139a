#include <nlohmann/json.hpp>

#include "runtime/base/did_you_mean.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/help.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

ExitCode show_version(Invocation& invocation) {
  auto client = connect(invocation);
  if (!client) return report(invocation.around, client.failure());
  const auto response = client->get("/v1/version");
  if (client->only_shows()) return ExitCode::kDone;
  // The job manager's version is an extra: this verb must work without one.
  const std::string other = response ? text_or(response->body, "freshet", "?") : "";
  if (FLAGS_json) {
    nlohmann::json body{{"freshet", kVersion}, {"manager", nullptr}};
    if (response) body["manager"] = response->body;
    print_json(invocation, body);
  } else {
    print(invocation, std::string("freshet ") + kVersion + "\njob manager " + client->address() + "   " +
                          (response ? other : "does not answer") + "\n");
  }
  return ExitCode::kDone;
}

ExitCode show_help(Invocation& invocation, const VerbTable& table) {
  std::ostream& out = *invocation.around.out;
  if (invocation.arguments.empty()) {
    out << help_on_everything(table);
    return ExitCode::kDone;
  }
  const std::string& name = invocation.arguments[0];
  const std::string sub_verb = invocation.arguments.size() > 1 ? invocation.arguments[1] : "";
  if (const Verb* verb = table.find(name, sub_verb)) {
    out << help_on(*verb);
    return ExitCode::kDone;
  }
  if (sub_verb.empty() && table.has_sub_verbs(name)) {
    out << help_on_sub_verbs(table, name);
    return ExitCode::kDone;
  }
  const bool known_noun = table.has_sub_verbs(name);
  const std::string& word = known_noun ? sub_verb : name;
  return report(
      invocation.around,
      {ExitCode::kUsage, "freshet help: no verb '" + word + "'." +
                             base::did_you_mean_hint(word, known_noun ? table.sub_verbs(name) : table.names()) +
                             "\nusage: freshet help [VERB]"});
}

}  // namespace

Verb version_verb() {
  Verb verb;
  verb.name = "version";
  verb.group = "other";
  verb.summary = "version of this program and of the job manager";
  verb.usage = "[--json]";
  verb.help = "Works without a job manager, too.\nREST: GET /v1/version";
  verb.examples = {"freshet version", "freshet version --json"};
  verb.flags = manager_flags();
  verb.handler = show_version;
  return verb;
}

Verb help_verb(const Roles& roles) {
  Verb verb;
  verb.name = "help";
  verb.group = "other";
  verb.summary = "all verbs, or all about one";
  verb.usage = "[VERB]";
  verb.examples = {"freshet help", "freshet help submit", "freshet help cluster start"};
  verb.positional = {"VERB"};
  verb.most_arguments = 2;
  verb.handler = [roles](Invocation& invocation) { return show_help(invocation, make_verbs(roles)); };
  return verb;
}

}  // namespace freshet::cli
