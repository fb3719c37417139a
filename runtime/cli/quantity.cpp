#include "runtime/cli/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

namespace freshet::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array kSizeUnits{Unit{"B", 1.0}, Unit{"KiB", 1024.0}, Unit{"MiB", 1048576.0}, Unit{"GiB", 1073741824.0},
                                Unit{"TiB", 1099511627776.0}};
constexpr std::array kTimeUnits{Unit{"ms", 1.0}, Unit{"s", 1000.0}, Unit{"min", 60'000.0}, Unit{"h", 3'600'000.0},
                                Unit{"d", 86'400'000.0}};
// Doubles hold every whole number up to here exactly; nobody has 8 PiB or 285,000 years.
constexpr double kLargest = 9007199254740992.0;

struct Amount {
  double number = 0;
  std::string_view unit;
};

std::optional<Amount> split(std::string_view text) {
  Amount amount;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), amount.number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(amount.number) || amount.number < 0) return std::nullopt;
  amount.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!amount.unit.empty() && amount.unit.front() == ' ') amount.unit.remove_prefix(1);
  return amount;
}

Failure refuse(std::string_view text, std::string_view reason, const char* form) {
  std::string message = "'" + std::string(text) + "'";
  message += reason.empty() ? " is not " : " " + std::string(reason) + "; expected ";
  return {ExitCode::kUsage, message + form};
}

Result<std::int64_t> parse(std::string_view text, std::span<const Unit> units, const char* form, bool bare_allowed) {
  const auto amount = split(text);
  if (!amount) return refuse(text, "", form);
  double factor = 0;
  if (amount->unit.empty()) {
    if (!bare_allowed && amount->number != 0) return refuse(text, "has no unit", form);
    factor = 1;
  }
  for (const Unit& unit : units) {
    if (amount->unit == unit.name) factor = unit.factor;
  }
  if (factor == 0) return refuse(text, "has an unknown unit", form);
  const double product = amount->number * factor;
  if (product > kLargest) return refuse(text, "is too large", form);
  if (amount->number > 0 && product < 1) return refuse(text, "is less than one of the smallest unit", form);
  return static_cast<std::int64_t>(std::llround(product));
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) { return parse(text, kSizeUnits, kSizeForm, true); }

Result<std::int64_t> parse_duration_ms(std::string_view text) { return parse(text, kTimeUnits, kDurationForm, false); }

}  // namespace freshet::cli
