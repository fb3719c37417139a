#pragma once

#include <freshet/window_spec.h>

/// Joins: which records of two streams belong together.
namespace freshet {

/// How far the time of a record of the right stream may lie behind that of its partner on the left, in event time; both
/// bounds are within. Negative: before it.
struct TimeBounds {
  Duration lower{};
  Duration upper{};
};

/// left.time + lower <= right.time <= left.time + upper: `between(-3s, 5s)`.
inline TimeBounds between(Duration lower, Duration upper) { return {lower, upper}; }

namespace detail {

/// Times beyond are refused: so sums with bounds and windows do not overflow. In ms; some 70 million years.
inline constexpr std::int64_t kFarthestTime = std::int64_t{1} << 61;
constexpr bool is_out_of_range(std::int64_t time_ms) { return time_ms > kFarthestTime || time_ms < -kFarthestTime; }

/// Which pairs, for people; and for the state of a step, which other bounds cannot go on from.
inline std::string in_words(const TimeBounds& bounds) {
  return "right from " + format_duration(bounds.lower) + " to " + format_duration(bounds.upper) + " behind left";
}

}  // namespace detail

}  // namespace freshet
