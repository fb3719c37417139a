#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include <freshet/record.h>

/// Strong ids: a TaskId is no ChannelId, and neither is a number.
namespace freshet {

/// A number that names something. `Tag` tells what; ids of different tags do not mix.
template <class Tag, class Number>
struct Id {
  Number value{};
  auto operator<=>(const Id&) const = default;
  FRESHET_RECORD(value)
};

/// Submitted application; never used twice within a job manager's journal.
using JobId = Id<struct JobTag, std::uint64_t>;
/// One deployment of a job, 1, 2, 3 …; fences everything older.
using Attempt = Id<struct AttemptTag, std::uint32_t>;
/// A change of a job's plan that the user made, 1, 2, 3 …
using Revision = Id<struct RevisionTag, std::uint32_t>;
/// A worker process of one attempt, 0, 1, 2 …
using WorkerId = Id<struct WorkerTag, std::uint32_t>;
/// A snapshot of a whole job, 1, 2, 3 …
using CheckpointId = Id<struct CheckpointTag, std::uint64_t>;
/// Grows by one whenever a job manager takes over; what an older manager says no longer counts.
using Term = Id<struct TermTag, std::uint64_t>;

/// One parallel instance of a chain.
struct TaskId {
  std::uint32_t chain = 0;
  std::uint32_t index = 0;
  auto operator<=>(const TaskId&) const = default;
  FRESHET_RECORD(chain, index)
};

/// The FIFO from one task to one other task over one edge of the plan. Two edges between the same tasks are two
/// channels.
struct ChannelId {
  std::uint32_t edge = 0;
  std::uint32_t from = 0;  ///< index of the sending task in its chain
  std::uint32_t to = 0;    ///< index of the receiving task in its chain
  std::uint8_t lane = 0;
  auto operator<=>(const ChannelId&) const = default;
  FRESHET_RECORD(edge, from, to, lane)
};

/// A worker process among all that ever ran.
struct WorkerKey {
  JobId job{};
  Attempt attempt{};
  WorkerId worker{};
  auto operator<=>(const WorkerKey&) const = default;
  FRESHET_RECORD(job, attempt, worker)
};

/// `job-7 attempt 2 worker 1`, for logs.
inline std::string to_string(const WorkerKey& key) {
  return "job-" + std::to_string(key.job.value) + " attempt " + std::to_string(key.attempt.value) + " worker " +
         std::to_string(key.worker.value);
}

}  // namespace freshet

template <>
struct std::hash<freshet::ChannelId> {
  std::size_t operator()(const freshet::ChannelId& id) const noexcept {
    const std::uint64_t mixed =
        (std::uint64_t{id.edge} << 40) ^ (std::uint64_t{id.from} << 20) ^ id.to ^ (std::uint64_t{id.lane} << 60);
    return static_cast<std::size_t>(mixed * 0x9e3779b97f4a7c15ULL);
  }
};
