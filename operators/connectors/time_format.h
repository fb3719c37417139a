#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

/// How a time is written, and how to read it. Made once from the text of a parameter; parse() is const, allocates
/// nothing, and knows neither locale nor time zones beyond an offset in the text itself: without one, times are UTC.
///
///   s, ms, us    seconds, milliseconds, microseconds since 1970, with or without a fraction
///   iso          2026-03-01T03:07:11.020Z; a space for the T, no seconds, no fraction, +01:00, +0100, no zone, no time
///   auto         iso, as access logs write it (17/May/2015:10:05:03 +0000), or s, ms, us by magnitude (up to the
///                year 5138 the three do not overlap after 1973)
///   %d/%b/%Y …   as strptime: %Y %y %m %b %d %e %H %M %S %z %%; %S takes a fraction, %b is English, a space is any
///                number of them
class TimeFormat {
 public:
  /// "auto".
  TimeFormat() = default;

  /// Refuses unknown names, unknown % letters, and patterns that do not say year, month and day.
  static Result<TimeFormat> from_text(std::string_view spec);

  /// Milliseconds since 1970, towards zero, of years 0 to 9999; nothing when `text` as a whole is no such time.
  std::optional<std::int64_t> parse(std::string_view text) const;

  /// What to tell the user when parse() gave nothing; names the format that would have fitted.
  Error mismatch(std::string_view text) const;

 private:
  enum class Kind { automatic, seconds, milliseconds, microseconds, iso, pattern };

  TimeFormat(Kind kind, std::string_view spec) : kind_(kind), spec_(spec) {}

  Kind kind_ = Kind::automatic;
  std::string spec_ = "auto";
};

/// 2026-03-01T03:07:11.020Z. Times outside of years 0 to 9999 are written as plain milliseconds.
std::string format_time_iso(std::int64_t ms);

}  // namespace freshet::files
