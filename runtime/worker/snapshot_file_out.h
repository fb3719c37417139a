#pragma once

#include <freshet/snapshot.h>

#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/wire/control.h"

namespace freshet::worker {

/// Takes what one task saves at a barrier, as the bytes of a snapshot file, and then makes it durable. Filled by the
/// task's thread, then stored by one other.
class SnapshotFileOut final : public SnapshotOut {
 public:
  explicit SnapshotFileOut(const checkpoint::SnapshotId& id) : id_(id), file_(id) {}

  void begin(std::string_view operator_id, std::string_view kind, std::string_view name) override {
    file_.begin_section(kind, operator_id, name);
  }
  void put(std::string_view record) override { file_.put(record); }
  void ask_commit(std::string_view operator_id, std::string_view handle) override;
  void before_done(std::function<Status()> work) override { works_.push_back(std::move(work)); }

  /// Does the work that sinks have left, then puts the file into the storage. Once; may wait for disks. Answers what
  /// the job manager is told.
  Result<wire::SnapshotInfo> store(checkpoint::CheckpointStorage& storage);
  const checkpoint::SnapshotId& id() const { return id_; }

 private:
  const checkpoint::SnapshotId id_;
  checkpoint::SnapshotWriter file_;
  std::vector<wire::SinkHandle> handles_;
  std::vector<std::function<Status()>> works_;
};

}  // namespace freshet::worker
