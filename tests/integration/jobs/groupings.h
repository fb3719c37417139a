#pragma once

#include <cstdint>

/// What the job of groupings.cpp reads, for those who count it again: kPartitions of kRecords each, numbered from 1.
namespace freshet::integration {

inline constexpr std::uint64_t kPartitions = 4;
inline constexpr std::uint64_t kRecords = 5'000;
inline constexpr std::uint64_t kUsers = 101;

/// The user of a record; every third one is user 0's, so that keys are skewed.
constexpr std::uint64_t user_of(std::uint64_t partition, std::uint64_t sequence) {
  return sequence % 3 == 0 ? 0 : (sequence * 7 + partition) % kUsers;
}

}  // namespace freshet::integration
