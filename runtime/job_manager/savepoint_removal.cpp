#include "runtime/job_manager/savepoint_removal.h"

#include <algorithm>
#include <set>

#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/verify.h"

namespace freshet::manager {
namespace {

using checkpoint::Manifest;

Refusal refused(Refusal::Code code, std::string message) { return {code, std::move(message), {}, {}}; }

/// Files that manifests of the job name. Nothing: one of them cannot be read.
std::optional<std::set<std::string>> named_files(const Job& job, checkpoint::CheckpointStorage& storage) {
  const auto listed = checkpoint::list_checkpoints(storage, job.id());
  if (!listed) return std::nullopt;
  std::set<std::string> names;
  for (const CheckpointId id : *listed) {
    const auto manifest = checkpoint::load_manifest(storage, job.id(), id);
    if (!manifest) return std::nullopt;
    for (std::string& name : checkpoint::needed_files(id, manifest->snapshots).names) names.insert(std::move(name));
  }
  return names;
}

void remove_files(const Job& job, checkpoint::CheckpointStorage& storage, const Manifest& manifest,
                  DeletedSavepoint& deleted) {
  const auto kept = named_files(job, storage);
  for (const auto& snapshot : manifest.snapshots) {
    for (const auto& file : snapshot.files()) {
      const auto id = checkpoint::parse_snapshot_name(file.name);
      const bool is_ours = id && id->job == job.id();
      if (!kept || kept->contains(file.name) || !is_ours || !storage.remove(file.name)) {
        ++deleted.kept_files;
        continue;
      }
      ++deleted.files;
      deleted.bytes += file.bytes;
    }
  }
}

}  // namespace

Answer<DeletedSavepoint> delete_savepoint(Job& job, checkpoint::CheckpointStorage& storage, CheckpointId savepoint) {
  const std::string name = "savepoint " + std::to_string(savepoint.value);
  const auto listed = checkpoint::list_checkpoints(storage, job.id());
  if (!listed) return refused(Refusal::Code::failed, listed.error().message);
  if (std::ranges::find(*listed, savepoint) == listed->end())
    return refused(Refusal::Code::not_found, "job " + job.name() + " has no " + name);
  const auto manifest = checkpoint::load_manifest(storage, job.id(), savepoint);
  if (!manifest) return refused(Refusal::Code::failed, "not deleted: " + manifest.error().message);
  if (manifest->barrier != BarrierKind::savepoint || manifest->kind != checkpoint::ManifestKind::complete)
    return refused(Refusal::Code::bad_state, "not deleted: " + std::to_string(savepoint.value) +
                                                 " is no savepoint; checkpoints go by themselves when newer ones come");
  if (!job.is_over() && job.checkpoints().unsettled())
    return refused(Refusal::Code::bad_state,
                   "not deleted: it is not known yet which checkpoint the job would go on from; try again later");
  if (!job.is_over() && job.checkpoints().restore_point() == savepoint)
    return refused(Refusal::Code::bad_state, "not deleted: job " + job.name() + " would go on from " + name +
                                                 " after a failure; try again after its next checkpoint");
  // Without its manifest it is no checkpoint any more, whatever becomes of its files.
  if (const Status removed = storage.remove(checkpoint::manifest_name(job.id(), savepoint)); !removed)
    return refused(Refusal::Code::failed, "not deleted: " + removed.error().message);
  job.checkpoints().forget(savepoint);
  DeletedSavepoint deleted;
  deleted.number = savepoint.value;
  remove_files(job, storage, *manifest, deleted);
  return deleted;
}

}  // namespace freshet::manager
