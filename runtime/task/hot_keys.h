#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace freshet::task {

/// Finds a key that many records carry, by the hashes of some of them: the space-saving counters of Metwally, Agrawal
/// and El Abbadi (2005). Counts are halved now and then, so that a key that was hot is forgotten. Nothing is allocated.
class HotKeys {
 public:
  static constexpr std::uint64_t kLeastSamples = 256;  ///< fewer say nothing
  static constexpr std::uint64_t kMostSamples = 8'192;
  static constexpr std::uint64_t kStandsOut = 10;  ///< one in so many

  struct Hottest {
    std::uint64_t hash = 0;
    double share = 0;  ///< of the samples, about
  };

  /// True: so many of the samples are its, that it stands out.
  bool note(std::uint64_t hash) {
    if (++samples_ > kMostSamples) halve();
    auto least = counters_.begin();
    for (auto counter = counters_.begin(); counter != counters_.end(); ++counter) {
      if (counter->count != 0 && counter->hash == hash) {
        ++counter->count;
        return samples_ >= kLeastSamples && (counter->count - counter->too_many) * kStandsOut >= samples_;
      }
      if (counter->count < least->count) least = counter;
    }
    // It may have been there before as often as the one that has to go.
    *least = {hash, least->count + 1, least->count};
    return false;
  }
  /// Nothing: no key stands out, as far as these counters can tell.
  std::optional<Hottest> hottest() const {
    if (samples_ < kLeastSamples) return std::nullopt;
    const auto most = std::max_element(counters_.begin(), counters_.end(), [](const Counter& a, const Counter& b) {
      return a.count - a.too_many < b.count - b.too_many;
    });
    return Hottest{most->hash, static_cast<double>(most->count - most->too_many) / static_cast<double>(samples_)};
  }

 private:
  struct Counter {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;
    std::uint64_t too_many = 0;  ///< of the count, at most, another key's
  };
  void halve() {
    samples_ /= 2;
    for (Counter& counter : counters_) {
      counter.count /= 2;
      counter.too_many /= 2;
    }
  }

  std::array<Counter, 16> counters_{};
  std::uint64_t samples_ = 0;
};

}  // namespace freshet::task
