#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <map>

#include "runtime/cli/checkpoint_text.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/operation.h"
#include "runtime/cli/parser.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostDeleted = 100;  // savepoints in one command

std::string job_of(const Invocation& invocation) { return invocation.arguments[0]; }

/// "freshet checkpoint list shop"
std::string command(const Invocation& invocation, const char* sub_verb) {
  return "freshet " + invocation.verb.name + " " + sub_verb + " " + shell_word(job_of(invocation));
}

std::string one_path(const Invocation& invocation, std::uint64_t number) {
  return job_path(job_of(invocation)) + "/checkpoints/" + std::to_string(number);
}

Result<std::uint64_t> number_in(const Invocation& invocation, const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0) return number;
  return Failure{ExitCode::kUsage, "freshet " + invocation.verb.full_name() + ": N '" + text +
                                       "': expected the number of a " + invocation.verb.name + ": " +
                                       command(invocation, "list") + "\n" + usage_line(invocation.verb)};
}

/// Asks for the operation until it is over.
Result<json> follow(const Invocation& invocation, ManagerClient& client, const json& accepted, const char* what) {
  const std::string list = command(invocation, "list");
  return follow_operation(invocation.around, client, accepted,
                          {job_of(invocation), what, "What became of it: " + list, "Follow: " + list + " --watch"});
}

// ---- create

void say_created(Invocation& invocation, ManagerClient& client, const json& operation) {
  const std::uint64_t number = static_cast<std::uint64_t>(integer_or(operation, "checkpoint", 0));
  auto shown = client.get(one_path(invocation, number));
  if (FLAGS_json) {
    json body = operation;
    if (shown) body["made"] = member(shown->body, "checkpoint");
    return print_json(invocation, body);
  }
  std::string text = invocation.verb.name + " " + std::to_string(number);
  if (shown) {
    const json& line = member(shown->body, "checkpoint");
    text += "   " + latency(number_or(line, "took_ms", 0)) + ", " + bytes(number_or(line, "bytes", 0));
  }
  const bool is_savepoint = invocation.verb.name == "savepoint";
  const std::string next =
      is_savepoint ? "undo: " + command(invocation, "delete") : "see: " + command(invocation, "show");
  print(invocation, text + "    " + next + " " + std::to_string(number) + (is_savepoint ? " --yes" : "") + "\n");
}

ExitCode create(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const std::string& kind = invocation.verb.name;
  auto accepted = client->post(job_path(job_of(invocation)) + "/checkpoints", {{"kind", kind}});
  if (!accepted) return report(around, accepted.failure());
  if (FLAGS_detach) {
    if (FLAGS_json) {
      print_json(invocation, accepted->body);
    } else {
      print(invocation, kind + " asked for    Follow: " + command(invocation, "list") + " --watch\n");
    }
    return ExitCode::kDone;
  }
  const auto operation = follow(invocation, *client, accepted->body, kind.c_str());
  if (!operation) return report(around, operation.failure());
  if (text_or(*operation, "state", "") != "done") {
    return report(around, {ExitCode::kFailed, "no " + kind + " was made: " + text_or(*operation, "why", "?") +
                                                  ". Why: " + command(invocation, "list")});
  }
  say_created(invocation, *client, *operation);
  return ExitCode::kDone;
}

// ---- list, show

/// Prints an answer again and again: on a terminal over itself, elsewhere what has changed.
class Repaint {
 public:
  explicit Repaint(const Invocation& invocation) : invocation_(invocation) {}

  /// `lines`: of what may change, each under its key.
  void look(const json& body, const std::string& whole, const std::map<std::int64_t, std::string>& lines) {
    const bool is_new = lines != last_;
    if (FLAGS_json) {
      if (is_new) print_json(invocation_, body);
    } else if (invocation_.around.terminal.may_redraw()) {
      print(invocation_, invocation_.around.terminal.rewind(height_) + whole);
      height_ = static_cast<std::size_t>(std::count(whole.begin(), whole.end(), '\n'));
    } else {
      for (const auto& [key, line] : lines)
        if (const auto known = last_.find(key); known == last_.end() || known->second != line)
          print(invocation_, line + "\n");
    }
    last_ = lines;
  }

 private:
  const Invocation& invocation_;
  std::map<std::int64_t, std::string> last_;
  std::size_t height_ = 0;
};

