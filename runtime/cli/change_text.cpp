#include "runtime/cli/change_text.h"

#include <algorithm>
#include <functional>

#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

/// " (0.4 s)"
std::string in_brackets(const json& change, const char* name) {
  const auto took = number_of(change, name);
  return took ? " (" + duration(*took) + ")" : "";
}

std::string savepoint_text(const json& change) {
  const std::int64_t number = integer_or(change, "savepoint", 0);
  if (number == 0) return "";
  return "savepoint " + std::to_string(number) + in_brackets(change, "savepoint_ms") + "   ";
}

std::string stood_still_text(const json& change) {
  return "stood still " + duration(number_or(change, "stood_still_ms", 0));
}

std::int64_t errors_of_operators(const json& status) {
  std::int64_t errors = 0;
  for (const json& each : list(status, "operators")) errors += integer_or(each, "errors", 0);
  return errors;
}

/// "   p99 2.2 ms (2.1 ms)"
std::string compared(const char* what, const char* name, const json& before, const json& now,
                     const std::function<std::string(double)>& as_text) {
  const auto value = number_of(now, name);
  if (!value) return "";
  const auto then = number_of(before, name);
  return std::string("   ") + what + " " + as_text(*value) + (then ? " (" + as_text(*then) + ")" : "");
}

Outcome forgotten(const std::string& job) {
  return {.is_over = true,
          .is_good = false,
          .is_known = false,
          .text = "the job manager was started anew and does not know what became of it: freshet revisions " +
                  shell_word(job)};
}

/// "  error   sessions    "
std::string label(const std::string& word, const std::string& id, std::size_t width) {
  std::string text = "  " + word + std::string(word.size() < 8 ? 8 - word.size() : 1, ' ') + id;
  return text + std::string(width > id.size() ? width - id.size() : 0, ' ') + "   ";
}

/// " (41 MiB, about 310 k entries)"
std::string held_text(const json& compared) {
  const auto entries = number_or(compared, "entries", 0);
  if (entries == 0) return "";
  return " (" + bytes(number_or(compared, "bytes", 0)) + ", about " + compact(entries) + " entries)";
}

bool is_told_apart(const std::string& fate) { return fate == "changed" || fate == "dropped" || fate == "error"; }

/// What is to be said of one operator.
std::string operator_lines(const json& compared, std::size_t width) {
  const std::string fate = text_or(compared, "fate", ""), id = text_or(compared, "id", "?");
  std::string text;
  if (fate == "dropped") text += label("dropped", id, width) + "its state is given up" + held_text(compared) + "\n";
  for (const json& note : list(compared, "notes"))
    if (note.is_string()) text += label("ok", id, width) + note.get<std::string>() + "\n";
  for (const json& problem : list(compared, "problems"))
    text += label("error", id, width) + text_or(problem, "message", "?") + ". " + text_or(problem, "remedy", "") +
            held_text(compared) + "\n";
  return text;
}

/// "  ok      dedupe, items: unchanged": all operators of one fate.
std::string fate_line(const json& operation, const std::string& fate, const std::string& words) {
  std::string ids;
  for (const json& each : list(operation, "operators"))
    if (text_or(each, "fate", "") == fate) ids += (ids.empty() ? "" : ", ") + text_or(each, "id", "?");
  return ids.empty() ? "" : "  ok      " + ids + ": " + words + "\n";
}

bool runs(const std::string& state) { return state == "Running" || state == "Pausing" || state == "Paused"; }

}  // namespace

std::string change_text(const json& status) {
  const json& change = member(status, "change");
  std::string text = savepoint_text(change);
  if (number_of(change, "restored_ms")) text += "restored" + in_brackets(change, "restored_ms") + "   ";
  return text + text_or(status, "state", "?") + ", attempt " + std::to_string(integer_or(status, "attempt", 0)) +
         ", revision " + std::to_string(integer_or(status, "revision", 1)) + ", first checkpoint done    " +
         stood_still_text(change);
}

