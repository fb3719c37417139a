#pragma once

#include <cstdint>
#include <string>

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

/// The same with a text of 40 bytes, too long for a string's own room.
struct Visit {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::int64_t time_ms = 0;
  std::string page{};
  FRESHET_RECORD(user, item, category, time_ms, page)
};

inline constexpr std::size_t kPageBytes = 40;

/// Numbers without a pattern, cheap enough not to be what is measured (splitmix64, Steele et al. 2014).
inline std::uint64_t scatter(std::uint64_t i) {
  std::uint64_t z = i * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Uniform over [0, keys); keys < 2^32.
inline std::uint64_t key_of(std::uint64_t random, std::uint64_t keys) { return ((random >> 32) * keys) >> 32; }

inline void fill(Click& click, std::uint64_t i, std::uint64_t keys) {
  const std::uint64_t random = scatter(i);
  click.user = key_of(random, keys);
  click.item = random & 0xffff;
  click.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  click.action = static_cast<std::uint8_t>(random & 3);
  click.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
}

inline void fill(Visit& visit, std::uint64_t i, std::uint64_t keys) {
  const std::uint64_t random = scatter(i);
  visit.user = key_of(random, keys);
  visit.item = random & 0xffff;
  visit.category = static_cast<std::uint32_t>(random >> 20) & 0x3f;
  visit.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i >> 10);
  visit.page.assign(kPageBytes, static_cast<char>('a' + (random & 15)));
}

}  // namespace freshet::bench
