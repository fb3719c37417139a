#pragma once

#include <optional>

#include <freshet/codec.h>
#include "runtime/base/ids.h"

/// What workers tell of themselves, from time to time.
namespace freshet::wire {

struct OperatorStatus {
  std::uint32_t operator_index = 0;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t errors = 0;  ///< calls that threw on a record
  std::uint64_t dead_letters = 0;
  std::uint64_t late = 0;
  std::uint64_t state_entries = 0;
  std::uint64_t state_bytes = 0;
  std::vector<std::uint64_t> counters{};  ///< the author's, in declared order
  std::uint64_t retrying = 0;             ///< records that wait to be tried again
  std::uint64_t attempts = 0;             ///< made to process such records, since the attempt began
  std::uint64_t letters_kept = 0;         ///< dead letters that can be replayed
  double hot_share = 0;                   ///< of the records that come to it, those of one key; 0: none stands out
  std::string hot_record{};               ///< one of these, JSON; empty when it is long
  FRESHET_RECORD(operator_index, records_in, records_out, errors, dead_letters, late, state_entries, state_bytes,
                 counters, retrying, attempts, letters_kept, hot_share, hot_record)
};

/// A disk that has no room. Who wants to write there takes nothing in until there is some.
struct FullDisk {
  std::string folder{};
  std::uint64_t free_bytes = 0;
  std::string why{};  ///< "IO error: No space left on device: …"
  bool operator==(const FullDisk&) const = default;
  FRESHET_RECORD(folder, free_bytes, why)
};

struct TaskStatus {
  TaskId task{};
  std::string phase{};  ///< running, ended, failed
  std::uint64_t bytes_in = 0, bytes_out = 0, frames_in = 0, frames_out = 0;
  std::uint64_t busy_ns = 0, blocked_ns = 0, idle_ns = 0;
  std::uint64_t queue_bytes = 0;      ///< received, not yet processed
  std::uint64_t in_flight_bytes = 0;  ///< sent, not yet granted
  std::uint64_t overflow_bytes = 0;
  std::int64_t watermark_ms = 0;
  std::vector<std::uint64_t>
      latency_us{};  ///< histogram from entering the job to being processed here: see base/histogram.h
  std::vector<OperatorStatus> operators{};
  std::uint64_t uncommitted_bytes = 0;  ///< of results that wait for a checkpoint
  std::optional<FullDisk> full_disk{};  ///< that it waits for: its state fits neither into memory nor there
  bool waits_for_lane = false;          ///< so many records wait to be tried again that it takes nothing in
  FRESHET_RECORD(task, phase, bytes_in, bytes_out, frames_in, frames_out, busy_ns, blocked_ns, idle_ns, queue_bytes,
                 in_flight_bytes, overflow_bytes, watermark_ms, latency_us, operators, uncommitted_bytes, full_disk,
                 waits_for_lane)
};

/// A sample of what was set aside: the newest few since the last report; all are counted in OperatorStatus.
struct DeadLetterSample {
  std::uint64_t id = 0;
  std::string operator_id{};
  std::string reason{};
  std::string message{};
  std::string origin{};
  std::string record{};
  FRESHET_RECORD(id, operator_id, reason, message, origin, record)
};

struct WorkerStatus {
  WorkerKey worker{};
  std::vector<TaskStatus> tasks{};
  std::uint64_t refused_messages = 0;
  std::uint64_t memory_bytes = 0;  ///< resident
  std::vector<DeadLetterSample> dead_letters{};
  bool sources_held = false;            ///< by PauseSources, or a brake
  std::uint64_t dropped_log_lines = 0;  ///< that could not be written
  FRESHET_RECORD(worker, tasks, refused_messages, memory_bytes, dead_letters, sources_held, dropped_log_lines)
};

}  // namespace freshet::wire
