#include "runtime/cli/job_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/table.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

/// On terminals as wide as this there is room for what the attempt tells already.
constexpr std::size_t kWideColumns = 110;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string painted_health(const std::string& health, const Terminal& terminal) {
  return terminal.paint(upper(health) == "OK" ? Paint::kGood : Paint::kWarning, upper(health));
}

/// Health as the job manager says it, or as the problems do.
std::string health_of(const json& status) {
  const std::string said = text_or(status, "health", "");
  if (!said.empty()) return said;
  if (text_or(status, "state", "") != "Running") return {};
  return list(status, "problems").empty() ? "OK" : "DEGRADED";
}

/// Words separated by `gap`, empty ones left out.
class Line {
 public:
  explicit Line(std::string gap) : gap_(std::move(gap)) {}
  Line& add(const std::string& word) {
    if (!word.empty()) text_ += (text_.empty() ? "" : gap_) + word;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string gap_;
  std::string text_;
};

std::string rate_or_dash(const json& object, const char* name) {
  const auto value = number_of(object, name);
  return value ? compact_rate(*value) : "-";
}

std::string since(std::int64_t now_ms, std::optional<std::int64_t> then_ms) {
  return then_ms ? duration(static_cast<double>(std::max<std::int64_t>(0, now_ms - *then_ms))) : "-";
}

std::string age_and_attempt(const json& status, std::int64_t now_ms) {
  Line line(", ");
  if (const auto started = integer_of(status, "started_ms")) line.add(since(now_ms, started));
  if (const auto attempt = integer_of(status, "attempt")) {
    const std::int64_t restarts = integer_or(status, "restarts", 0);
    const std::string suffix =
        restarts == 0 ? "" : " (" + std::to_string(restarts) + (restarts == 1 ? " restart)" : " restarts)");
    line.add("attempt " + std::to_string(*attempt) + suffix);
  }
  if (const auto revision = integer_of(status, "revision")) line.add("revision " + std::to_string(*revision));
  return line.text();
}

std::string speed(const json& status, std::int64_t now_ms) {
  Line line("   ");
  if (const auto rate = number_of(status, "records_in_per_s")) line.add(compact_rate(*rate) + "/s in");
  if (const auto lag = number_of(status, "lag_ms")) line.add("lag " + duration(*lag));
  if (const auto watermark = integer_of(status, "watermark_ms")) {
    line.add("watermark " + since(now_ms, watermark) + " behind");
  }
  if (const auto p99 = number_of(status, "p99_ms")) line.add("p99 " + latency(*p99));
  return line.text();
}

std::string checkpoint_words(const json& status) {
  const json& checkpoint = member(status, "last_checkpoint");
  const std::int64_t failed = integer_or(status, "checkpoints_failed_in_a_row", 0);
  const auto number = integer_of(checkpoint, "number");
  Line details(", ");
  if (const auto age = number_of(checkpoint, "age_ms")) details.add(duration(*age) + " ago");
  if (const auto took = number_of(checkpoint, "took_ms")) details.add(latency(*took));
  if (const auto size = number_of(checkpoint, "bytes")) details.add(bytes(*size));
  if (failed > 0) details.add(std::to_string(failed) + " failed" + (number ? " since" : ""));
  if (details.text().empty()) return {};
  return "checkpoint " + (number ? std::to_string(*number) : std::string("none")) + "  " + details.text();
}

std::string dead_letter_words(const json& status) {
  const auto count = integer_of(status, "dead_letters");
  if (!count) return {};
  const double records_in = number_or(status, "records_in", 0);
  const std::string share =
      *count > 0 && records_in > 0 ? " (" + percent(static_cast<double>(*count) / records_in) + ")" : "";
  return "dead letters " + grouped(*count) + share;
}

std::string totals_line(const json& status) {
  Line line("    ");
  line.add(checkpoint_words(status));
  if (const auto state = number_of(status, "state_bytes")) line.add("state " + bytes(*state));
  if (const auto records = integer_of(status, "records_in")) line.add("in " + compact(static_cast<double>(*records)));
  line.add(dead_letter_words(status));
  if (const auto waiting = integer_or(status, "retrying", 0); waiting != 0) line.add("retrying " + grouped(waiting));
  if (const auto late = integer_of(status, "late")) line.add("late " + grouped(*late));
  return line.text();
}

std::string share_or_dash(const json& object, const char* name) {
  const auto share = number_of(object, name);
  return share ? percent(*share) : "-";
}

std::vector<std::string> operator_row(const json& chain) {
  const auto p99 = number_of(chain, "p99_ms");
  const auto state = number_of(chain, "state_bytes");
  return {chain_name(chain),
          std::to_string(integer_or(chain, "tasks", 0)),
          rate_or_dash(chain, "in_per_s"),
          rate_or_dash(chain, "out_per_s"),
          share_or_dash(chain, "busy"),
          share_or_dash(chain, "blocked"),
          p99 ? latency(*p99) : "-",
          state && *state > 0 ? bytes(*state) : "-",
          grouped(integer_or(chain, "errors", 0)),
          joined_texts(list(chain, "where"), " ")};
}

std::string operator_table(const json& operators, const StatusTextOptions& options) {
  constexpr auto kRight = Align::kRight;
  Table table({{"OPERATOR"},
               {"TASKS", kRight},
               {"IN/s", kRight},
               {"OUT/s", kRight},
               {"BUSY", kRight},
               {"BLOCKED", kRight},
               {"P99", kRight},
               {"STATE", kRight},
               {"ERRORS", kRight},
               {"WHERE"}});
  for (const json& chain : operators) {
    table.add(operator_row(chain));
    if (!options.every_operator) continue;
    const json& ids = list(chain, "chain");
    for (std::size_t index = 1; index < ids.size(); ++index) {
      if (ids[index].is_string()) table.add({"  + " + ids[index].get<std::string>()});
    }
  }
  return table.empty() ? "" : table.render(options.terminal);
}

std::string detail_lines(const char* label, const std::string& text) {
  std::string result;
  std::string head = label;
  head.resize(9, ' ');
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += "    " + head + text.substr(begin, end - begin) + "\n";
    head.assign(9, ' ');
    begin = end + 1;
  }
  return result;
}

}  // namespace

