#include "runtime/base/histogram.h"

#include <algorithm>
#include <numeric>

namespace freshet::base {

std::uint64_t LatencyHistogram::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

double LatencyHistogram::percentile(double share) const {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(total);
  double before = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] == 0) continue;
    last = i;
    const auto here = static_cast<double>(counts_[i]);
    if (before + here >= wanted) {
      const auto from = static_cast<double>(lower_bound(i));
      const auto to = static_cast<double>(lower_bound(i + 1));
      return from + (to - from) * std::max(0.0, wanted - before) / here;
    }
    before += here;
  }
  return static_cast<double>(lower_bound(last + 1));  // rounding of `before` left us short of the total
}

std::vector<std::uint64_t> LatencyHistogram::to_counts() const {
  const auto last = std::find_if(counts_.rbegin(), counts_.rend(), [](std::uint64_t count) { return count != 0; });
  return {counts_.begin(), last.base()};
}

bool LatencyHistogram::add_counts(std::span<const std::uint64_t> counts) {
  if (counts.size() > kBuckets) return false;
  for (std::size_t i = 0; i < counts.size(); ++i) counts_[i] += counts[i];
  return true;
}

}  // namespace freshet::base
