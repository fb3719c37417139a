#include "operators/connectors/time_format.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "operators/connectors/characters.h"

namespace freshet::files {
namespace {

using Milliseconds = std::optional<std::int64_t>;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kEarliest = -62'167'219'200 * kSecond;    // 0000-01-01T00:00:00Z
constexpr std::int64_t kLatest = 253'402'300'800 * kSecond - 1;  // 9999-12-31T23:59:59.999Z
constexpr std::int64_t kAutoSecondsBelow = 100'000'000'000;      // as seconds: the year 5138; as milliseconds: 1973
constexpr std::int64_t kAutoMillisBelow = 100'000'000'000'000;   // as milliseconds: 5138; as microseconds: 1973
constexpr int kMaxDigits = 17;                                   // fits an int64 with room for one multiplication by 10
constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

struct Clock {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, millis = 0;
  int offset_minutes = 0;  // of the zone, east of Greenwich
};

// Reads a text from the left; everything it tries either succeeds and moves on, or fails and leaves it where it was.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool take(char c) { return peek() == c && !done() && (++at_, true); }
  bool take_spaces() {
    while (take(' ')) continue;
    return true;
  }

  bool number(int least, int most, int& value) {
    std::size_t at = at_;
    int result = 0;
    int digits = 0;
    for (; digits < most && at < text_.size() && is_digit(text_[at]); ++at, ++digits)
      result = result * 10 + (text_[at] - '0');
    if (digits < least) return false;
    at_ = at;
    value = result;
    return true;
  }

  // ".5" is 500 ms; digits beyond the third are dropped.
  bool fraction(int& millis) {
    if (peek() != '.' || at_ + 1 >= text_.size() || !is_digit(text_[at_ + 1])) return false;
    ++at_;
    int scale = 100;
    for (millis = 0; is_digit(peek()); ++at_, scale /= 10) millis += scale * (peek() - '0');
    return true;
  }

  bool month_name(int& month) {
    if (text_.size() - at_ < 3) return false;
    for (std::size_t index = 0; index < kMonths.size(); ++index) {
      bool same = true;
      for (std::size_t i = 0; i < 3; ++i) same = same && (text_[at_ + i] | 0x20) == kMonths[index][i];
      if (!same) continue;
      month = static_cast<int>(index) + 1;
      at_ += 3;
      return true;
    }
    return false;
  }

  // Z, +01, +0100, +01:00
  bool zone(int& offset_minutes) {
    if (take('Z') || take('z')) return offset_minutes = 0, true;
    const int sign = peek() == '-' ? -1 : 1;
    if (!take('+') && !take('-')) return false;
    int hours = 0;
    int minutes = 0;
    if (!number(2, 2, hours) || hours > 23) return false;
    if (take(':') ? !number(2, 2, minutes) : is_digit(peek()) && !number(2, 2, minutes)) return false;
    offset_minutes = sign * (hours * 60 + minutes);
    return minutes < 60;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

Milliseconds in_range(std::int64_t ms) { return ms >= kEarliest && ms <= kLatest ? Milliseconds(ms) : std::nullopt; }

Milliseconds to_milliseconds(const Clock& clock) {
  using namespace std::chrono;
  const year_month_day date{year(clock.year), month(static_cast<unsigned>(clock.month)),
                            day(static_cast<unsigned>(clock.day))};
  // Second 60 is a leap second: the first one of the next minute.
  if (!date.ok() || clock.hour > 23 || clock.minute > 59 || clock.second > 60) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  const std::int64_t minutes = days * 24 * 60 + clock.hour * 60 + clock.minute - clock.offset_minutes;
  return in_range((minutes * 60 + clock.second) * kSecond + clock.millis);
}

Milliseconds parse_iso(std::string_view text) {
  Cursor in(text);
  Clock clock;
  if (!in.number(4, 4, clock.year) || !in.take('-') || !in.number(2, 2, clock.month) || !in.take('-') ||
      !in.number(2, 2, clock.day)) {
    return std::nullopt;
  }
  if (in.done()) return to_milliseconds(clock);
  if (!in.take('T') && !in.take(' ') && !in.take('t')) return std::nullopt;
  if (!in.number(2, 2, clock.hour) || !in.take(':') || !in.number(2, 2, clock.minute)) return std::nullopt;
  if (in.take(':')) {
    if (!in.number(2, 2, clock.second)) return std::nullopt;
    in.fraction(clock.millis);
  }
  if (!in.done()) {
    in.take(' ');
    if (!in.zone(clock.offset_minutes)) return std::nullopt;
  }
  return in.done() ? to_milliseconds(clock) : std::nullopt;
}

// 17/May/2015:10:05:03 +0000, as in access logs.
Milliseconds parse_log_time(std::string_view text) {
  Cursor in(text);
  Clock clock;
  if (!in.number(2, 2, clock.day) || !in.take('/') || !in.month_name(clock.month) || !in.take('/') ||
      !in.number(4, 4, clock.year) || !in.take(':') || !in.number(2, 2, clock.hour) || !in.take(':') ||
      !in.number(2, 2, clock.minute) || !in.take(':') || !in.number(2, 2, clock.second)) {
    return std::nullopt;
  }
  in.fraction(clock.millis);
  if (in.take(' ') && !in.zone(clock.offset_minutes)) return std::nullopt;
  return in.done() ? to_milliseconds(clock) : std::nullopt;
}

bool is_like_log_time(std::string_view text) { return text.size() > 6 && text[2] == '/' && text[6] == '/'; }

// A decimal number in units of which `per_second` make a second; per_second 0 chooses by magnitude.
Milliseconds parse_number(std::string_view text, std::int64_t per_second) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::int64_t whole = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    if (digits == kMaxDigits) return std::nullopt;
    whole = whole * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  Cursor rest(text.substr(digits));
  int millis = 0;
  if (!rest.done() && (!rest.fraction(millis) || !rest.done())) return std::nullopt;
  if (per_second == 0) per_second = whole < kAutoSecondsBelow ? 1 : whole < kAutoMillisBelow ? 1000 : 1'000'000;
  if (per_second == 1 && whole > kLatest / kSecond) return std::nullopt;
  const std::int64_t ms = per_second == 1 ? whole * kSecond + millis : whole / (per_second / kSecond);
  return in_range(negative ? -ms : ms);
}

bool take_field(Cursor& in, char letter, char next, Clock& clock) {
  switch (letter) {
    case 'Y':
      return in.number(4, 4, clock.year);
    case 'y':
      if (!in.number(2, 2, clock.year)) return false;
      clock.year += clock.year < 69 ? 2000 : 1900;  // as POSIX divides the centuries
      return true;
    case 'm':
      return in.number(1, 2, clock.month);
    case 'b':
      return in.month_name(clock.month);
    case 'e':
      return in.take_spaces() && in.number(1, 2, clock.day);
    case 'd':
      return in.number(1, 2, clock.day);
    case 'H':
      return in.number(1, 2, clock.hour);
    case 'M':
      return in.number(1, 2, clock.minute);
    case 'S':
      if (!in.number(1, 2, clock.second)) return false;
      if (next != '.') in.fraction(clock.millis);  // else the dot belongs to the pattern
      return true;
    case 'z':
      return in.zone(clock.offset_minutes);
    default:
      return in.take('%');
  }
}

Milliseconds parse_pattern(std::string_view pattern, std::string_view text) {
  Cursor in(text);
  Clock clock;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == ' ') {
      in.take_spaces();
    } else if (pattern[at] != '%') {
      if (!in.take(pattern[at])) return std::nullopt;
    } else {
      ++at;
      const char next = at + 1 < pattern.size() ? pattern[at + 1] : '\0';
      if (!take_field(in, pattern[at], next, clock)) return std::nullopt;
    }
  }
  return in.done() ? to_milliseconds(clock) : std::nullopt;
}

