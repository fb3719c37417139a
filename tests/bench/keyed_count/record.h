#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <freshet/record.h>

/// The records that keyed_count sends, and how they are made: the same for the engine and for the ceiling.
namespace freshet::bench {

/// Five numbers, as a click has them.
struct Click {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::uint8_t action = 0;
  std::int64_t time_ms = 0;
  FRESHET_RECORD(user, item, category, action, time_ms)
};

/// The same with a count in place of the action, to be added up.
struct Hit {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::uint32_t count = 1;
  std::int64_t time_ms = 0;
  FRESHET_RECORD(user, item, category, count, time_ms)
};

/// The same with a time that windows go by.
struct Event {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::uint8_t action = 0;
  Time time{};
  FRESHET_RECORD(user, item, category, action, time)
};

/// The same with a text of 40 bytes, too long for a string's own room.
struct Visit {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::int64_t time_ms = 0;
  std::string page{};
  FRESHET_RECORD(user, item, category, time_ms, page)
};

/// The same with a payload of 1,000 bytes.
struct Parcel {
  std::uint64_t user = 0;
  std::int64_t time_ms = 0;
  std::string payload{};
  FRESHET_RECORD(user, time_ms, payload)
};

inline constexpr std::size_t kPageBytes = 40;
inline constexpr std::size_t kPayloadBytes = 1000;

/// Numbers without a pattern, cheap enough not to be what is measured (splitmix64, Steele et al. 2014).
inline std::uint64_t scatter(std::uint64_t i) {
  std::uint64_t z = i * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Whose record it is: one of [0, count), count < 2^32.
class Keys {
 public:
  /// `shape`: "uniform"; "zipf-1.2": key k in proportion to (k + 1)^-1.2, by a million draws made beforehand; "half":
  /// every other record is of key 0, the others are uniform.
  Keys(std::uint64_t count, const std::string& shape) : count_(count), has_hot_key_(shape == "half") {
    if (!shape.starts_with("zipf-")) return;
    const double exponent = std::stod(shape.substr(5));
    std::vector<double> up_to(count);
    double sum = 0;
    for (std::uint64_t key = 0; key < count; ++key)
      up_to[key] = sum += std::pow(static_cast<double>(key + 1), -exponent);
    draws_.resize(std::size_t{1} << kDrawBits);
    for (std::size_t i = 0; i < draws_.size(); ++i) {
      const double at = std::ldexp(static_cast<double>(scatter(~i) >> 11), -53) * sum;
      draws_[i] = static_cast<std::uint32_t>(std::upper_bound(up_to.begin(), up_to.end() - 1, at) - up_to.begin());
    }
  }
  std::uint64_t of(std::uint64_t random) const {
    if (!draws_.empty()) return draws_[random >> (64 - kDrawBits)];
    if (has_hot_key_ && (random & 0x8000'0000) != 0) return 0;
    return ((random >> 32) * count_) >> 32;
  }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr int kDrawBits = 20;
  std::uint64_t count_;
  bool has_hot_key_;
  std::vector<std::uint32_t> draws_;
};

inline void fill(Click& click, std::uint64_t i, const Keys& keys) {
  const std::uint64_t random = scatter(i);
  click.user = keys.of(random);
  click.item = random & 0xffff;
  click.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  click.action = static_cast<std::uint8_t>(random & 3);
  click.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
}

inline void fill(Hit& hit, std::uint64_t i, const Keys& keys) {
  const std::uint64_t random = scatter(i);
  hit.user = keys.of(random);
  hit.item = random & 0xffff;
  hit.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  hit.count = 1;
  hit.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
}

inline void fill(Event& event, std::uint64_t i, const Keys& keys) {
  const std::uint64_t random = scatter(i);
  event.user = keys.of(random);
  event.item = random & 0xffff;
  event.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  event.action = static_cast<std::uint8_t>(random & 3);
}
/// About a million a second, in each split alike.
inline void set_time(Event& event, std::uint64_t in_split) {
  event.time = Time(Duration(1'700'000'000'000 + static_cast<std::int64_t>(in_split >> 10)));
}

inline void fill(Visit& visit, std::uint64_t i, const Keys& keys) {
  const std::uint64_t random = scatter(i);
  visit.user = keys.of(random);
  visit.item = random & 0xffff;
  visit.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  visit.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
  visit.page.assign(kPageBytes, static_cast<char>('a' + (random & 15)));
}

inline void fill(Parcel& parcel, std::uint64_t i, const Keys& keys) {
  const std::uint64_t random = scatter(i);
  parcel.user = keys.of(random);
  parcel.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
  parcel.payload.assign(kPayloadBytes, static_cast<char>('a' + (random & 15)));
}

}  // namespace freshet::bench