std::string watch_text(const json& before, const json& begun, const json& now) {
  const std::int64_t errors = errors_of_operators(now) - errors_of_operators(begun);
  const std::int64_t restarts = integer_or(now, "attempt", 0) - integer_or(begun, "attempt", 0);
  const auto rate = [](double per_second) { return compact_rate(per_second) + "/s"; };
  return "watched " + duration(number_or(member(now, "change"), "watch_for_ms", 0)) + ": restarts " +
         grouped(std::max<std::int64_t>(restarts, 0)) + "   errors " + grouped(std::max<std::int64_t>(errors, 0)) +
         compared("p99", "p99_ms", before, now, latency) +
         compared("throughput", "records_in_per_s", before, now, rate) +
         compared("state", "state_bytes", before, now, bytes);
}

Outcome ChangeJudge::failed(const json& status) const {
  const json& change = member(status, "change");
  const std::string why = text_or(change, "why", "");
  Outcome outcome{.is_over = true, .is_good = false, .text = why.empty() ? text_or(status, "reason", "") : why};
  if (integer_or(change, "back_to", 0) == 0) return outcome;
  // It is told when the job runs as it did, or is over.
  outcome.is_over = runs(text_or(status, "state", "")) || is_over(text_or(status, "state", ""));
  outcome.text += ", " + stood_still_text(change);
  return outcome;
}

Outcome ChangeJudge::look(const json& status) {
  const json& change = member(status, "change");
  if (!change.is_object()) return forgotten(job_);
  const std::string step = text_or(change, "step", "");
  const bool has_ended = is_over(text_or(status, "state", ""));
  if (step == "failed" || (has_ended && step != "done")) return failed(status);
  Outcome outcome;
  outcome.is_over = step == "done";
  const bool is_watched = integer_or(change, "watch_for_ms", 0) > 0;
  if (is_watched && (step == "watching" || step == "done")) {
    if (begun_.is_null()) begun_ = status;
    outcome.progress = change_text(status) + "\n";
    outcome.text = watch_text(before_, begun_, status) + "     kept.\nundo: " + undo_;
  } else {
    outcome.text = change_text(status) + "\nundo: " + undo_;
  }
  return outcome;
}

std::size_t errors_of_comparison(const json& operation) {
  const json& operators = list(operation, "operators");
  return static_cast<std::size_t>(std::count_if(operators.begin(), operators.end(),
                                                [](const json& each) { return text_or(each, "fate", "") == "error"; }));
}

std::string comparison_text(const json& operation) {
  const std::size_t errors = errors_of_comparison(operation);
  std::string text = "compatible with revision " + std::to_string(integer_or(operation, "revision", 0)) +
                     " at checkpoint " + std::to_string(integer_or(operation, "checkpoint", 0));
  if (errors > 0) text += ", except " + std::to_string(errors) + (errors == 1 ? " error" : " errors");
  text += ":\n";
  std::size_t width = 0;
  for (const json& each : list(operation, "operators"))
    if (is_told_apart(text_or(each, "fate", ""))) width = std::max(width, text_or(each, "id", "").size());
  for (const json& each : list(operation, "operators"))
    if (text_or(each, "fate", "") != "error") text += operator_lines(each, width);
  for (const auto& [fate, words] :
       {std::pair{"unchanged", "unchanged"}, {"fresh", "new"}, {"gone", "gone, had no state"}})
    text += fate_line(operation, fate, words);
  for (const json& each : list(operation, "operators"))
    if (text_or(each, "fate", "") == "error") text += operator_lines(each, width);
  return text;
}

Outcome judge_stop(const std::string& job, const json& status) {
  const json& change = member(status, "change");
  const std::string step = text_or(change, "step", ""), state = text_or(status, "state", "");
  if (!change.is_object() && state != "Stopped") return forgotten(job);
  Outcome outcome;
  outcome.is_good = step == "done" || state == "Stopped";
  outcome.is_over = outcome.is_good || step == "failed" || is_over(state);
  outcome.text = outcome.is_good
                     ? savepoint_text(change) +
                           "Stopped, all results up to it are committed\nundo: " + "freshet restart " + shell_word(job)
                     : text_or(change, "why", text_or(status, "reason", ""));
  return outcome;
}

}  // namespace freshet::cli
