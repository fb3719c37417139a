#include "runtime/cli/dead_letter_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "dag/counted.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/log_text.h"
#include "runtime/cli/table.h"

namespace freshet::cli {

using nlohmann::json;

namespace {

std::string letter_number(const json& object, const char* name) {
  const json& id = member(object, name);
  return id.is_number_unsigned() ? "#" + std::to_string(id.get<std::uint64_t>()) : "?";
}

/// User code's own words.
std::string user_words(const json& object, const char* name, const char* otherwise = "?") {
  return printable(text_or(object, name, otherwise));
}

std::string letter_time(const json& object, const char* name, std::int64_t now_ms) {
  constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
  const std::int64_t at_ms = integer_or(object, name, 0);
  return now_ms - at_ms < kDayMs ? clock_time(at_ms) : date_time(at_ms);
}

/// "category", or "category, sessions" …
std::string operators_named_in(const json& answer) {
  std::set<std::string> names;
  for (const json& group : list(answer, "groups")) names.insert(text_or(group, "operator", "?"));
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string dead_letters_text(const json& answer, const json& job, const Terminal& terminal) {
  const std::int64_t now_ms = integer_or(answer, "now_ms", 0);
  const std::int64_t kept = integer_or(answer, "kept", 0);
  std::string text;
  if (kept != 0) {
    Table groups({{"REASON"}, {"OPERATOR"}, {"COUNT", Align::kRight}, {"FIRST"}, {"LAST"}, {"EXAMPLE"}, {"MESSAGE"}});
    for (const json& group : list(answer, "groups"))
      groups.add({user_words(group, "reason"), text_or(group, "operator", "?"), grouped(integer_or(group, "count", 0)),
                  letter_time(group, "first_ms", now_ms), letter_time(group, "last_ms", now_ms),
                  letter_number(group, "example"), user_words(group, "message", "")});
    text += groups.render(terminal);
  }
  if (!list(answer, "letters").empty()) {
    Table letters({{"LETTER"}, {"WHEN"}, {"OPERATOR"}, {"REASON"}, {"FROM"}});
    for (const json& letter : list(answer, "letters"))
      letters.add({letter_number(letter, "id"), letter_time(letter, "at_ms", now_ms), text_or(letter, "operator", "?"),
                   user_words(letter, "reason"), user_words(letter, "origin", "")});
    text += "\n" + letters.render(terminal);
  }
  const std::int64_t counted = integer_or(job, "dead_letters", 0);
  text += kept == 0 ? "no dead letters are kept" : dag::counted(static_cast<std::size_t>(kept), "dead letter");
  if (member(answer, "checkpoint").is_number())
    text += " as of checkpoint " + std::to_string(integer_or(answer, "checkpoint", 0)) + ", " +
            duration(static_cast<double>(std::max<std::int64_t>(0, now_ms - integer_or(answer, "checkpoint_ms", 0)))) +
            " old";
  if (counted != 0) text += "; " + grouped(counted) + " counted since the job began, replayed and not kept ones too";
  return text + "\n";
}

std::string dead_letter_text(const json& letter, const std::string& record) {
  std::string text = letter_number(letter, "id") + "  operator " + text_or(letter, "operator", "?") + ", " +
                     dag::counted(static_cast<std::size_t>(integer_or(letter, "attempts", 0)), "attempt") + ", " +
                     user_words(letter, "reason") + ": " + user_words(letter, "message", "") + "\n";
  text += "from    " + user_words(letter, "origin", "unknown");
  text += "    set aside " + date_time(integer_or(letter, "at_ms", 0));
  if (const auto event = integer_of(letter, "event_time_ms")) text += "    event time " + date_time(*event);
  text += "\n";
  if (!member(letter, "key").is_null())
    text += "key     " + printable(member(letter, "key").dump(-1, ' ', false, json::error_handler_t::replace)) + "\n";
  return text + "record  " + printable(record) + "\n";
}

std::string replay_preview(const json& answer, bool replays) {
  const std::int64_t kept = integer_or(answer, "kept", 0);
  if (kept == 0) return "no dead letter is kept that would be meant";
  const std::string count = dag::counted(static_cast<std::size_t>(kept), "record");
  if (!replays) return count + " of " + operators_named_in(answer) + " would be dropped for good";
  std::string text = count + " would go to " + operators_named_in(answer) + " again";
  if (const auto behind = integer_or(answer, "behind_watermark", 0); behind != 0)
    text += "; " + grouped(behind) + (behind == 1 ? " is" : " are") +
            " older than the watermark, and windows behind may find " + (behind == 1 ? "it" : "them") +
            " late (counter late_after_retry)";
  return text;
}

}  // namespace freshet::cli
