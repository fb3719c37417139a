#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "runtime/checkpoint/memory_storage.h"
#include "runtime/checkpoint/verify.h"
#include "runtime/task/table_save.h"
#include "runtime/worker/snapshot_file_out.h"
#include "tests/operators/state_support.h"

namespace freshet::manager {

/// The tasks of one operator `totals` with a state of every kind, saved as workers save them: `numbers+1` is the only
/// chain of the job. Files are short, so that a snapshot has several parts.
class SavedOperator {
 public:
  static constexpr std::uint32_t kKeyGroups = 16;
  static constexpr std::uint64_t kPartBytes = 200;

  explicit SavedOperator(std::uint32_t tasks, Duration ttl = Duration::max()) {
    for (std::uint32_t i = 0; i < tasks; ++i) {
      states_.push_back(std::make_unique<test::States>(ttl));
      files_.push_back(std::make_shared<worker::TaskFiles>());
    }
  }

  std::uint32_t task_of(std::uint64_t key) const {
    return task_of_key_group(key_group_of(key_hash(key), kKeyGroups), kKeyGroups,
                             static_cast<std::uint32_t>(states_.size()));
  }
  /// The operator in the task that holds the key, ready for a call with it.
  test::States& at(std::uint64_t key) {
    test::States& states = *states_[task_of(key)];
    states.at(now_ms);
    states.enter(key);
    return states;
  }

  /// All tasks save, and the manifest is published. `alone`: a savepoint.
  void save(std::uint64_t number, bool alone = false) {
    checkpoint::Manifest manifest;
    manifest.job = job;
    manifest.job_name = "shop";
    manifest.attempt = {1};
    manifest.checkpoint = {number};
    manifest.barrier = alone ? BarrierKind::savepoint : BarrierKind::checkpoint;
    manifest.created_ms = now_ms;
    manifest.key_groups = kKeyGroups;
    manifest.chains = {{{"numbers", "totals"}, static_cast<std::uint32_t>(states_.size())}};
    for (std::uint32_t i = 0; i < states_.size(); ++i) manifest.snapshots.push_back(save_task(i, {number}, alone));
    const auto bytes = checkpoint::encode_manifest(manifest);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    ASSERT_TRUE(storage->put(checkpoint::manifest_name(job, {number}), *bytes).ok());
  }
  checkpoint::Manifest manifest(std::uint64_t number) {
    return *checkpoint::load_manifest(*storage, job, CheckpointId{number});
  }

  const JobId job{1};
  std::int64_t now_ms = 1'000'000;
  std::shared_ptr<checkpoint::MemoryCheckpointStorage> storage =
      std::make_shared<checkpoint::MemoryCheckpointStorage>();

 private:
  checkpoint::SnapshotRef save_task(std::uint32_t index, CheckpointId number, bool alone) {
    const checkpoint::SnapshotId id{job, {1}, number, {0, index}};
    worker::SnapshotFileOut out(id, files_[index], alone, storage, kPartBytes,
                                [](const std::function<void()>& work) { work(); });
    out.begin("totals", "operator", "");
    out.put("progress");
    states_[index]->commit();
    std::vector<std::unique_ptr<task::TableSave>> saves;
    for (const auto& [name, table] : states_[index]->states)
      saves.push_back(std::make_unique<task::TableSave>(*table, "totals", name, out));
    // In turn, so that their lists stand between each other.
    while (!saves.empty()) std::erase_if(saves, [](auto& save) { return save->go_on(3); });
    const auto info = out.store();
    EXPECT_TRUE(info.ok()) << info.error().message;
    return {{0, index}, info->name, info->bytes, info->checksum, false, info->earlier};
  }

  std::vector<std::unique_ptr<test::States>> states_;
  std::vector<std::shared_ptr<worker::TaskFiles>> files_;
};

}  // namespace freshet::manager
