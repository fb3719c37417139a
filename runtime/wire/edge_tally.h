#pragma once

#include <freshet/codec.h>

namespace freshet::wire {

/// What one task counted on one edge between the start of its attempt and a barrier: what it sent, or what it received,
/// and what became of that. Sums of all tasks are to balance; a `_sum` mixes what was sent with its channel and its
/// place in it (modulo 2^64, so that the order of tasks does not matter).
struct EdgeTally {
  std::uint32_t edge = 0;
  std::uint64_t sent = 0;  ///< records
  std::uint64_t sent_sum = 0;
  std::uint64_t received = 0;  ///< records
  std::uint64_t received_sum = 0;
  std::uint64_t applied = 0;  ///< of those received, by the operator that the edge leads to
  std::uint64_t refused = 0;  ///< of those received: it threw on them, and they were set aside
  bool operator==(const EdgeTally&) const = default;
  FRESHET_RECORD(edge, sent, sent_sum, received, received_sum, applied, refused)

  EdgeTally& operator+=(const EdgeTally& other) {
    sent += other.sent;
    sent_sum += other.sent_sum;
    received += other.received;
    received_sum += other.received_sum;
    applied += other.applied;
    refused += other.refused;
    return *this;
  }
};

}  // namespace freshet::wire
