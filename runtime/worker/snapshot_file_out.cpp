#include "runtime/worker/snapshot_file_out.h"

#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/checkpoint/file_bytes.h"

namespace freshet::worker {

SnapshotFileOut::SnapshotFileOut(const checkpoint::SnapshotId& id, std::shared_ptr<TaskFiles> files, bool alone,
                                 std::shared_ptr<checkpoint::CheckpointStorage> storage, std::uint64_t part_bytes,
                                 InBackground in_background)
    : id_(id),
      files_(std::move(files)),
      is_everything_(files_->begin(alone)),
      storage_(std::move(storage)),
      part_bytes_(part_bytes),
      in_background_(std::move(in_background)),
      file_(id) {}

void SnapshotFileOut::begin(std::string_view operator_id, std::string_view kind, std::string_view name) {
  if (file_.size() >= part_bytes_) store_part();
  file_.begin_section(kind, operator_id, name);
}

void SnapshotFileOut::ask_commit(std::string_view operator_id, std::string_view handle) {
  CHECK(handle.size() <= kMaxHandleBytes, "a sink's handle is short");
  if (plant::is_due(plant::Bug::forget_handle, 5)) return;
  handles_.push_back({std::string(operator_id), std::string(handle)});
}

void SnapshotFileOut::store_part() {
  ++parts_->waiting;
  auto bytes = std::make_shared<const std::string>(file_.finish());
  in_background_([parts = parts_, storage = storage_, id = id_, bytes = std::move(bytes)] {
    parts->store(*storage, id, *bytes);
    --parts->waiting;
  });
  ++id_.part;
  file_ = checkpoint::SnapshotWriter(id_);
}

void SnapshotFileOut::Parts::store(checkpoint::CheckpointStorage& storage, const checkpoint::SnapshotId& id,
                                   const std::string& bytes) {
  if (!stored) return;
  const std::string name = checkpoint::snapshot_name(id);
  stored = storage.put(name, bytes);
  files.push_back({name, bytes.size(), checkpoint::checksum_of(bytes)});
}

Result<wire::SnapshotInfo> SnapshotFileOut::store() {
  for (const auto& work : works_) {
    if (const auto done = work(); !done) {
      (void)files_->end(is_everything_, done.error());
      return done.error();
    }
  }
  parts_->store(*storage_, id_, file_.finish());
  auto needed = parts_->stored ? files_->end(is_everything_, std::move(parts_->files))
                               : files_->end(is_everything_, parts_->stored.error());
  if (!needed) return needed.error();
  const wire::StoredFile last = std::move(needed->back());
  needed->pop_back();
  return wire::SnapshotInfo{last.name, last.bytes, last.checksum, false, std::move(handles_), std::move(*needed), {}};
}

}  // namespace freshet::worker
