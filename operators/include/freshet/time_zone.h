#pragma once

#include <memory>
#include <string>

#include <freshet/record.h>

/// Wall clocks of regions, for windows that begin and end by them.
namespace freshet::detail {

/// A stretch of time in ms since the epoch, its last moment included.
struct Stretch {
  std::int64_t start = 0;
  std::int64_t last = -1;
  bool holds(std::int64_t time) const { return start <= time && time <= last; }
};

/// The rules of one zone of the tz database, as this machine has them. Immutable, may be shared by threads.
class TimeZone {
 public:
  /// Null when the database has no such zone. `name`: as in the database, `Europe/Berlin`.
  static std::shared_ptr<const TimeZone> find(const std::string& name);
  virtual ~TimeZone() = default;

  /// Cuts time where the zone's clocks first show a multiple of `size` since 1970-01-01 00:00, plus `offset`, or would
  /// if they did not skip it: the piece that holds `time`. With days it has 23 or 25 hours when clocks are changed.
  /// Where they are set back across a cut, it is cut once. `size`, `offset`: whole seconds, size above zero.
  virtual Stretch piece_at(std::int64_t time_ms, Duration size, Duration offset) const = 0;
};

}  // namespace freshet::detail
