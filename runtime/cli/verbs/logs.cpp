#include <nlohmann/json.hpp>

#include <algorithm>

#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/log_text.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr int kMostLines = 10'000;

std::string query(const std::string& cursor) {
  std::string text = "?limit=" + std::to_string(FLAGS_lines);
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string("&") + name + "=" + path_segment(value);
  };
  add("worker", FLAGS_worker);
  add("attempt", FLAGS_attempt > 0 ? std::to_string(FLAGS_attempt) : "");
  add("operator", FLAGS_operator);
  add("level", FLAGS_level);
  add("grep", FLAGS_grep);
  add("offset", cursor);
  return text;
}

ExitCode show_logs(Invocation& invocation) {
  auto client = connect(invocation);
  if (!client) return report(invocation.around, client.failure());
  const std::string path = job_path(invocation.arguments[0]) + "/logs";
  const std::int64_t interval_ms = std::max<std::int64_t>(100, checked_duration_ms(FLAGS_interval));
  std::string cursor;
  for (;;) {
    auto response = client->get(path + query(cursor));
    if (!response) return report(invocation.around, response.failure());
    const json& lines = list(response->body, "lines");
    if (FLAGS_json && (!FLAGS_follow || !lines.empty())) print_json(invocation, response->body);
    for (const json& line : lines) {
      if (!FLAGS_json) print(invocation, log_line_text(line, invocation.around.terminal) + "\n");
    }
    if (!FLAGS_follow) return ExitCode::kDone;
    const std::string next = text_or(response->body, "next", cursor);
    const bool more_now = lines.size() >= static_cast<std::size_t>(FLAGS_lines) && next != cursor && !cursor.empty();
    cursor = next;
    // A full page means that more is waiting; the pause of 0 only looks for Ctrl-C.
    if (!invocation.around.pause(more_now ? 0 : interval_ms)) return ExitCode::kInterrupted;
  }
}

}  // namespace

Verb logs_verb() {
  Verb verb;
  verb.name = "logs";
  verb.group = "look";
  verb.summary = "log lines of a job's workers, in order of time";
  verb.usage = "JOB [-f] [-n N] [--operator ID] [--worker N] [--attempt N] [--level LEVEL] [--grep TEXT]";
  verb.help =
      "Prints the newest lines of all workers of the job; -f goes on with new ones until Ctrl-C.\n"
      "Each line begins with local time, worker (w), attempt (a), level and operator.\n"
      "REST: GET /v1/jobs/JOB/logs";
  verb.examples = {"freshet logs shop -f --operator category --level warn", "freshet logs shop -n 500 --grep timeout",
                   "freshet logs shop -n5 --worker 3 --json"};
  verb.flags = joined(
      {{{.name = "follow", .form = ValueForm::kSwitch, .alias = 'f'},
        {.name = "lines", .form = ValueForm::kInteger, .alias = 'n', .value_name = "N", .least = 1, .most = kMostLines},
        {.name = "operator", .value_name = "ID"},
        {.name = "worker", .value_name = "N"},
        {.name = "attempt", .form = ValueForm::kInteger, .value_name = "N", .least = 1},
        {.name = "level", .form = ValueForm::kChoice, .choices = {"trace", "debug", "info", "warn", "error"}},
        {.name = "grep", .value_name = "TEXT"},
        {.name = "interval", .form = ValueForm::kDuration, .value_name = "TIME"}},
       manager_flags()});
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = show_logs;
  return verb;
}

}  // namespace freshet::cli