using Look = std::function<bool(const json& body)>;

/// Gets `path` until `look` says that nothing will change any more; once without --watch.
ExitCode get_again(Invocation& invocation, const std::string& path, const Look& look) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  PatientClient patient(*client, around, false);
  const std::int64_t interval_ms = std::max<std::int64_t>(100, checked_duration_ms(FLAGS_interval));
  do {
    auto body = patient.get(path);
    if (!body) return report(around, body.failure());
    if (!*body) continue;
    if (look(**body) || !FLAGS_watch) return ExitCode::kDone;
  } while (around.pause(interval_ms));
  return ExitCode::kInterrupted;
}

json sorted_by_size(json body) {
  auto& all = body["checkpoints"];
  if (!all.is_array()) return body;
  std::stable_sort(all.begin(), all.end(), [](const json& left, const json& right) {
    return number_or(left, "bytes", 0) > number_or(right, "bytes", 0);
  });
  return body;
}

ExitCode list_all(Invocation& invocation) {
  const std::string path =
      job_path(job_of(invocation)) + "/" + invocation.verb.name + "s?limit=" + std::to_string(FLAGS_lines);
  const auto& around = invocation.around;
  Repaint repaint(invocation);
  return get_again(invocation, path, [&](const json& answer) {
    const json body = invocation.was_given("by-size") ? sorted_by_size(answer) : answer;
    const std::string text = checkpoint_list_text(body, around.now_ms(), around.terminal);
    if (!FLAGS_watch) {
      if (FLAGS_json)
        print_json(invocation, body);
      else
        print(invocation, text);
      return true;
    }
    std::map<std::int64_t, std::string> lines;
    const std::int64_t now_ms = integer_or(body, "now_ms", around.now_ms());
    for (const json& line : list(body, "checkpoints")) {
      const std::string why = text_or(line, "why", "");
      lines[integer_or(line, "number", 0)] =
          checkpoint_headline(line, now_ms, around.terminal) + (why.empty() ? "" : "   " + why);
    }
    repaint.look(body, text, lines);
    return false;
  });
}

ExitCode show_one(Invocation& invocation) {
  const auto number = number_in(invocation, invocation.arguments[1]);
  if (!number) return report(invocation.around, number.failure());
  const auto& around = invocation.around;
  Repaint repaint(invocation);
  return get_again(invocation, one_path(invocation, *number), [&](const json& body) {
    const std::string text = checkpoint_text(body, around.now_ms(), around.terminal);
    const json& line = member(body, "checkpoint");
    const bool is_over = text_or(line, "state", "") != "open";
    if (FLAGS_watch && !is_over) {
      repaint.look(body, text,
                   {{0, checkpoint_headline(line, integer_or(body, "now_ms", around.now_ms()), around.terminal)}});
    } else if (FLAGS_watch && !FLAGS_json && around.terminal.may_redraw()) {
      repaint.look(body, text, {});
    } else if (FLAGS_json) {
      print_json(invocation, body);
    } else {
      print(invocation, text);
    }
    return is_over;
  });
}

// ---- verify

/// The newest that can be restored, as far as is known without looking at its files.
Result<std::uint64_t> newest(const Invocation& invocation, ManagerClient& client) {
  auto all = client.get(job_path(job_of(invocation)) + "/" + invocation.verb.name + "s?limit=500");
  if (!all) return all.failure();
  for (const json& line : list(all->body, "checkpoints"))
    if (flag_or(line, "retained", false)) return static_cast<std::uint64_t>(integer_or(line, "number", 0));
  return Failure{ExitCode::kNotFound, "job " + job_of(invocation) + " has no " + invocation.verb.name +
                                          ". Make one: " + command(invocation, "create")};
}

ExitCode verify(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const auto number =
      invocation.arguments.size() > 1 ? number_in(invocation, invocation.arguments[1]) : newest(invocation, *client);
  if (!number) return report(around, number.failure());
  const std::int64_t begin_ms = around.steady_ms();
  auto accepted = client->post(one_path(invocation, *number) + "/verify", json::object());
  if (!accepted) return report(around, accepted.failure());
  const auto operation = follow(invocation, *client, accepted->body, "the verification");
  if (!operation) return report(around, operation.failure());
  if (text_or(*operation, "state", "") != "done") {
    return report(around, {ExitCode::kFailed, "not verified: " + text_or(*operation, "why", "?")});
  }
  if (FLAGS_json) {
    print_json(invocation, *operation);
  } else {
    print(invocation,
          verification_text(*operation, job_of(invocation), around.steady_ms() - begin_ms, around.terminal));
  }
  return list(*operation, "damages").empty() ? ExitCode::kDone : ExitCode::kFailed;
}

