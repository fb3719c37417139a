#include "runtime/checkpoint/verify.h"

#include <gtest/gtest.h>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/memory_storage.h"
#include "runtime/checkpoint/snapshot_file.h"
#include "tests/runtime/checkpoint/support.h"

namespace freshet::checkpoint {
namespace {

/// Checkpoint 7 of job 1, attempt 3: a chain of one task and one of two, all in a storage.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    manifest_.job = {1};
    manifest_.attempt = {3};
    manifest_.checkpoint = {7};
    manifest_.chains = {{{"events"}, 1}, {{"per_user"}, 2}};
    for (const TaskId task : {TaskId{0, 0}, TaskId{1, 0}, TaskId{1, 1}}) save({{1}, {3}, {7}, task});
    publish();
  }

  SnapshotRef& save(const SnapshotId& id, const std::string& record = "a record") {
    SnapshotWriter writer(id);
    writer.begin_section("state", "op", "s");
    writer.put(record);
    const std::string bytes = writer.finish();
    storage_.files[snapshot_name(id)] = bytes;
    manifest_.snapshots.push_back({id.task, snapshot_name(id), bytes.size(), checksum_of(bytes), false});
    return manifest_.snapshots.back();
  }
  void publish() { storage_.files[manifest_name({1}, {7})] = *encode_manifest(manifest_); }

  /// The only damage that is found, "file: what"; "none" or the number of others.
  std::string damage() {
    const auto damages = verify_checkpoint(storage_, manifest_);
    if (damages.empty()) return "none";
    if (damages.size() > 1) return std::to_string(damages.size()) + " damages";
    return damages[0].file + ": " + damages[0].what;
  }

  MemoryCheckpointStorage storage_;
  Manifest manifest_;
  const std::string victim_ = "job-1/snapshots/c7-a3-t1.0";
};

TEST_F(VerifyTest, ASoundCheckpointHasNoDamage) {
  const auto loaded = load_manifest(storage_, {1}, {7});
  ASSERT_TRUE(loaded.ok()) << why(loaded);
  EXPECT_EQ(*loaded, manifest_);
  EXPECT_EQ(damage(), "none");
}

TEST_F(VerifyTest, EveryDamagedByteOfASnapshotIsFound) {
  const std::string sound = storage_.files[victim_];
  for (std::size_t i = 0; i < sound.size(); ++i) {
    storage_.files[victim_][i] = static_cast<char>(sound[i] ^ 0x40);
    EXPECT_TRUE(contains(damage(), victim_ + ": snapshot file damaged")) << i << ": " << damage();
    storage_.files[victim_] = sound;
  }
}

TEST_F(VerifyTest, AMissingSnapshotIsFound) {
  storage_.files.erase(victim_);
  EXPECT_TRUE(contains(damage(), victim_ + ": cannot open")) << damage();
}

TEST_F(VerifyTest, ASnapshotOfAnotherLengthIsFound) {
  const std::string sound = storage_.files[victim_];
  storage_.files[victim_] = sound + "x";
  EXPECT_TRUE(contains(damage(), victim_)) << damage();
  storage_.files[victim_] = sound.substr(1);
  EXPECT_TRUE(contains(damage(), victim_ + ": it has ")) << damage();
}

TEST_F(VerifyTest, TheSnapshotOfAnotherTaskIsFound) {
  storage_.files[victim_] = storage_.files["job-1/snapshots/c7-a3-t1.1"];
  EXPECT_TRUE(contains(damage(), "this is the snapshot job-1/snapshots/c7-a3-t1.1")) << damage();
}

TEST_F(VerifyTest, ASoundFileThatIsNotTheOneMeantIsFound) {
  save({{1}, {3}, {7}, {1, 0}}, "b record");
  manifest_.snapshots.pop_back();
  EXPECT_EQ(damage(), victim_ + ": it is sound, but not the file that the manifest means");
}

