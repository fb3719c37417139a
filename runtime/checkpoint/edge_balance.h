#pragma once

#include <freshet/codec.h>

#include "runtime/base/ids.h"

namespace freshet::checkpoint {

/// Records on one edge. What is received is what was sent, and every one of these is applied or set aside.
struct EdgeCounts {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t applied = 0;  ///< by the operator that the edge leads to
  std::uint64_t refused = 0;  ///< it threw on them, and they became dead letters
  bool operator==(const EdgeCounts&) const = default;
  FRESHET_RECORD(sent, received, applied, refused)

  EdgeCounts operator+(const EdgeCounts& other) const {
    return {sent + other.sent, received + other.received, applied + other.applied, refused + other.refused};
  }
};

/// An edge between two tasks' operators, and what has crossed it up to a checkpoint.
struct EdgeBalance {
  std::string from{};    ///< operator id
  std::string output{};  ///< of it
  std::string to{};      ///< operator id
  std::uint32_t input = 0;
  CheckpointId since{};     ///< the first checkpoint that has counted it
  EdgeCounts before{};      ///< up to the checkpoint that the attempt went on from
  EdgeCounts in_attempt{};  ///< since
  bool operator==(const EdgeBalance&) const = default;
  FRESHET_RECORD(from, output, to, input, since, before, in_attempt)

  EdgeCounts total() const { return before + in_attempt; }
  bool is_same_edge(const EdgeBalance& other) const {
    return from == other.from && output == other.output && to == other.to && input == other.input;
  }
};

}  // namespace freshet::checkpoint
