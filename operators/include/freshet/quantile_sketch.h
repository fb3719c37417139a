#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <freshet/record.h>

namespace freshet {

/// Which numbers a QuantileSketch takes for the same: buckets whose bounds are powers of one base. Immutable.
class QuantileScale {
 public:
  static constexpr double kLeastError = 0.0001, kMostError = 0.5;

  /// `relative_error`, of these: what is told of a bucket is off by that share of each number in it at most.
  /// `most_buckets`: for positive numbers, and as many for negative ones.
  explicit QuantileScale(double relative_error, std::size_t most_buckets)
      : most_buckets_(most_buckets),
        log_base_(std::log1p(2 * relative_error / (1 - relative_error))),
        per_log_(1 / log_base_),
        log_middle_(std::log1p(-relative_error)) {}

  /// Names buckets in the order of their numbers: 0 is that of zero, those of negative numbers are below. Not for NaN.
  std::int32_t bucket_of(double value) const {
    const double size = std::min(std::abs(value), std::numeric_limits<double>::max());
    if (size < std::numeric_limits<double>::min()) return 0;
    const std::int32_t bucket = static_cast<std::int32_t>(std::ceil(std::log(size) * per_log_)) + kFirst;
    return value < 0 ? -bucket : bucket;
  }
  /// As far, in shares of it, from the least number of a bucket as from the greatest.
  double value_of(std::int32_t bucket) const {
    if (bucket == 0) return 0;
    const double log = static_cast<double>(std::abs(bucket) - kFirst) * log_base_ + log_middle_;
    const double size = std::min(std::exp(log), std::numeric_limits<double>::max());
    return bucket < 0 ? -size : size;
  }
  std::size_t most_buckets() const { return most_buckets_; }

  /// More than any logarithm of a number by the least base; buckets of positive numbers are 1 to twice this.
  static constexpr std::int32_t kFirst = 1 << 22;

 private:
  std::size_t most_buckets_;
  double log_base_, per_log_;
  double log_middle_;  // of a bucket, when its upper bound is 1
};

/// Quantiles of numbers, each off by a given share of it at most: DDSketch (Masson, Rim, Lee, "DDSketch: A fast and
/// fully-mergeable quantile sketch with relative-error guarantees", 2019), with the least and the greatest number kept
/// as they are. Zero and negative numbers are numbers like others; NaN is none and not counted.
///
/// Counts of the buckets that have a number, in order: one block of memory. When there would be more positive (or
/// negative) ones than the scale allows, the two next to zero become one, the farther of them: no quantile that lies in
/// the others is off by more. With the 2,048 of the default and an error of 1 % that takes numbers that are 10^17 times
/// as large as others. Neither the order of numbers nor that of merges changes what it says. A Value; always used with
/// the same scale.
class QuantileSketch {
 public:
  static constexpr std::size_t kMostBuckets = std::size_t{1} << 20;

  void add(double value, std::int32_t bucket, const QuantileScale& scale) {
    least_ = count_ == 0 ? value : std::min(least_, value);
    greatest_ = count_ == 0 ? value : std::max(greatest_, value);
    ++count_;
    add_to(bucket, 1, scale);
  }
  void add(double value, const QuantileScale& scale) {
    if (!std::isnan(value)) add(value, scale.bucket_of(value), scale);
  }
  void merge(const QuantileSketch& other, const QuantileScale& scale) {
    if (other.count_ == 0) return;
    least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
    greatest_ = count_ == 0 ? other.greatest_ : std::max(greatest_, other.greatest_);
    count_ += other.count_;
    for (const auto& bucket : other.buckets_) add_to(bucket.number, bucket.count, scale);
  }

  /// About the number below which the share `q`, 0 to 1, of all others lies: of the numbers in order, 0 to n - 1, the
  /// one at q * (n - 1), rounded down. The least and the greatest are exact. 0 when there is none.
  double quantile(double q, const QuantileScale& scale) const {
    if (count_ == 0) return 0;
    const auto last = static_cast<double>(count_ - 1);
    const double at = std::floor(q * last);
    if (at <= 0) return least_;
    if (at >= last) return greatest_;
    double before = 0;
    for (const auto& bucket : buckets_) {
      before += static_cast<double>(bucket.count);
      if (before > at) return std::clamp(scale.value_of(bucket.number), least_, greatest_);
    }
    return greatest_;
  }
  std::uint64_t count() const { return count_; }
  std::size_t buckets() const { return buckets_.size(); }

  /// Bytes that were read may be anything; every function above holds for what is sound.
  bool freshet_is_sound() const {
    if (buckets_.size() > 2 * kMostBuckets + 1) return false;
    std::uint64_t counted = 0;
    std::int32_t before = -2 * QuantileScale::kFirst - 1;
    for (const auto& bucket : buckets_) {
      if (bucket.number <= before || bucket.number > 2 * QuantileScale::kFirst || bucket.count == 0 ||
          __builtin_add_overflow(counted, bucket.count, &counted))
        return false;
      before = bucket.number;
    }
    return counted == count_ && least_ <= greatest_;
  }

  template <class Self>
  static constexpr auto freshet_fields() {
    return std::tuple{Field{"count", &Self::count_}, Field{"least", &Self::least_}, Field{"greatest", &Self::greatest_},
                      Field{"buckets", &Self::buckets_}};
  }

 private:
  struct Bucket {
    std::int32_t number = 0;
    std::uint64_t count = 0;
    FRESHET_RECORD(number, count)
  };

  void add_to(std::int32_t number, std::uint64_t count, const QuantileScale& scale) {
    const auto at = first_from(number);
    if (at != buckets_.end() && at->number == number) {
      at->count += count;
    } else {
      buckets_.insert(at, {number, count});
      if (number != 0 && buckets_.size() > scale.most_buckets()) join_if_too_many(number < 0, scale.most_buckets());
    }
  }
  std::vector<Bucket>::iterator first_from(std::int32_t number) {
    return std::lower_bound(buckets_.begin(), buckets_.end(), number,
                            [](const Bucket& bucket, std::int32_t wanted) { return bucket.number < wanted; });
  }
  void join_if_too_many(bool negative, std::size_t most) {
    if (negative) {
      const auto end = first_from(0);
      if (static_cast<std::size_t>(end - buckets_.begin()) <= most) return;
      (end - 2)->count += (end - 1)->count;
      buckets_.erase(end - 1);
    } else {
      const auto begin = first_from(1);
      if (static_cast<std::size_t>(buckets_.end() - begin) <= most) return;
      (begin + 1)->count += begin->count;
      buckets_.erase(begin);
    }
  }

  std::uint64_t count_ = 0;
  double least_ = 0, greatest_ = 0;
  std::vector<Bucket> buckets_{};
};

}  // namespace freshet
