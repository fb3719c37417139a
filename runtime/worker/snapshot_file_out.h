#pragma once

#include <freshet/snapshot.h>

#include <atomic>

#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/wire/control.h"
#include "runtime/worker/task_files.h"

namespace freshet::worker {

/// Takes what one task saves at a barrier, as the bytes of snapshot files, and makes them durable: parts that are full
/// while it is filled, the rest when it is stored. Filled by the task's thread; what waits for disks is done by one
/// other, in order.
class SnapshotFileOut final : public SnapshotOut {
 public:
  using InBackground = std::function<void(std::function<void()>)>;

  /// `alone`: it must not need what was stored before. `part_bytes`: a file is about this long.
  SnapshotFileOut(const checkpoint::SnapshotId& id, std::shared_ptr<TaskFiles> files, bool alone,
                  std::shared_ptr<checkpoint::CheckpointStorage> storage, std::uint64_t part_bytes,
                  InBackground in_background);

  bool wants_everything() const override { return is_everything_; }
  bool has_room() const override { return parts_->waiting < kMaxWaitingParts; }
  void begin(std::string_view operator_id, std::string_view kind, std::string_view name) override;
  void put(std::string_view record) override { file_.put(record); }
  void ask_commit(std::string_view operator_id, std::string_view handle) override;
  void before_done(std::function<Status()> work) override { works_.push_back(std::move(work)); }

  /// Does the work that sinks have left, then stores the last part. Once, on the thread that waits for disks. Answers
  /// what the job manager is told.
  Result<wire::SnapshotInfo> store();

 private:
  static constexpr int kMaxWaitingParts = 2;

  /// Shared with the work in the background.
  struct Parts {
    std::atomic<int> waiting = 0;
    Status stored;  // those so far; that thread only, like the next
    std::vector<wire::StoredFile> files;
    void store(checkpoint::CheckpointStorage& storage, const checkpoint::SnapshotId& id, const std::string& bytes);
  };
  void store_part();

  checkpoint::SnapshotId id_;  // of the part in work
  const std::shared_ptr<TaskFiles> files_;
  const bool is_everything_;
  const std::shared_ptr<checkpoint::CheckpointStorage> storage_;
  const std::uint64_t part_bytes_;
  const InBackground in_background_;
  checkpoint::SnapshotWriter file_;
  const std::shared_ptr<Parts> parts_ = std::make_shared<Parts>();
  std::vector<wire::SinkHandle> handles_;
  std::vector<std::function<Status()>> works_;
};

}  // namespace freshet::worker
