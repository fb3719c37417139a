#pragma once

#include <freshet/batch.h>

#include "runtime/base/ids.h"
#include "runtime/base/random.h"

/// What both ends of a channel add up, to be compared at barriers.
namespace freshet::task {

/// Stands in for the checksum of a frame that is handed over as a batch: where its records come from, and when. The
/// order within the batch does not matter.
inline std::uint64_t batch_checksum(const detail::BatchBase& batch) {
  std::uint64_t sum = batch.size();
  for (const RecordMeta& meta : batch.metas)
    sum += (meta.position.offset ^ (std::uint64_t{meta.position.partition} << 40)) * base::kGoldenRatio +
           static_cast<std::uint64_t>(meta.event_time_ms);
  return sum;
}

/// What a frame adds to the sum of its edge: lost, doubled, swapped or sent to another task, it makes another sum.
inline std::uint64_t frame_mix(const ChannelId& channel, std::uint64_t sequence, std::uint64_t checksum) {
  return base::mixed(checksum + sequence * base::kGoldenRatio +
                     ((std::uint64_t{channel.from} << 32) | channel.to) * 0xd1342543de82ef95);
}

}  // namespace freshet::task
