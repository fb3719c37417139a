#include "runtime/checkpoint/verify.h"

#include <algorithm>
#include <set>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"

namespace freshet::checkpoint {

namespace {

/// The id that a file of the snapshot must have. An ended task may keep the file of an earlier checkpoint.
Result<SnapshotId> expected_id(const Manifest& manifest, const SnapshotRef& ref, const std::string& name) {
  const SnapshotId now{manifest.job, manifest.attempt, manifest.checkpoint, ref.task};
  const auto named = parse_snapshot_name(name);
  if (!named) return named;
  const bool may_be_older = ref.ended || name != ref.name;
  const bool fits = named->job == now.job && named->task == now.task &&
                    (may_be_older ? named->attempt <= now.attempt && named->checkpoint <= now.checkpoint
                                  : named->attempt == now.attempt && named->checkpoint == now.checkpoint);
  if (!fits) return Error{"this cannot be the snapshot of " + snapshot_name(now)};
  return named;
}

Status verify_file(CheckpointStorage& storage, const wire::StoredFile& file, const SnapshotId& expected) {
  const auto bytes = storage.get(file.name, std::min(file.bytes, kMaxSnapshotBytes));
  if (!bytes) return bytes.error();
  if (bytes->size() != file.bytes)
    return Error{"it has " + std::to_string(bytes->size()) + " bytes, the manifest says " + std::to_string(file.bytes)};
  // Opened first: that tells where the damage is.
  if (const auto opened = SnapshotReader::open(*bytes, expected); !opened) return opened.error();
  if (checksum_of(*bytes) != file.checksum) return Error{"it is sound, but not the file that the manifest means"};
  return {};
}

}  // namespace

Result<Manifest> load_manifest(CheckpointStorage& storage, JobId job, CheckpointId checkpoint) {
  const std::string name = manifest_name(job, checkpoint);
  const auto bytes = storage.get(name, kMaxManifestBytes);
  return bytes ? read_manifest(*bytes, job, checkpoint) : bytes.error();
}

Result<Manifest> read_manifest(std::string_view bytes, JobId job, CheckpointId checkpoint) {
  const std::string name = manifest_name(job, checkpoint);
  auto manifest = decode_manifest(bytes);
  if (!manifest) return Error{name + ": " + manifest.error().message};
  if (manifest->job != job || manifest->checkpoint != checkpoint)
    return Error{name + ": it is the manifest " + manifest_name(manifest->job, manifest->checkpoint)};
  return manifest;
}

std::vector<Damage> verify_checkpoint(CheckpointStorage& storage, const Manifest& manifest) {
  const std::string name = manifest_name(manifest.job, manifest.checkpoint);
  if (manifest.kind == ManifestKind::void_) return {{name, "it is void: the checkpoint never completed"}};
  std::vector<Damage> damages;
  std::set<TaskId> found;
  for (const SnapshotRef& ref : manifest.snapshots) {
    found.insert(ref.task);
    for (const auto& file : ref.files()) {  // none: it had ended
      const auto expected = expected_id(manifest, ref, file.name);
      const Status sound = expected ? verify_file(storage, file, *expected) : Status(expected.error());
      if (!sound) damages.push_back({file.name, sound.error().message});
    }
  }
  for (std::uint32_t chain = 0; chain < manifest.chains.size(); ++chain) {
    for (std::uint32_t index = 0; index < manifest.chains[chain].parallelism; ++index) {
      if (!found.contains({chain, index}))
        damages.push_back({name, "it has no snapshot of task " + std::to_string(chain) + "." + std::to_string(index)});
    }
  }
  return damages;
}

Result<std::vector<CheckpointId>> list_checkpoints(CheckpointStorage& storage, JobId job) {
  const auto files = storage.list(manifest_folder(job));
  if (!files) return files.error();
  std::vector<CheckpointId> checkpoints;
  for (const std::string& file : *files) {
    if (const auto id = parse_manifest_file_name(file)) checkpoints.push_back(*id);
  }
  std::sort(checkpoints.begin(), checkpoints.end());
  return checkpoints;
}

}  // namespace freshet::checkpoint
