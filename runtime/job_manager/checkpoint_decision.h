#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <freshet/element.h>
#include <freshet/result.h>
#include "runtime/base/clock.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/wire/control.h"

/// What the checkpoint coordinator is told, and what it decides. Plain values.
///
/// One checkpoint: JournalId → the id is durable → Inject → sources send the barrier, tasks save and acknowledge → all
/// are in → Publish → the manifest is there, and the checkpoint complete → NotifyCommit → Prune. Or it ends on the way
/// with Abandon.
namespace freshet::manager {

/// What a job promises of its results.
enum class CheckpointMode : std::uint8_t {
  exactly_once,
  at_least_once,  ///< barriers are not aligned
  at_most_once,   ///< no checkpoints at all
};
FRESHET_ENUM(CheckpointMode, exactly_once, at_least_once, at_most_once)

/// How a job makes its checkpoints.
struct CheckpointPolicy {
  CheckpointMode mode = CheckpointMode::exactly_once;
  Duration interval{0};          ///< from the start of a regular one to the start of the next; 0: only on demand
  Duration minimum_pause{0};     ///< from the end of any to the start of the next regular one
  Duration timeout{600'000};     ///< from the start until all tasks are in; the publication has as long once more
  std::uint32_t tolerated = 3;   ///< failures in a row; one more fails the attempt. Savepoints do not count
  std::size_t retained = 3;      ///< complete ones kept besides savepoints; at least 1
  std::size_t max_requests = 8;  ///< that wait behind the open one; more are refused
  bool operator==(const CheckpointPolicy&) const = default;
  FRESHET_RECORD(mode, interval, minimum_pause, timeout, tolerated, retained, max_requests)
};

/// No time in CheckpointPolicy is longer.
inline constexpr Duration kMaxCheckpointTime{365LL * 24 * 3600 * 1000};

/// Error: which setting is out of its range, and what the range is.
Status check_policy(const CheckpointPolicy& policy);

using wire::SinkHandle;
using wire::SnapshotInfo;

struct TaskSnapshot {
  TaskId task{};
  SnapshotInfo info{};
  bool operator==(const TaskSnapshot&) const = default;
};

/// A task's word that its snapshot is durable.
struct Acknowledged {
  CheckpointId id{};
  TaskId task{};
  SnapshotInfo info{};
};

/// A task's word that it can not save.
struct Declined {
  CheckpointId id{};
  TaskId task{};
  Error why{};
};

/// A complete checkpoint that an earlier coordinator of the job left.
struct KeptCheckpoint {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  std::int64_t created_ms = 0;  ///< wall clock; 0: it was not looked up
  checkpoint::NeededFiles files{};
  Attempt attempt{};  ///< that made it
  std::vector<checkpoint::EdgeBalance> edges{};
};

/// What a coordinator begins with.
struct CheckpointStart {
  CheckpointId first_free{1};          ///< no id below was or will be given out by anybody else
  std::vector<TaskId> tasks{};         ///< of the attempt; at least one
  std::vector<TaskSnapshot> ended{};   ///< of those, the ones that had ended in the checkpoint it goes on from
  std::vector<KeptCheckpoint> kept{};  ///< in any order
};

/// A wish for a checkpoint, 1, 2, 3 … within one coordinator. Several wishes may be granted by one checkpoint.
using RequestId = Id<struct CheckpointRequestTag, std::uint64_t>;

/// Make the id durable; answer with on_journalled() or on_journal_failed(). Also a failure uses the id up.
struct JournalId {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  bool operator==(const JournalId&) const = default;
};
/// Tell the sources to send the barrier.
struct Inject {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  bool operator==(const Inject&) const = default;
};
/// Publish the manifest, create-if-absent; answer with on_published() or on_publish_failed().
struct Publish {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  std::vector<TaskSnapshot> snapshots{};  ///< one of every task, by task
  bool operator==(const Publish&) const = default;
  /// As the manifest says them.
  std::vector<checkpoint::SnapshotRef> refs() const {
    std::vector<checkpoint::SnapshotRef> refs;
    for (const auto& [task, info] : snapshots)
      refs.push_back({task, info.name, info.bytes, info.checksum, info.ended, info.earlier});
    return refs;
  }
};
/// The checkpoint is complete: tell the sinks to commit.
struct NotifyCommit {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;  ///< behind a final one the streams may end
  bool operator==(const NotifyCommit&) const = default;
};
/// Take these manifests away, and the files that no manifest names any more. A task that has ended stands in newer
/// manifests with its old file.
struct Prune {
  std::vector<CheckpointId> ids{};  ///< oldest first
  bool operator==(const Prune&) const = default;
};
/// The checkpoint will never be complete.
struct Abandon {
  CheckpointId id{};
  BarrierKind kind = BarrierKind::checkpoint;
  std::string why{};
  bool was_injected = false;      ///< tasks know of it: tell them to drop what they saved for it
  std::vector<TaskId> missing{};  ///< tasks that were not in
  bool attempt_ended = false;     ///< its attempt ended first: no failure of its own
  bool operator==(const Abandon&) const = default;
};
/// End the attempt and recover. No checkpoint will be started any more.
struct FailAttempt {
  std::string why{};
  bool operator==(const FailAttempt&) const = default;
};
/// Somebody else has published something under the id: the attempt is stale and may touch nothing any more.
struct Fenced {
  CheckpointId id{};
  bool operator==(const Fenced&) const = default;
};
/// What became of a request.
struct RequestEnded {
  RequestId request{};
  CheckpointId id{};  ///< 0 when it never got one, or the final one was given up
  std::string why{};  ///< why there is no checkpoint; empty: it is complete
  bool operator==(const RequestEnded&) const = default;
};

using CheckpointDecision =
    std::variant<JournalId, Inject, Publish, NotifyCommit, Prune, Abandon, FailAttempt, Fenced, RequestEnded>;
using CheckpointDecisions = std::vector<CheckpointDecision>;

}  // namespace freshet::manager
