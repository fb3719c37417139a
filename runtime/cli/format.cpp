#include "runtime/cli/format.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

namespace freshet::cli {
namespace {

/// `digits` digits that count, never fewer than the whole part has: 1.42, 10.1, 203.
std::string significant(double value, int digits) {
  int decimals = digits - 1;
  for (double size = 10; decimals > 0 && value + 0.5 * std::pow(10, -decimals) >= size; size *= 10) --decimals;
  return fmt::format("{:.{}f}", value, decimals);
}

/// Divides by `step` until the rounded number has fewer digits than the next unit would need.
std::string scaled(double value, double step, int digits, const std::array<const char*, 6>& units) {
  std::size_t unit = 0;
  while (value >= step - 0.5 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  // What fell just under one of the next unit by rounding up is one of it.
  value = std::max(value, unit == 0 ? value : 1.0);
  const std::string number = unit == 0 ? fmt::format("{:.0f}", value) : significant(value, digits);
  return units[unit][0] == '\0' ? number : number + " " + units[unit];
}

std::string local(std::int64_t epoch_ms, const char* format) {
  const std::time_t seconds = static_cast<std::time_t>(epoch_ms >= 0 ? epoch_ms / 1000 : (epoch_ms - 999) / 1000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), format, &parts);
  return std::string(text.data(), length);
}

constexpr std::array<const char*, 6> kDecimal{"", "k", "M", "G", "T", "P"};
constexpr std::array<const char*, 6> kBinary{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

std::string two_parts(std::int64_t whole, const char* large, std::int64_t rest, const char* small) {
  return rest == 0 ? fmt::format("{} {}", whole, large) : fmt::format("{} {} {} {}", whole, large, rest, small);
}

}  // namespace

std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t position = digits.size(); position > first + 3;) {
    position -= 3;
    digits.insert(position, ",");
  }
  return digits;
}

std::string compact(double value) {
  if (!std::isfinite(value)) return "-";
  if (value < 0) return "-" + compact(-value);
  return scaled(value, 1000, 3, kDecimal);
}

std::string compact_rate(double per_second) {
  if (!std::isfinite(per_second)) return "-";
  if (per_second <= 0) return "0";
  if (per_second < 0.05) return "<0.1";
  if (per_second < 9.95 && std::fabs(per_second - std::round(per_second)) > 0.05) {
    return fmt::format("{:.1f}", per_second);
  }
  return scaled(per_second, 1000, 2, kDecimal);
}

std::string bytes(double value) {
  if (!std::isfinite(value)) return "-";
  if (value < 0) return "-" + bytes(-value);
  return scaled(value, 1024, 2, kBinary);
}

std::string latency(double milliseconds) {
  if (!std::isfinite(milliseconds) || milliseconds < 0) return "-";
  if (milliseconds > 0 && milliseconds < 0.05) return "<0.1 ms";
  if (milliseconds < 9.95) return fmt::format("{:.1f} ms", milliseconds);
  if (milliseconds < 999.5) return fmt::format("{:.0f} ms", milliseconds);
  return duration(milliseconds);
}

std::string duration(double milliseconds) {
  if (!std::isfinite(milliseconds) || milliseconds < 0) return "-";
  if (milliseconds == 0) return "0 s";
  if (milliseconds < 50) return "<0.1 s";
  if (milliseconds < 9'950) {
    const std::int64_t tenths = std::llround(milliseconds / 100);
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const std::int64_t seconds = std::llround(std::min(milliseconds, 1e15) / 1000);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return two_parts(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86'400) return two_parts(seconds / 3600, "h", seconds % 3600 / 60, "min");
  return two_parts(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

std::string percent(double share) {
  if (!std::isfinite(share)) return "-";
  const double value = share * 100;
  if (value == 0) return "0 %";
  if (std::fabs(value) >= 0.95) return fmt::format("{:.0f} %", value);
  if (std::fabs(value) < 0.000095) return "<0.0001 %";
  return fmt::format("{:.1g} %", value);
}

std::string clock_time(std::int64_t epoch_ms) { return local(epoch_ms, "%H:%M:%S"); }

std::string date_time(std::int64_t epoch_ms) { return local(epoch_ms, "%Y-%m-%d %H:%M:%S %Z"); }

}  // namespace freshet::cli
