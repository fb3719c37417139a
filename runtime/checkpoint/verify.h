#pragma once

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"

/// Looks whether checkpoints in a storage can be restored. Blocking; from any thread.
namespace freshet::checkpoint {

/// What is wrong with a file of a checkpoint.
struct Damage {
  std::string file{};  ///< its name in the storage
  std::string what{};
  bool operator==(const Damage&) const = default;
};

/// The manifest that is published for a checkpoint, complete or void. Error names the file: there is none, it is
/// damaged, or it is that of another checkpoint.
Result<Manifest> load_manifest(CheckpointStorage& storage, JobId job, CheckpointId checkpoint);
/// The same of bytes that have been read already.
Result<Manifest> read_manifest(std::string_view bytes, JobId job, CheckpointId checkpoint);

/// Reads all snapshots of a checkpoint, one at a time, each whole in memory, and compares them with the manifest and
/// their own checksums. None: all tasks can be restored from it. A void manifest is a damage, too.
std::vector<Damage> verify_checkpoint(CheckpointStorage& storage, const Manifest& manifest);

/// The checkpoints for which there is a manifest, complete, void or damaged, in ascending order.
Result<std::vector<CheckpointId>> list_checkpoints(CheckpointStorage& storage, JobId job);

}  // namespace freshet::checkpoint