// ---- delete

/// One line for each that would go. A failure: one of them is not there.
Result<std::string> what_would_go(const Invocation& invocation, ManagerClient& client,
                                  const std::vector<std::uint64_t>& numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) {
    auto shown = client.get(one_path(invocation, number));
    if (!shown) return shown.failure();
    text += checkpoint_headline(member(shown->body, "checkpoint"),
                                integer_or(shown->body, "now_ms", invocation.around.now_ms()), Terminal()) +
            "\n";
  }
  return text;
}

ExitCode delete_savepoints(Invocation& invocation) {
  const auto& around = invocation.around;
  std::vector<std::uint64_t> numbers;
  std::string typed;
  for (std::size_t i = 1; i < invocation.arguments.size(); ++i) {
    const auto number = number_in(invocation, invocation.arguments[i]);
    if (!number) return report(around, number.failure());
    if (std::find(numbers.begin(), numbers.end(), *number) != numbers.end()) continue;
    numbers.push_back(*number);
    typed += " " + std::to_string(*number);
  }
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  if (FLAGS_dry_run || (!FLAGS_yes && !client->only_shows())) {
    const auto text = what_would_go(invocation, *client, numbers);
    if (!text) return report(around, text.failure());
    const std::string confirm =
        "Nothing was deleted, and there is no way back. To delete: " + command(invocation, "delete") + typed + " --yes";
    if (!FLAGS_dry_run) return report(around, {ExitCode::kUsage, *text + confirm});
    print(invocation, *text + confirm + "\n");
    return ExitCode::kDone;
  }
  json deleted = json::array();
  for (const std::uint64_t number : numbers) {
    auto answer = client->remove(job_path(job_of(invocation)) + "/savepoints/" + std::to_string(number));
    if (!answer) {
      if (FLAGS_json && !deleted.empty()) print_json(invocation, {{"deleted", deleted}});
      return report(around, answer.failure());
    }
    deleted.push_back(answer->body);
    const std::int64_t kept = integer_or(answer->body, "kept_files", 0);
    if (!FLAGS_json)
      print(invocation,
            "savepoint " + std::to_string(number) + " deleted   " + grouped(integer_or(answer->body, "files", 0)) +
                " files, " + bytes(number_or(answer->body, "bytes", 0)) +
                (kept > 0 ? "   " + grouped(kept) + " files stay: other checkpoints need them" : "") + "\n");
  }
  if (FLAGS_json) print_json(invocation, {{"deleted", deleted}});
  return ExitCode::kDone;
}

// ---- the verbs

