#pragma once

#include <freshet/batch.h>

#include "runtime/base/ids.h"

/// What both ends of a channel add up, to be compared at barriers.
namespace freshet::task {

/// Stands in for the checksum of a frame that is handed over as a batch: where its records come from, and when. The
/// order within the batch does not matter.
inline std::uint64_t batch_checksum(const detail::BatchBase& batch) {
  constexpr std::uint64_t kOddFactor = 0x9e3779b97f4a7c15;
  std::uint64_t sum = batch.size();
  for (const RecordMeta& meta : batch.metas)
    sum += (meta.position.offset ^ (std::uint64_t{meta.position.partition} << 40)) * kOddFactor +
           static_cast<std::uint64_t>(meta.event_time_ms);
  return sum;
}

/// What a frame adds to the sum of its edge: lost, doubled, swapped or sent to another task, it makes another sum.
/// Finalizer of SplitMix64 (Steele, Lea, Flood 2014).
inline std::uint64_t frame_mix(const ChannelId& channel, std::uint64_t sequence, std::uint64_t checksum) {
  std::uint64_t mixed = checksum + sequence * 0x9e3779b97f4a7c15 +
                        ((std::uint64_t{channel.from} << 32) | channel.to) * 0xd1342543de82ef95;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace freshet::task
