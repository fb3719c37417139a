#pragma once

#include <bit>
#include <cstdint>

#include "runtime/base/check.h"

namespace freshet::base {

/// 2^64 divided by the golden ratio, odd: multiples of it are far from each other.
inline constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15ULL;

/// Spreads a number over all bits: the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
constexpr std::uint64_t mixed(std::uint64_t number) {
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ULL;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebULL;
  return number ^ (number >> 31);
}

/// Seeded numbers: the same seed gives the same numbers on every machine and in every version (golden test). Chance is
/// a parameter: whoever needs it is given a Random; there is none for the whole process. Not for secrets. Not
/// thread-safe. xoshiro256** 1.0 (Blackman and Vigna, 2018), its state filled by splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) word = mixed(seed += kGoldenRatio);
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound); bound is at least 1. Multiply and reject (Lemire, 2019): no bias.
  std::uint64_t below(std::uint64_t bound) {
    CHECK(bound != 0, "there is a number below the bound");
    for (;;) {
      const std::uint64_t bits = next();
      const auto low = bits * bound;
      if (low >= bound || low >= (0 - bound) % bound) return high_product(bits, bound);
    }
  }

  /// Uniform in [low, high], both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    CHECK(low <= high, "low is not above high");
    const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t offset = span == ~0ULL ? next() : below(span + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
  }

  /// Uniform in [0, 1), 53 bits.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  bool chance(double probability) { return unit() < probability; }

  /// Another stream of numbers, for a part that must not disturb this one by how many it takes.
  Random fork() { return Random(next()); }

 private:
  static std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(a) * b) >> 64);
  }

  std::uint64_t state_[4];
};

}  // namespace freshet::base