Verb verb_of(const char* name, const char* sub_verb, const char* summary, Handler handler) {
  Verb verb;
  verb.name = name;
  verb.sub_verb = sub_verb;
  verb.group = "snapshots";
  verb.summary = summary;
  verb.positional = {"JOB", "N"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.flags = manager_flags();
  verb.handler = std::move(handler);
  return verb;
}

std::vector<Flag> with_manager_flags(std::vector<Flag> flags) { return joined({std::move(flags), manager_flags()}); }

Verb create_verb(const char* name, const char* summary, const char* help) {
  Verb verb = verb_of(name, "create", summary, create);
  verb.usage = "JOB [--detach] [--timeout TIME]";
  verb.help = help;
  const std::string words = std::string("freshet ") + name + " create shop";
  verb.examples = {words, words + " --detach", words + " --timeout 5min --json"};
  verb.flags = with_manager_flags({{.name = "detach", .form = ValueForm::kSwitch}});
  return verb;
}

Verb list_verb_of(const char* name, const char* summary, const char* help) {
  Verb verb = verb_of(name, "list", summary, list_all);
  verb.usage = "JOB [-n N] [--by-size] [--watch] [--json]";
  verb.help = help;
  const std::string words = std::string("freshet ") + name + " list shop";
  verb.examples = {words, words + " -n 3", words + " --by-size", words + " --watch --interval 5s"};
  verb.flags = with_manager_flags(
      {{.name = "lines", .form = ValueForm::kInteger, .alias = 'n', .value_name = "N", .least = 1, .most = 500},
       {.name = "by-size", .form = ValueForm::kSwitch},
       {.name = "watch", .form = ValueForm::kSwitch},
       {.name = "interval", .form = ValueForm::kDuration, .value_name = "TIME"}});
  return verb;
}

Verb verify_verb(const char* name, const char* summary) {
  Verb verb = verb_of(name, "verify", summary, verify);
  verb.usage = "JOB [N] [--timeout TIME]";
  verb.most_arguments = 2;
  verb.help =
      "Reads every file of it, compares lengths and checksums, and names every damage; without N of the newest one.\n"
      "Exit code 1 when there is any. The job goes on meanwhile, and so does the verification when you do not wait.\n"
      "REST: POST /v1/jobs/JOB/checkpoints/N/verify";
  const std::string words = std::string("freshet ") + name + " verify shop";
  verb.examples = {words, words + " 1737", words + " 1737 --timeout 10min --json"};
  return verb;
}

Verb show_verb() {
  Verb verb = verb_of("checkpoint", "show", "one checkpoint: how far, how large, what failed", show_one);
  verb.usage = "JOB N [--watch] [--json]";
  verb.least_arguments = verb.most_arguments = 2;
  verb.help =
      "Shows how many tasks of each chain have saved and which have not, what the files take, and what sinks are to\n"
      "commit; --json names every file. N may be a savepoint. --watch ends when the checkpoint does.\n"
      "REST: GET /v1/jobs/JOB/checkpoints/N";
  verb.examples = {"freshet checkpoint show shop 1739", "freshet checkpoint show shop 1739 --watch",
                   "freshet checkpoint show shop 1739 --json"};
  verb.flags = with_manager_flags({{.name = "watch", .form = ValueForm::kSwitch},
                                   {.name = "interval", .form = ValueForm::kDuration, .value_name = "TIME"}});
  return verb;
}

Verb savepoint_delete_verb() {
  Verb verb = verb_of("savepoint", "delete", "delete savepoints for good", delete_savepoints);
  verb.usage = "JOB N… [--yes] [--dry-run]";
  verb.least_arguments = 2;
  verb.most_arguments = kMostDeleted + 1;
  verb.help =
      "Deletes savepoints and the files that nothing else needs. There is no way back, so it wants --yes.\n"
      "Refused for the one that the job would go on from after a failure; checkpoints go by themselves.\n"
      "REST: DELETE /v1/jobs/JOB/savepoints/N";
  verb.examples = {"freshet savepoint delete shop 3 4 5 --yes", "freshet savepoint delete shop 3 --dry-run"};
  verb.flags = with_manager_flags(
      {{.name = "yes", .form = ValueForm::kSwitch}, {.name = "dry-run", .form = ValueForm::kSwitch}});
  return verb;
}

}  // namespace

std::vector<Verb> checkpoint_verbs() {
  return {create_verb("checkpoint", "make a checkpoint now",
                      "Makes a checkpoint besides the regular ones and waits until it is complete. Newer ones replace "
                      "it.\nCtrl-C only stops waiting.\n"
                      "REST: POST /v1/jobs/JOB/checkpoints {\"kind\":\"checkpoint\"}"),
          list_verb_of("checkpoint", "checkpoints and savepoints of a job, newest first",
                       "Says of each when it began, how long it took, how large it is, why it failed, and whether it "
                       "is still there.\nREST: GET /v1/jobs/JOB/checkpoints"),
          show_verb(),
          verify_verb("checkpoint", "read a checkpoint and look for damages"),
          create_verb("savepoint", "make a savepoint: a checkpoint that stays",
                      "Makes a savepoint and waits until it is complete. It stays until you delete it.\n"
                      "Undo: freshet savepoint delete JOB N\n"
                      "REST: POST /v1/jobs/JOB/checkpoints {\"kind\":\"savepoint\"}"),
          list_verb_of("savepoint", "savepoints of a job, newest first",
                       "As checkpoint list, savepoints only.\nREST: GET /v1/jobs/JOB/savepoints"),
          verify_verb("savepoint", "read a savepoint and look for damages"),
          savepoint_delete_verb()};
}

}  // namespace freshet::cli
