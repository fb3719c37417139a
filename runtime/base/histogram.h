#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace freshet::base {

/// How often which latency occurred, in microseconds: four buckets per power of two up to 2^27 us (134 s), so a reading
/// is within 25 % of the truth. Fixed size; record() allocates nothing. Its bucket counts travel in TaskStatus and
/// merge by addition; the bucket bounds are frozen. One owner thread.
class LatencyHistogram {
 public:
  static constexpr std::size_t kBuckets = 104;

  /// What is longer than the last bucket's bound counts there.
  void record(std::uint64_t microseconds) { ++counts_[bucket_of(microseconds)]; }
  void merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  }
  void clear() { counts_.fill(0); }

  std::uint64_t count() const;
  /// Microseconds that `share` (0 to 1) of the latencies do not exceed, interpolated inside its bucket; 0 when empty.
  double percentile(double share) const;

  /// Bucket counts with trailing zeros cut.
  std::vector<std::uint64_t> to_counts() const;
  /// Adds what to_counts() gave. False, and nothing added, when there are more counts than buckets.
  [[nodiscard]] bool add_counts(std::span<const std::uint64_t> counts);

  static constexpr std::size_t bucket_of(std::uint64_t microseconds) {
    if (microseconds < 4) return static_cast<std::size_t>(microseconds);
    const auto power = static_cast<std::size_t>(std::bit_width(microseconds)) - 1;
    const auto quarter = static_cast<std::size_t>((microseconds >> (power - 2)) & 3);
    const std::size_t bucket = 4 + (power - 2) * 4 + quarter;
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  /// The least value of a bucket; that of bucket + 1 is its end.
  static constexpr std::uint64_t lower_bound(std::size_t bucket) {
    if (bucket < 4) return bucket;
    const std::size_t power = (bucket - 4) / 4 + 2;
    return (std::uint64_t{4} + (bucket - 4) % 4) << (power - 2);
  }

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
};

}  // namespace freshet::base
