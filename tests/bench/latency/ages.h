#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace freshet::bench {

/// How often each age came, ages within one part in 64; nothing is allocated.
class Ages {
 public:
  void add(std::int64_t ns) {
    const auto age = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1));
    most_ = std::max(most_, age);
    ++count_;
    ++buckets_[bucket_of(age)];
  }
  void add(const Ages& other) {
    most_ = std::max(most_, other.most_);
    count_ += other.count_;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) buckets_[bucket] += other.buckets_[bucket];
  }
  std::uint64_t count() const { return count_; }
  /// That a share of all were at most; 1: the greatest.
  std::uint64_t at(double share) const {
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      if (left < buckets_[bucket]) return std::min(most_, top_of(bucket));
      left -= buckets_[bucket];
    }
    return most_;
  }

 private:
  static constexpr std::size_t kBits = 6;

  /// The leading bit's place, and the kBits behind it.
  static std::size_t bucket_of(std::uint64_t age) {
    const auto place = static_cast<std::size_t>(std::bit_width(age));
    if (place <= kBits) return age;
    return ((place - kBits) << kBits) + (age >> (place - kBits - 1)) - (std::size_t{1} << kBits);
  }
  static std::uint64_t top_of(std::size_t bucket) {
    const auto row = bucket >> kBits;
    if (row == 0) return bucket;
    const auto mantissa = (bucket & ((std::size_t{1} << kBits) - 1)) + (std::size_t{1} << kBits);
    return ((mantissa + 1) << (row - 1)) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) << kBits> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace freshet::bench
