#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

#include "runtime/cli/flags.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/log_text.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr int kMostEvents = 1'000;  // no time line holds more

/// Of the whole time line, what is new since the look before.
class NewEvents {
 public:
  /// Those that are to be shown, oldest first; at the first look the newest --lines of --since.
  json take(const json& body, std::int64_t now_ms) {
    const json& all = list(body, "events");
    const std::int64_t known = integer_or(body, "forgotten", 0);
    const std::int64_t count = known + static_cast<std::int64_t>(all.size());
    json fresh = json::array();
    const std::int64_t last = seen_.value_or(0) - 1 - known;  // where the last one of the look before stands now
    begins_anew_ = seen_ && (count < *seen_ || (last >= 0 && all[static_cast<std::size_t>(last)] != last_));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::int64_t time_ms = integer_or(all[i], "time_ms", 0);
      if (is_fresh(known + static_cast<std::int64_t>(i), time_ms, now_ms)) fresh.push_back(all[i]);
    }
    const auto most = static_cast<std::size_t>(FLAGS_lines);
    if (!seen_ && fresh.size() > most) fresh.erase(fresh.begin(), fresh.end() - static_cast<std::ptrdiff_t>(most));
    if (!all.empty()) newest_ms_ = std::max(newest_ms_, integer_or(all.back(), "time_ms", 0));
    if (!all.empty()) last_ = all.back();
    seen_ = count;
    return fresh;
  }

 private:
  bool is_fresh(std::int64_t number, std::int64_t time_ms, std::int64_t now_ms) const {
    if (!seen_) return FLAGS_since.empty() || time_ms >= now_ms - checked_duration_ms(FLAGS_since);
    return begins_anew_ ? time_ms > newest_ms_ : number >= *seen_;
  }

  std::optional<std::int64_t> seen_;  // events that there had been at the last look, with those forgotten
  std::int64_t newest_ms_ = 0;
  json last_;                 // the newest event of the look before
  bool begins_anew_ = false;  // another job manager answers, with a time line of its own
};

ExitCode show_events(Invocation& invocation) {
  const auto& around = invocation.around;
  auto client = connect(invocation);
  if (!client) return report(around, client.failure());
  const std::string path = job_path(invocation.arguments[0]) + "/events";
  const std::int64_t interval_ms = std::max<std::int64_t>(100, checked_duration_ms(FLAGS_interval));
  PatientClient patient(*client, around, false);
  NewEvents events;
  bool is_first = true;
  do {
    auto answer = patient.get(path);
    if (!answer) return report(around, answer.failure());
    if (!*answer) continue;  // it is away, and was there before
    json& body = **answer;
    const std::int64_t now_ms = integer_or(body, "now_ms", around.now_ms());
    json fresh = events.take(body, now_ms);
    if (!FLAGS_json) {
      for (const json& event : fresh) print(invocation, event_text(event, now_ms, around.terminal) + "\n");
    } else if (is_first || !fresh.empty()) {
      body["events"] = std::move(fresh);
      print_json(invocation, body);
    }
    is_first = false;
    if (!FLAGS_follow) return ExitCode::kDone;
  } while (around.pause(interval_ms));
  return ExitCode::kInterrupted;
}

}  // namespace

Verb events_verb() {
  Verb verb;
  verb.name = "events";
  verb.group = "look";
  verb.summary = "what happened to a job, in order of time";
  verb.usage = "JOB [--since TIME] [-n N] [-f]";
  verb.help =
      "Prints the newest events of the job's time line: states, attempts, what workers and agents died of, "
      "checkpoints\n"
      "that failed, verbs that were asked for, problems as they begin and end. -f goes on with new ones until Ctrl-C.\n"
      "The job manager keeps the newest 1,000 of a job, and begins anew when it is started anew.\n"
      "REST: GET /v1/jobs/JOB/events";
  verb.examples = {"freshet events shop", "freshet events shop --since 5min", "freshet events shop -n 20 -f",
                   "freshet events shop --since 1h --json"};
  verb.flags = joined({{{.name = "since", .form = ValueForm::kDuration, .value_name = "TIME"},
                        {.name = "lines",
                         .form = ValueForm::kInteger,
                         .alias = 'n',
                         .value_name = "N",
                         .least = 1,
                         .most = kMostEvents},
                        {.name = "follow", .form = ValueForm::kSwitch, .alias = 'f'},
                        {.name = "interval", .form = ValueForm::kDuration, .value_name = "TIME"}},
                       manager_flags()});
  verb.positional = {"JOB"};
  verb.least_arguments = verb.most_arguments = 1;
  verb.handler = show_events;
  return verb;
}

}  // namespace freshet::cli
