#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <freshet/record.h>

namespace freshet::detail {

/// The newest few of times that come in order: a ring, so that one more takes the place of the oldest.
struct LastTimes {
  std::vector<Time> times{};
  std::uint32_t oldest_at = 0;
  FRESHET_RECORD(times, oldest_at)

  bool empty() const { return times.empty(); }
  /// Not when empty.
  Time oldest() const { return times[oldest_at]; }
  Time newest() const { return times[(oldest_at == 0 ? times.size() : oldest_at) - 1]; }

  /// From now on the newest `most` are kept; it may have been another number when they were saved.
  void keep(std::size_t most) {
    if (oldest_at >= times.size()) oldest_at = 0;
    if (times.size() <= most && (oldest_at == 0 || times.size() == most)) [[likely]]
      return;
    std::rotate(times.begin(), times.begin() + oldest_at, times.end());
    oldest_at = 0;
    if (times.size() > most) times.erase(times.begin(), times.end() - static_cast<std::ptrdiff_t>(most));
  }
  /// Behind keep(most), which is not 0.
  void push(Time time, std::size_t most) {
    if (times.size() < most) {
      times.push_back(time);
    } else {
      times[oldest_at] = time;
      oldest_at = oldest_at + 1 == most ? 0 : oldest_at + 1;
    }
  }
  void clear() {
    times.clear();
    oldest_at = 0;
  }
};

}  // namespace freshet::detail
