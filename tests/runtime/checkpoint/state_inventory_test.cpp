#include "runtime/checkpoint/state_inventory.h"

#include <gtest/gtest.h>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/memory_storage.h"
#include "runtime/checkpoint/snapshot_file.h"
#include "tests/runtime/checkpoint/support.h"

namespace freshet::checkpoint {
namespace {

std::string encoded(const StateDeclaration& declaration) {
  ByteBuffer bytes;
  encode(bytes, declaration);
  return std::string(bytes.view());
}

/// Checkpoint 7 of job 1: a source, and behind it in one chain of two tasks what counts and what only passes on.
class StateInventoryTest : public testing::Test {
 protected:
  StateInventoryTest() {
    manifest_.job = {1};
    manifest_.attempt = {3};
    manifest_.checkpoint = {7};
    manifest_.chains = {{{"events"}, 1}, {{"count", "pass"}, 2}};
  }
  wire::StoredFile save(const SnapshotId& id, const std::function<void(SnapshotWriter&)>& fill) {
    SnapshotWriter writer(id);
    fill(writer);
    const std::string bytes = writer.finish();
    storage_.files[snapshot_name(id)] = bytes;
    return {snapshot_name(id), bytes.size(), checksum_of(bytes)};
  }
  void add(TaskId task, const wire::StoredFile& file, std::vector<wire::StoredFile> earlier = {}) {
    manifest_.snapshots.push_back({task, file.name, file.bytes, file.checksum, false, std::move(earlier)});
  }
  /// A file of task 1.`index` with a list of the state of that declaration.
  wire::StoredFile counts(std::uint32_t index, std::uint64_t checkpoint, const std::vector<std::string>& entries,
                          const StateDeclaration& declaration) {
    return save({{1}, {3}, {checkpoint}, {1, index}}, [&](SnapshotWriter& writer) {
      writer.begin_section("operator", "count", "");
      writer.put("progress");
      writer.begin_section("state", "count", "totals");
      writer.put(encoded(declaration));
      for (const std::string& entry : entries) writer.put(entry);
    });
  }
  wire::StoredFile splits() {
    return save({{1}, {3}, {7}, {0, 0}}, [](SnapshotWriter& writer) {
      writer.begin_section("splits", "events", "");
      writer.put("a split");
    });
  }

  MemoryCheckpointStorage storage_;
  Manifest manifest_;
  const StateDeclaration narrow_{.name = "totals", .kind = "value", .value = schema_of<std::uint32_t>()};
  const StateDeclaration wide_{.name = "totals", .kind = "value", .value = schema_of<std::uint64_t>()};
};

TEST_F(StateInventoryTest, AllOperatorsAreFoundWithWhatAllTheirTasksHold) {
  add({0, 0}, splits());
  add({1, 0}, counts(0, 7, {"abc", "d"}, narrow_), {counts(0, 6, {"abcd"}, narrow_)});
  add({1, 1}, counts(1, 7, {}, narrow_));
  const auto saved = read_state_inventory(storage_, manifest_);
  ASSERT_TRUE(saved.ok()) << why(saved);
  ASSERT_EQ(saved->size(), 3u);
  EXPECT_EQ((*saved)[0].id, "events");
  EXPECT_TRUE((*saved)[0].is_source);
  EXPECT_EQ((*saved)[1].id, "count");
  EXPECT_FALSE((*saved)[1].is_source);
  ASSERT_EQ((*saved)[1].states.size(), 1u);
  EXPECT_EQ((*saved)[1].states[0].declaration, narrow_);
  EXPECT_EQ((*saved)[1].states[0].entries, 3u);
  EXPECT_EQ((*saved)[1].states[0].bytes, 8u);
  EXPECT_EQ((*saved)[2].id, "pass");
  EXPECT_TRUE((*saved)[2].states.empty());
}

TEST_F(StateInventoryTest, AStateThatWasDeclaredInTwoWaysIsThereTwice) {
  add({1, 0}, counts(0, 7, {"a"}, wide_));
  add({1, 1}, counts(1, 7, {"b"}, narrow_));
  const auto saved = read_state_inventory(storage_, manifest_);
  ASSERT_TRUE(saved.ok()) << why(saved);
  ASSERT_EQ((*saved)[1].states.size(), 2u);
  EXPECT_EQ((*saved)[1].states[0].declaration, wide_);
  EXPECT_EQ((*saved)[1].states[1].declaration, narrow_);
}

TEST_F(StateInventoryTest, WhatIsDamagedIsNamed) {
  add({1, 0}, counts(0, 7, {"a"}, narrow_));
  const std::string name = manifest_.snapshots[0].name;
  storage_.files[name][60] ^= 1;
  EXPECT_TRUE(contains(why(read_state_inventory(storage_, manifest_)), name + ": snapshot file damaged"));
  storage_.files.erase(name);
  EXPECT_TRUE(contains(why(read_state_inventory(storage_, manifest_)), name));
}

TEST_F(StateInventoryTest, ADeclarationThatIsNoneIsRefused) {
  add({1, 0}, save({{1}, {3}, {7}, {1, 0}}, [](SnapshotWriter& writer) {
        writer.begin_section("state", "count", "totals");
        writer.put("\xc1");
      }));
  EXPECT_TRUE(contains(why(read_state_inventory(storage_, manifest_)),
                       "the declaration of state totals of operator count is malformed"));
}

TEST_F(StateInventoryTest, ACheckpointThatNeverCompletedHoldsNothing) {
  manifest_.kind = ManifestKind::void_;
  EXPECT_EQ(why(read_state_inventory(storage_, manifest_)), "it never completed");
}

}  // namespace
}  // namespace freshet::checkpoint
