#include "runtime/state/rocksdb_spill.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace freshet::state {
namespace {

namespace fs = std::filesystem;

class RocksDbSpillTest : public testing::Test {
 protected:
  ~RocksDbSpillTest() override { fs::remove_all(folder_); }
  static std::string all(SpillStore& store, std::string_view prefix) {
    std::string text;
    const auto walk = store.walk(prefix);
    std::string_view address, entry;
    while (walk->next(address, entry)) text += std::string(address) + "=" + std::string(entry) + " ";
    return text;
  }
  static std::string take(SpillStore& store, std::string_view address) {
    std::string entry;
    return store.take(address, entry) ? entry : "nothing";
  }
  const std::string folder_ = testing::TempDir() + "freshet_spill_" + std::to_string(::getpid());
};

TEST_F(RocksDbSpillTest, WhatIsPutIsTakenOnce) {
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(7);
  EXPECT_EQ(take(*store, "a"), "nothing");
  store->put("a", "1");
  store->put("b", std::string("\0\xff", 2));
  store->flush();
  EXPECT_EQ(take(*store, "a"), "1");
  EXPECT_EQ(take(*store, "a"), "nothing");
  store->put("a", "2");
  store->flush();
  EXPECT_EQ(take(*store, "a"), "2");
  EXPECT_EQ(take(*store, "b"), std::string("\0\xff", 2));
}

TEST_F(RocksDbSpillTest, AWalkShowsWhatWasThereWhenItBegan) {
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  for (const char* address : {"t1 b", "t1 a", "t2 c", "t1 c"}) store->put(address, address + 3);
  store->flush();
  const auto walk = store->walk("t1");
  ASSERT_EQ(take(*store, "t1 b"), "b");
  store->put("t1 d", "d");
  store->flush();
  std::string_view address, entry;
  std::string text;
  while (walk->next(address, entry)) text += std::string(address) + "=" + std::string(entry) + " ";
  EXPECT_EQ(text, "t1 a=a t1 b=b t1 c=c ");
  EXPECT_EQ(all(*store, "t1"), "t1 a=a t1 c=c t1 d=d ");
}

TEST_F(RocksDbSpillTest, TasksDoNotSeeEachOther) {
  RocksDbSpill spill(folder_);
  const auto one = spill.open_task(1), two = spill.open_task(2);
  one->put("a", "of one");
  one->flush();
  EXPECT_EQ(take(*two, "a"), "nothing");
  EXPECT_EQ(all(*two, ""), "");
  two->put("a", "of two");
  two->flush();
  EXPECT_EQ(all(*one, ""), "a=of one ");
}

TEST_F(RocksDbSpillTest, ManyEntriesComeBackThroughFilesOnDisk) {
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  const std::string padding(1000, 'x');
  constexpr int kEntries = 60'000;  // more than its memory holds before it writes files
  for (int i = 0; i < kEntries; ++i) {
    store->put(std::to_string(i), std::to_string(i) + padding);
    if (i % 1000 == 999) store->flush();
  }
  for (int i = 0; i < kEntries; i += 7) ASSERT_EQ(take(*store, std::to_string(i)), std::to_string(i) + padding);
  for (int i = 0; i < kEntries; ++i)
    ASSERT_EQ(take(*store, std::to_string(i)), i % 7 == 0 ? "nothing" : std::to_string(i) + padding);
}

TEST_F(RocksDbSpillTest, TheFolderComesWithTheFirstEntryAndGoesWithTheObject) {
  {
    RocksDbSpill spill(folder_);
    const auto store = spill.open_task(0);
    EXPECT_FALSE(fs::exists(folder_));
    store->put("a", "1");
    store->flush();
    EXPECT_TRUE(fs::exists(folder_));
  }
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(RocksDbSpillTest, WhatAKilledWorkerLeftIsNotSeen) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/CURRENT") << "MANIFEST-000099\n";
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  store->put("a", "1");
  store->flush();
  EXPECT_EQ(all(*store, ""), "a=1 ");
}

TEST_F(RocksDbSpillTest, AFolderThatCannotBeMadeIsTold) {
  std::ofstream(folder_) << "a file";
  RocksDbSpill spill(folder_ + "/state");
  const auto store = spill.open_task(0);
  store->put("a", "1");
  try {
    store->flush();
    FAIL() << "it said nothing";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).find("state cannot be kept on disk in " + folder_), 0u) << error.what();
  }
}

}  // namespace
}  // namespace freshet::state
