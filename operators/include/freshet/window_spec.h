#pragma once

#include <freshet/text.h>

/// Windows: which records of a key belong together.
namespace freshet {

enum class WindowKind : std::uint8_t { tumbling, sliding, session, counting, same };

/// Which windows a record belongs to. Times are event time; windows begin at multiples of their slide since the epoch,
/// UTC, plus `offset`.
struct WindowSpec {
  WindowKind kind = WindowKind::tumbling;
  Duration size{};    ///< of a session: the gap that ends it
  Duration slide{};   ///< of a tumbling window: its size
  Duration offset{};  ///< 8h: days that begin at midnight in China
  std::uint64_t count = 0;
  std::optional<std::string> zone{};

  /// Of tumbling windows: they begin when the wall clocks of a region show multiples of their size, plus the offset;
  /// days then have 23 or 25 hours when clocks are changed, and an hour that is shown twice is one of two hours.
  /// `name`: of the tz database, `Europe/Berlin`; where it has none of that name the job is refused. All machines of a
  /// job need the same database (Debian's package tzdata).
  WindowSpec in_zone(std::string name) const {
    WindowSpec spec = *this;
    spec.zone = std::move(name);
    return spec;
  }
};

/// One window after the other, each record in one.
inline WindowSpec tumbling(Duration size, Duration offset = {}) {
  return {WindowKind::tumbling, size, size, offset, 0};
}
/// A window of `size` begins at each `slide`: each record in size / slide of them. Costs no more per record than a
/// tumbling one.
inline WindowSpec sliding(Duration size, Duration slide, Duration offset = {}) {
  return {WindowKind::sliding, size, slide, offset, 0};
}
/// From a record to the first gap longer than `gap`; the window ends that much behind its last record.
inline WindowSpec session(Duration gap) { return {WindowKind::session, gap, {}, {}, 0}; }
/// Each `records` of a key, in the order in which they come. What is left at the end of the stream is no window.
inline WindowSpec counting(std::uint64_t records) { return {WindowKind::counting, {}, {}, {}, records}; }
/// The window of the result that comes in: what it holds in its field of type Window.
inline WindowSpec same_window() { return {WindowKind::same, {}, {}, {}, 0}; }

namespace detail {

/// Nothing about windows is longer: sums with times do not overflow.
inline constexpr Duration kLongestWindow = std::chrono::hours(24 * 365'000);
/// No window lies further from 1970: beyond the windows of the last event time there is.
inline constexpr Duration kFarthestWindow = kLongestWindow * 20;

/// Which windows, for people; and for the state of a step, which other windows cannot go on from.
inline std::string in_words(const WindowSpec& spec) {
  const std::string offset = (spec.offset == Duration(0) ? "" : ", offset " + format_duration(spec.offset)) +
                             (spec.zone ? ", by the clocks of " + *spec.zone : "");
  switch (spec.kind) {
    case WindowKind::tumbling:
      return "windows of " + format_duration(spec.size) + offset;
    case WindowKind::sliding:
      return "windows of " + format_duration(spec.size) + " each " + format_duration(spec.slide) + offset;
    case WindowKind::session:
      return "sessions, gap " + format_duration(spec.size);
    case WindowKind::counting:
      return "windows of " + std::to_string(spec.count) + " records";
    case WindowKind::same:
      return "windows of its results";
  }
  return "windows";
}

/// The greatest multiple of `step`, plus `offset`, that is not above `value`.
constexpr std::int64_t aligned(std::int64_t value, std::int64_t step, std::int64_t offset) {
  const std::int64_t from = value - offset;
  const std::int64_t rest = from % step;
  return value - (rest < 0 ? rest + step : rest);
}

}  // namespace detail

}  // namespace freshet