TEST_F(VerifyTest, ATaskWithoutSnapshotIsFound) {
  manifest_.snapshots.erase(manifest_.snapshots.begin() + 1);
  EXPECT_EQ(damage(), "job-1/manifests/c7: it has no snapshot of task 1.0");
}

TEST_F(VerifyTest, AllDamagesAreTold) {
  storage_.files.erase(victim_);
  storage_.files["job-1/snapshots/c7-a3-t0.0"][50] = '!';
  manifest_.snapshots.pop_back();
  EXPECT_EQ(verify_checkpoint(storage_, manifest_).size(), 3u);
}

TEST_F(VerifyTest, EndedTasksMayKeepAnOlderFileOrNone) {
  manifest_.snapshots.clear();
  save({{1}, {2}, {5}, {0, 0}}).ended = true;
  save({{1}, {3}, {7}, {1, 0}});
  manifest_.snapshots.push_back({.task = {1, 1}, .ended = true});
  EXPECT_EQ(damage(), "none");
  manifest_.snapshots[0].ended = false;
  EXPECT_TRUE(contains(damage(), "c5-a2-t0.0: this cannot be the snapshot of job-1/snapshots/c7-a3-t0.0")) << damage();
}

TEST_F(VerifyTest, AnEndedTasksFileIsStillItsOwnAndNotOfTheFuture) {
  const SnapshotId good{{1}, {3}, {7}, {0, 0}};
  std::vector<SnapshotId> bad(4, good);
  bad[0].job = {2};
  bad[1].attempt = {4};
  bad[2].checkpoint = {8};
  bad[3].task = {1, 0};
  for (const SnapshotId& id : bad) {
    manifest_.snapshots.erase(manifest_.snapshots.begin());
    SnapshotRef ref = save(id);
    ref.task = {0, 0};
    ref.ended = true;
    manifest_.snapshots.pop_back();
    manifest_.snapshots.insert(manifest_.snapshots.begin(), ref);
    EXPECT_TRUE(contains(damage(), "this cannot be the snapshot of")) << snapshot_name(id) << ": " << damage();
  }
}

TEST_F(VerifyTest, AVoidCheckpointCannotBeRestored) {
  manifest_ = {.kind = ManifestKind::void_, .job = {1}, .checkpoint = {7}};
  EXPECT_EQ(damage(), "job-1/manifests/c7: it is void: the checkpoint never completed");
}

TEST_F(VerifyTest, ManifestsAreLoadedFromTheirOwnNameOnly) {
  const auto missing = load_manifest(storage_, {1}, {8});
  EXPECT_TRUE(contains(why(missing), "job-1/manifests/c8")) << why(missing);
  storage_.files["job-1/manifests/c8"] = storage_.files["job-1/manifests/c7"];
  const auto moved = load_manifest(storage_, {1}, {8});
  EXPECT_EQ(why(moved), "job-1/manifests/c8: it is the manifest job-1/manifests/c7");
  storage_.files["job-2/manifests/c7"] = storage_.files["job-1/manifests/c7"];
  EXPECT_FALSE(load_manifest(storage_, {2}, {7}).ok());
  storage_.files["job-1/manifests/c7"][20] ^= 1;
  const auto damaged = load_manifest(storage_, {1}, {7});
  EXPECT_TRUE(contains(why(damaged), "job-1/manifests/c7: manifest damaged at byte 16")) << why(damaged);
}

TEST_F(VerifyTest, CheckpointsAreListedByNumber) {
  for (const char* name : {"c10", "c9", "c100", "c07", "old", "c8.bak"})
    storage_.files[std::string("job-1/manifests/") + name] = "";
  storage_.files["job-2/manifests/c3"] = "";
  const auto found = list_checkpoints(storage_, {1});
  ASSERT_TRUE(found.ok()) << why(found);
  EXPECT_EQ(*found, (std::vector<CheckpointId>{{7}, {9}, {10}, {100}}));
  EXPECT_EQ(*list_checkpoints(storage_, {3}), std::vector<CheckpointId>{});
}

}  // namespace
}  // namespace freshet::checkpoint