std::string painted_state(const std::string& state, const Terminal& terminal) {
  Paint paint = Paint::kWarning;
  if (state == "Running" || state == "Finished") paint = Paint::kGood;
  if (state == "Failed") paint = Paint::kBad;
  if (state == "Stopped" || state == "Cancelled") paint = Paint::kFaint;
  return terminal.paint(paint, upper(state));
}

std::string chain_name(const json& chain_operator) {
  const std::string id = text_or(chain_operator, "id", "?");
  const std::size_t members = list(chain_operator, "chain").size();
  return members > 1 ? id + "+" + std::to_string(members - 1) : id;
}

std::string list_text(const json& jobs, std::int64_t now_ms, const Terminal& terminal) {
  now_ms = integer_or(jobs, "now_ms", now_ms);
  constexpr auto kRight = Align::kRight;
  const bool has_room = terminal.width() == 0 || terminal.width() >= kWideColumns;
  std::vector<Table::Column> columns{{"JOB"},
                                     {"ID"},
                                     {"STATE"},
                                     {"HEALTH"},
                                     {"SINCE", kRight},
                                     {"IN/s", kRight},
                                     {"TASKS", kRight},
                                     {"ATTEMPT", kRight},
                                     {"REVISION", kRight}};
  if (has_room) columns.push_back({"RESTARTS", kRight});
  columns.push_back({"PROBLEM"});
  Table table(std::move(columns));
  for (const json& job : list(jobs, "jobs")) {
    const std::string health = text_or(job, "health", "");
    std::vector<std::string> row{text_or(job, "name", "?"),
                                 text_or(job, "id", "?"),
                                 painted_state(text_or(job, "state", "?"), terminal),
                                 health.empty() ? "-" : painted_health(health, terminal),
                                 since(now_ms, integer_of(job, "since_ms")),
                                 rate_or_dash(job, "records_in_per_s"),
                                 grouped(integer_or(job, "tasks", 0)),
                                 grouped(integer_or(job, "attempt", 0)),
                                 grouped(integer_or(job, "revision", 0))};
    if (has_room) row.push_back(grouped(integer_or(job, "restarts", 0)));
    row.push_back(text_or(job, "problem", "-"));
    table.add(std::move(row));
  }
  if (table.empty()) return "no jobs        start one: freshet submit LIB\n";
  return table.render(terminal);
}

std::string problem_text(const json& problem, const Terminal& terminal) {
  Line what(", ");
  what.add(text_or(problem, "what", "")).add(text_or(problem, "where", ""));
  if (const auto begin = integer_of(problem, "since_ms")) what.add("since " + clock_time(*begin));
  std::string text =
      terminal.paint(Paint::kBad, "! " + text_or(problem, "kind", "PROBLEM")) + "   " + what.text() + "\n";
  text += detail_lines("cause", text_or(problem, "cause", ""));
  text += detail_lines("effect", text_or(problem, "effect", ""));
  text += detail_lines("try", joined_texts(list(problem, "try"), "\n"));
  return text;
}

std::string status_headline(const json& status, const StatusTextOptions& options) {
  const std::int64_t now_ms = integer_or(status, "now_ms", options.now_ms);
  const std::string state = text_or(status, "state", "?");
  Line head("  ");
  head.add(text_or(status, "name", "?")).add(painted_state(state, options.terminal));
  const std::string health = health_of(status);
  if (!health.empty()) head.add(painted_health(health, options.terminal));
  Line line("   ");
  line.add(head.text()).add(age_and_attempt(status, now_ms));
  const std::string reason = text_or(status, "reason", "");
  if (state != "Running" && !reason.empty()) line.add(reason);
  Line whole("    ");
  return whole.add(line.text()).add(speed(status, now_ms)).text();
}

std::string status_text(const json& status, const StatusTextOptions& options) {
  const std::size_t width = options.terminal.width();
  std::string text = trimmed(status_headline(status, options), width) + "\n";
  for (const json& problem : list(status, "problems")) text += problem_text(problem, options.terminal);
  const std::string totals = totals_line(status);
  if (!totals.empty()) text += trimmed(totals, width) + "\n";
  return text + operator_table(list(status, "operators"), options);
}

}  // namespace freshet::cli
