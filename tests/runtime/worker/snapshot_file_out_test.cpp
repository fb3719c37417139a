#include "runtime/worker/snapshot_file_out.h"

#include <gtest/gtest.h>

#include "runtime/checkpoint/memory_storage.h"

namespace freshet::worker {
namespace {

/// Snapshots of one task, their work in the background done when the test says so.
class SnapshotFileOutTest : public testing::Test {
 protected:
  std::shared_ptr<SnapshotFileOut> begin(std::uint64_t checkpoint, bool alone = false) {
    const checkpoint::SnapshotId id{{1}, {3}, {checkpoint}, {0, 2}};
    auto out = std::make_shared<SnapshotFileOut>(
        id, files, alone, storage, 100, [this](std::function<void()> work) { works.push_back(std::move(work)); });
    out->begin("totals", "state", "sums");
    out->put("checkpoint " + std::to_string(checkpoint));
    return out;
  }
  Result<wire::SnapshotInfo> store(SnapshotFileOut& out) {
    for (const auto& work : std::exchange(works, {})) work();
    return out.store();
  }
  Result<wire::SnapshotInfo> save(std::uint64_t checkpoint, bool alone = false) {
    return store(*begin(checkpoint, alone));
  }
  static std::string names(const Result<wire::SnapshotInfo>& info) {
    if (!info) return info.error().message;
    std::string names;
    for (const auto& file : info->earlier) names += file.name + " ";
    return names + info->name;
  }

  std::shared_ptr<checkpoint::MemoryCheckpointStorage> storage =
      std::make_shared<checkpoint::MemoryCheckpointStorage>();
  std::shared_ptr<TaskFiles> files = std::make_shared<TaskFiles>();
  std::vector<std::function<void()>> works;
};

constexpr const char* kOne = "job-1/snapshots/c1-a3-t0.2";
constexpr const char* kTwo = "job-1/snapshots/c2-a3-t0.2";

TEST_F(SnapshotFileOutTest, TheFirstHoldsEverythingAndTheNextBuildsOnIt) {
  auto first = begin(1);
  EXPECT_TRUE(first->wants_everything());
  EXPECT_EQ(names(store(*first)), kOne);
  auto second = begin(2);
  EXPECT_FALSE(second->wants_everything());
  EXPECT_EQ(names(store(*second)), std::string(kOne) + " " + kTwo);
}

TEST_F(SnapshotFileOutTest, WhenWhatChangedIsMoreThanEverythingTheNextHoldsEverything) {
  ASSERT_TRUE(save(1));
  std::uint64_t checkpoint = 2;
  for (auto out = begin(checkpoint); !out->wants_everything(); out = begin(checkpoint)) {
    ASSERT_TRUE(store(*out));
    ASSERT_LT(++checkpoint, 10u);
  }
  EXPECT_EQ(checkpoint, 4u) << "two of the same size as the first may stand behind it";
  EXPECT_EQ(names(save(checkpoint)), "job-1/snapshots/c4-a3-t0.2");
}

TEST_F(SnapshotFileOutTest, ASavepointStandsAlone) {
  ASSERT_TRUE(save(1));
  EXPECT_EQ(names(save(2, true)), kTwo);
}

TEST_F(SnapshotFileOutTest, AfterOneThatCouldNotBeStoredTheNextHoldsEverything) {
  ASSERT_TRUE(save(1));
  ASSERT_TRUE(storage->put(kTwo, "in the way"));
  EXPECT_FALSE(save(2));
  auto third = begin(3);
  EXPECT_TRUE(third->wants_everything());
  EXPECT_EQ(names(store(*third)), "job-1/snapshots/c3-a3-t0.2");
}

TEST_F(SnapshotFileOutTest, WhatWasBegunOnOneThatThenFailedFailsToo) {
  ASSERT_TRUE(save(1));
  ASSERT_TRUE(storage->put(kTwo, "in the way"));
  auto second = begin(2);
  auto third = begin(3);
  ASSERT_FALSE(third->wants_everything());
  EXPECT_FALSE(store(*second));
  EXPECT_EQ(names(store(*third)), "the snapshot that it builds on could not be stored");
  EXPECT_TRUE(begin(4)->wants_everything());
}

TEST_F(SnapshotFileOutTest, LongOnesAreStoredInPartsAndWaitForThem) {
  auto out = begin(1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(out->has_room());
    out->put(std::string(100, 'x'));
    out->begin("totals", "state", "sums");
  }
  EXPECT_FALSE(out->has_room()) << "two parts wait for the disk";
  const auto info = store(*out);
  EXPECT_TRUE(out->has_room());
  EXPECT_EQ(names(info), std::string(kOne) + " " + kOne + "-p1 " + kOne + "-p2");
  EXPECT_TRUE(
      checkpoint::SnapshotReader::open(*storage->get(std::string(kOne) + "-p1", 1 << 20), {{1}, {3}, {1}, {0, 2}, 1}));
}

TEST_F(SnapshotFileOutTest, APartThatCannotBeStoredFailsTheWhole) {
  ASSERT_TRUE(storage->put(kOne, "in the way"));
  auto out = begin(1);
  out->put(std::string(100, 'x'));
  out->begin("totals", "state", "sums");
  EXPECT_FALSE(store(*out));
  EXPECT_FALSE(storage->get(std::string(kOne) + "-p1", 1 << 20)) << "nothing is written behind it";
}

TEST_F(SnapshotFileOutTest, WorkOfASinkThatFailsFailsTheSnapshot) {
  auto out = begin(1);
  out->before_done([] { return Status(Error{"disk full"}); });
  EXPECT_EQ(names(store(*out)), "disk full");
  EXPECT_TRUE(begin(2)->wants_everything());
}

}  // namespace
}  // namespace freshet::worker
