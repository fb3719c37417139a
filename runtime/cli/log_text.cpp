#include "runtime/cli/log_text.h"

#include <spdlog/fmt/fmt.h>
#include <nlohmann/json.hpp>

#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"

namespace freshet::cli {
namespace {

/// The job manager may name a worker by a number or by a word.
std::string number_or_word(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : "?";
}

Paint paint_of(const std::string& level) {
  if (level == "error" || level == "critical") return Paint::kBad;
  if (level == "warn" || level == "warning") return Paint::kWarning;
  return level == "info" ? Paint::kPlain : Paint::kFaint;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result;
}

std::string log_line_text(const nlohmann::json& line, const Terminal& terminal) {
  const std::int64_t time_ms = integer_or(line, "time_ms", 0);
  const std::string level = text_or(line, "level", "info");
  const std::string origin = text_or(line, "operator", "");
  return fmt::format("{}.{:03} w{} a{} {} {}{}", clock_time(time_ms), (time_ms % 1000 + 1000) % 1000,
                     number_or_word(member(line, "worker")), number_or_word(member(line, "attempt")),
                     terminal.paint(paint_of(level), fmt::format("{:<5}", level)),
                     origin.empty() ? "" : printable(origin) + "  ", printable(text_or(line, "text", "")));
}

std::string event_text(const nlohmann::json& event, std::int64_t now_ms, const Terminal& terminal) {
  constexpr std::int64_t kDayMs = 24 * 3'600'000;
  const std::int64_t time_ms = integer_or(event, "time_ms", 0);
  const std::string kind = text_or(event, "kind", "");
  const bool is_bad = kind == "problem" || kind == "agent" || kind == "worker" || kind == "checkpoint";
  const Paint paint = is_bad ? Paint::kWarning : kind == "verb" ? Paint::kFaint : Paint::kPlain;
  return (now_ms - time_ms < kDayMs ? clock_time(time_ms) : date_time(time_ms)) + "  " +
         terminal.paint(paint, printable(text_or(event, "text", "")));
}

}  // namespace freshet::cli
