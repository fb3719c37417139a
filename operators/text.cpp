#include <freshet/text.h>

namespace freshet {

namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t ms;
};
constexpr Unit kUnits[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}};

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is none (after the table of RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool overlong = lead == 0xe0 && at(1) < 0xa0;
    const bool surrogate = lead == 0xed && at(1) >= 0xa0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && at(1) < 0x90;
    const bool beyond = lead == 0xf4 && at(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool read_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

/// Overwrites `count` digits; a time is written for nearly every row that goes out.
void write_digits(char* at, int count, int value) {
  for (; count > 0; value /= 10) at[--count] = static_cast<char>('0' + value % 10);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

bool parse_iso(std::string_view text, Time& value) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t ms = 0, offset_min = 0;
  if (!read_digits(text, 4, year) || !take(text, "-") || !read_digits(text, 2, month) || !take(text, "-") ||
      !read_digits(text, 2, day))
    return false;
  if (take(text, "T ")) {
    if (!read_digits(text, 2, hour) || !take(text, ":") || !read_digits(text, 2, minute)) return false;
    if (take(text, ":") && !read_digits(text, 2, second)) return false;
    if (take(text, ".,")) {
      int digit = 0, scale = 100;
      if (text.empty() || !read_digits(text, 1, digit)) return false;
      do {
        ms += digit * scale;
        scale /= 10;
      } while (read_digits(text, 1, digit));
    }
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
      const int sign = text[0] == '-' ? -1 : 1;
      int hours = 0, minutes = 0;
      text.remove_prefix(1);
      if (!read_digits(text, 2, hours)) return false;
      take(text, ":");
      if (!read_digits(text, 2, minutes)) return false;
      offset_min = sign * (hours * 60 + minutes);
    } else {
      take(text, "Z");
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!text.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) return false;
  value = std::chrono::sys_days(date) + std::chrono::minutes(hour * 60 + minute - offset_min) +
          std::chrono::seconds(second) + Duration(ms);
  return true;
}

}  // namespace

void append_time(std::string& out, Time time) {
  using std::chrono::sys_days, std::chrono::year;
  // What stands for never, or was computed wrongly, is no date: its milliseconds.
  if (time < sys_days(year(0) / 1 / 1) || time >= sys_days(year(10'000) / 1 / 1)) {
    out += std::to_string(time.time_since_epoch().count());
    return;
  }
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[] = "0000-00-00T00:00:00.000Z";
  constexpr std::size_t kWithoutMs = 19, kWithMs = 23;
  write_digits(text, 4, static_cast<int>(date.year()));
  write_digits(text + 5, 2, static_cast<int>(static_cast<unsigned>(date.month())));
  write_digits(text + 8, 2, static_cast<int>(static_cast<unsigned>(date.day())));
  write_digits(text + 11, 2, static_cast<int>(clock.hours().count()));
  write_digits(text + 14, 2, static_cast<int>(clock.minutes().count()));
  write_digits(text + 17, 2, static_cast<int>(clock.seconds().count()));
  const auto ms = static_cast<int>(clock.subseconds().count());
  write_digits(text + 20, 3, ms);
  out.append(text, ms == 0 ? kWithoutMs : kWithMs);
  out += 'Z';
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (length == 0)
      out += "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 0xf];
    } else
      out.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_csv_cell(std::string& out, std::string_view text, char delimiter) {
  const char special[] = {delimiter, '"', '\n', '\r'};
  if (text.find_first_of(std::string_view(special, sizeof special)) == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

bool parse_duration(std::string_view text, Duration& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return false;
  auto suffix = std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (suffix.starts_with(' ')) suffix.remove_prefix(1);
  if (suffix.empty()) suffix = "ms";
  for (const auto& unit : kUnits) {
    if (unit.suffix != suffix && !(suffix == "m" && unit.suffix == "min")) continue;
    const double ms = number * static_cast<double>(unit.ms);
    if (std::abs(ms) > 9e15) return false;
    value = Duration(std::llround(ms));
    return true;
  }
  return false;
}

std::string format_duration(Duration value) {
  if (value.count() == 0) return "0s";
  for (const auto& unit : kUnits) {
    if (value.count() % unit.ms == 0) return std::to_string(value.count() / unit.ms) + std::string(unit.suffix);
  }
  return std::to_string(value.count()) + "ms";
}

bool parse_time(std::string_view text, Time& value) {
  if (text.size() > 5 && text[4] == '-') return parse_iso(text, value);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(std::abs(number) < 9e15)) return false;
  constexpr double kMillisecondsFrom = 1e11;
  value = Time(Duration(std::llround(std::abs(number) >= kMillisecondsFrom ? number : number * 1000)));
  return true;
}

}  // namespace freshet
