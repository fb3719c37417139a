#include <exception>
#include <iostream>
#include <ostream>

#include "runtime/cli/flags.h"
#include "runtime/cli/help.h"
#include "runtime/cli/parser.h"
#include "runtime/cli/roles.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

ExitCode show_help(const VerbTable& table, const CommandLine& line, std::ostream& out) {
  if (line.verb != nullptr) {
    out << help_on(*line.verb);
  } else {
    out << (line.arguments.empty() ? help_on_everything(table) : help_on_sub_verbs(table, line.arguments[0]));
  }
  return ExitCode::kDone;
}

}  // namespace

VerbTable make_verbs(const Roles& roles) {
  std::vector<Verb> verbs{
      plan_verb(),    describe_verb(),      validate_verb(),     submit_verb(),        list_verb(),   status_verb(),
      pause_verb(),   resume_verb(),        stop_verb(),         restart_verb(),       cancel_verb(), delete_verb(),
      rescale_verb(), upgrade_verb(),       rollback_verb(),     revisions_verb(),     events_verb(), logs_verb(),
      audit_verb(),   cluster_start_verb(), cluster_stop_verb(), cluster_status_verb()};
  for (Verb& verb : state_verbs()) verbs.push_back(std::move(verb));
  for (Verb& verb : dead_letter_verbs()) verbs.push_back(std::move(verb));
  for (Verb& verb : checkpoint_verbs()) verbs.push_back(std::move(verb));
  for (Verb& verb : role_verbs(roles)) verbs.push_back(std::move(verb));
  verbs.push_back(version_verb());
  verbs.push_back(help_verb(roles));
  return VerbTable(std::move(verbs));
}

ExitCode main_with(const Roles& roles, std::span<const std::string> arguments, Surroundings& around) {
  const VerbTable table = make_verbs(roles);
  if (arguments.empty()) {
    *around.err << short_help(table);
    return ExitCode::kUsage;
  }
  auto line = parse_command_line(table, arguments);
  if (!line) return report(around, line.failure());
  if (line->wants_help) return show_help(table, *line, *around.out);
  if (line->wants_version) {
    *around.out << "freshet " << kVersion << "\n";
    return ExitCode::kDone;
  }
  Invocation invocation{*line->verb, around, line->arguments, line->repeated, line->given};
  return line->verb->handler(invocation);
}

int main_with(const Roles& roles, int argc, char** argv) {
  // The outermost frame: an exception here is a defect of this program or a lack of memory, not of the user.
  try {
    Surroundings around = real_surroundings();
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return number(main_with(roles, arguments, around));
  } catch (const std::exception& error) {
    std::cerr << "freshet: internal error: " << error.what() << std::endl;
    return number(ExitCode::kFailed);
  }
}

}  // namespace freshet::cli
