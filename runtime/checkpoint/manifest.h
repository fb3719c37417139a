#pragma once

#include <freshet/element.h>
#include <freshet/result.h>

#include "runtime/base/ids.h"
#include "runtime/checkpoint/edge_balance.h"
#include "runtime/wire/stored_file.h"

/// The file whose publication makes a checkpoint complete. Frozen: a golden test holds every byte.
///
///   magic "FRSM", version u8, three zero bytes, length of the body u64, body, XXH3-64 of all before u64
///
/// Numbers are big-endian; the body is a Manifest in msgpack.
namespace freshet::checkpoint {

inline constexpr std::uint32_t kManifestMagic = 0x4652534d;  // "FRSM"
inline constexpr std::uint8_t kManifestVersion = 3;
/// No manifest file is longer.
inline constexpr std::uint64_t kMaxManifestBytes = 64u << 20;
/// A manifest of more tasks is refused, or of more edges.
inline constexpr std::uint64_t kMaxManifestTasks = 1u << 20;
inline constexpr std::size_t kMaxManifestEdges = 1u << 20;

enum class ManifestKind : std::uint8_t {
  complete = 1,
  void_ = 2,  ///< published at recovery in place of a checkpoint that never completed
};
FRESHET_ENUM(ManifestKind, complete, void_)

/// A task's snapshot builds on at most so many files.
inline constexpr std::size_t kMaxEarlierFiles = 1u << 16;

/// One task's part of a checkpoint: a file, and those that it builds on.
struct SnapshotRef {
  TaskId task{};
  std::string name{};          ///< of the file in the checkpoint storage; empty: an ended task left none
  std::uint64_t bytes = 0;     ///< of the file
  std::uint64_t checksum = 0;  ///< checksum_of() the file
  bool ended = false;          ///< the task had seen the end of its stream
  /// Oldest first. Of these only the states count; what the file itself says of them comes behind and wins.
  std::vector<wire::StoredFile> earlier{};
  bool operator==(const SnapshotRef&) const = default;
  FRESHET_RECORD(task, name, bytes, checksum, ended, earlier)

  /// All its files, oldest first; none when it has none.
  std::vector<wire::StoredFile> files() const {
    std::vector<wire::StoredFile> all = earlier;
    if (!name.empty()) all.push_back({name, bytes, checksum});
    return all;
  }
};

/// What a sink's task asks to be told when the checkpoint is complete.
struct CommitHandle {
  std::string operator_id{};
  std::uint32_t task = 0;  ///< index of the task that made it, in its chain
  std::string handle{};    ///< opaque bytes
  bool operator==(const CommitHandle&) const = default;
  FRESHET_RECORD(operator_id, task, handle)
};

/// A chain of the plan as it was: TaskId::chain counts them from 0.
struct ChainShape {
  std::vector<std::string> operator_ids{};
  std::uint32_t parallelism = 0;
  bool operator==(const ChainShape&) const = default;
  FRESHET_RECORD(operator_ids, parallelism)
};

/// A checkpoint: whose it is, the shape of the plan it was made with, and where its parts are.
struct Manifest {
  ManifestKind kind = ManifestKind::complete;
  JobId job{};
  std::string job_name{};
  Attempt attempt{};
  Revision revision{};
  CheckpointId checkpoint{};
  BarrierKind barrier = BarrierKind::checkpoint;
  std::int64_t created_ms = 0;  ///< wall clock, since 1970
  std::uint32_t key_groups = 0;
  std::vector<ChainShape> chains{};
  std::vector<SnapshotRef> snapshots{};  ///< at most one a task; none in a void manifest
  std::vector<CommitHandle> handles{};   ///< none in a void manifest
  std::vector<EdgeBalance> edges{};      ///< what has crossed each edge of the plan; none in a void manifest
  bool operator==(const Manifest&) const = default;
  FRESHET_RECORD(kind, job, job_name, attempt, revision, checkpoint, barrier, created_ms, key_groups, chains, snapshots,
                 handles, edges)
};

/// The files that a checkpoint needs.
struct NeededFiles {
  std::vector<std::string> names{};
  std::uint64_t bytes = 0;
  std::uint64_t new_bytes = 0;  ///< of those that were written for it
};
NeededFiles needed_files(CheckpointId checkpoint, const std::vector<SnapshotRef>& snapshots);

/// `job-1/manifests`.
std::string manifest_folder(JobId job);

/// Name of its file in the checkpoint storage, `job-1/manifests/c7`. One for all attempts: of those that publish a
/// checkpoint of one number, one wins.
std::string manifest_name(JobId job, CheckpointId checkpoint);

/// The checkpoint whose manifest stands under `file_name` in manifest_folder(); Error when none does.
Result<CheckpointId> parse_manifest_file_name(std::string_view file_name);

/// The bytes of the file. Error: decode_manifest() would refuse them.
Result<std::string> encode_manifest(const Manifest& manifest);

/// Error: the bytes are damaged, and where; or they say what no manifest may: a task twice or of no chain, a name that
/// is none, more than the limits allow. Tasks without a snapshot are for verify_checkpoint() to find.
Result<Manifest> decode_manifest(std::string_view bytes);

}  // namespace freshet::checkpoint
