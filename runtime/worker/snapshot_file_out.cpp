#include "runtime/worker/snapshot_file_out.h"

#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/checkpoint/file_bytes.h"

namespace freshet::worker {

void SnapshotFileOut::ask_commit(std::string_view operator_id, std::string_view handle) {
  CHECK(handle.size() <= kMaxHandleBytes, "a sink's handle is short");
  if (plant::is_due(plant::Bug::forget_handle, 5)) return;
  handles_.push_back({std::string(operator_id), std::string(handle)});
}

Result<wire::SnapshotInfo> SnapshotFileOut::store(checkpoint::CheckpointStorage& storage) {
  for (const auto& work : works_) {
    if (const auto done = work(); !done) return done.error();
  }
  const std::string bytes = file_.finish();
  const std::string name = checkpoint::snapshot_name(id_);
  if (const auto put = storage.put(name, bytes); !put) return put.error();
  return wire::SnapshotInfo{name, bytes.size(), checkpoint::checksum_of(bytes), false, std::move(handles_)};
}

}  // namespace freshet::worker