Status check_pattern(std::string_view pattern) {
  std::string given;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '%') continue;
    ++at;
    if (at == pattern.size() || std::string_view("YymbdeHMSz%").find(pattern[at]) == std::string_view::npos) {
      return Error{"time format '" + std::string(pattern) + "': %" + std::string(pattern.substr(at, 1)) +
                   " is not known; use %Y %y %m %b %d %e %H %M %S %z %%"};
    }
    given += pattern[at];
  }
  const auto any = [&](const char* letters) { return given.find_first_of(letters) != std::string::npos; };
  if (any("Yy") && any("mb") && any("de")) return {};
  return Error{"time format '" + std::string(pattern) + "' must name year (%Y), month (%m or %b) and day (%d)"};
}

}  // namespace

Result<TimeFormat> TimeFormat::from_text(std::string_view spec) {
  if (spec == "auto") return TimeFormat(Kind::automatic, spec);
  if (spec == "s") return TimeFormat(Kind::seconds, spec);
  if (spec == "ms") return TimeFormat(Kind::milliseconds, spec);
  if (spec == "us") return TimeFormat(Kind::microseconds, spec);
  if (spec == "iso") return TimeFormat(Kind::iso, spec);
  if (spec.find('%') == std::string_view::npos) {
    return Error{"time format '" + std::string(spec) +
                 "' is not known; use s, ms, us, iso, auto or a pattern like '%d/%b/%Y:%H:%M:%S %z'"};
  }
  if (auto status = check_pattern(spec); !status) return status.error();
  return TimeFormat(Kind::pattern, spec);
}

std::optional<std::int64_t> TimeFormat::parse(std::string_view text) const {
  switch (kind_) {
    case Kind::seconds:
      return parse_number(text, 1);
    case Kind::milliseconds:
      return parse_number(text, kSecond);
    case Kind::microseconds:
      return parse_number(text, 1'000'000);
    case Kind::iso:
      return parse_iso(text);
    case Kind::pattern:
      return parse_pattern(spec_, text);
    case Kind::automatic:
      break;
  }
  if (is_like_log_time(text)) return parse_log_time(text);
  // A date has its first dash behind the year; a number has at most a sign.
  return text.size() > 4 && text[4] == '-' ? parse_iso(text) : parse_number(text, 0);
}

Error TimeFormat::mismatch(std::string_view text) const {
  constexpr std::size_t kShown = 64;
  std::string message = "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "…" : "") +
                        "' is not a time of the format " + spec_;
  if (kind_ != Kind::automatic && TimeFormat().parse(text)) {
    const bool iso = parse_iso(text).has_value();
    const std::size_t digits = text.find_first_not_of("0123456789-");
    const std::size_t length = std::min(digits, text.size()) - (text.starts_with('-') ? 1 : 0);
    const char* fitting = iso                      ? "iso"
                          : is_like_log_time(text) ? "auto"
                          : length <= 11           ? "s"
                          : length <= 14           ? "ms"
                                                   : "us";
    if (spec_ != fitting) message += std::string("; ") + fitting + " would fit";
  }
  return {message};
}

std::string format_time_iso(std::int64_t ms) {
  using namespace std::chrono;
  if (ms < kEarliest || ms > kLatest) return std::to_string(ms);
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss clock(time - midnight);
  std::array<char, 32> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace freshet::files
