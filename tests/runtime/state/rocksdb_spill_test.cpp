#include "runtime/state/rocksdb_spill.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/runtime/state/disk_with_lever.h"

namespace freshet::state {
namespace {

namespace fs = std::filesystem;

class RocksDbSpillTest : public testing::Test {
 protected:
  ~RocksDbSpillTest() override { fs::remove_all(folder_); }
  static std::string all(SpillStore& store, std::string_view prefix) {
    std::string text;
    const auto walk = store.walk(prefix, {});
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
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(take(*store, "a"), "1");
  EXPECT_EQ(take(*store, "a"), "nothing");
  store->put("a", "2");
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(take(*store, "a"), "2");
  EXPECT_EQ(take(*store, "b"), std::string("\0\xff", 2));
}

TEST_F(RocksDbSpillTest, AWalkShowsWhatWasThereWhenItBegan) {
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  for (const char* address : {"t1 b", "t1 a", "t2 c", "t1 c"}) store->put(address, address + 3);
  ASSERT_TRUE(store->flush());
  const auto walk = store->walk("t1", "");
  ASSERT_EQ(take(*store, "t1 b"), "b");
  store->put("t1 d", "d");
  ASSERT_TRUE(store->flush());
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
  ASSERT_TRUE(one->flush());
  EXPECT_EQ(take(*two, "a"), "nothing");
  EXPECT_EQ(all(*two, ""), "");
  two->put("a", "of two");
  ASSERT_TRUE(two->flush());
  EXPECT_EQ(all(*one, ""), "a=of one ");
}

TEST_F(RocksDbSpillTest, ManyEntriesComeBackThroughFilesOnDisk) {
  RocksDbSpill spill(folder_, {.buffer_bytes = 64u << 10});
  const auto store = spill.open_task(0);
  const std::string padding(1000, 'x');
  constexpr int kEntries = 6'000;  // more than its memory holds before it writes files
  for (int i = 0; i < kEntries; ++i) {
    store->put(std::to_string(i), std::to_string(i) + padding);
    if (i % 100 == 99) {
      ASSERT_TRUE(store->flush());
    }
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
    ASSERT_TRUE(store->flush());
    EXPECT_TRUE(fs::exists(folder_));
    EXPECT_FALSE(fs::exists(folder_ + "/LOG")) << "it cannot be written to a full disk";
  }
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(RocksDbSpillTest, WhatAKilledWorkerLeftIsNotSeen) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/CURRENT") << "MANIFEST-000099\n";
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  store->put("a", "1");
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(all(*store, ""), "a=1 ");
}

TEST_F(RocksDbSpillTest, AWalkGoesOnBehindAnAddress) {
  RocksDbSpill spill(folder_);
  const auto store = spill.open_task(0);
  for (const char* address : {"t0", "t1a", "t1b", "t1ba", "t2"}) store->put(address, address);
  ASSERT_TRUE(store->flush());
  const auto first_behind = [&](std::string_view after) {
    std::string_view address, entry;
    return store->walk("t1", after)->next(address, entry) ? std::string(entry) : "nothing";
  };
  EXPECT_EQ(first_behind(""), "t1a");
  EXPECT_EQ(first_behind("t1a"), "t1b");
  EXPECT_EQ(first_behind("t1aa"), "t1b");
  EXPECT_EQ(first_behind("t1b"), "t1ba");
  EXPECT_EQ(first_behind("t1ba"), "nothing");
}

TEST_F(RocksDbSpillTest, AFolderThatCannotBeMadeIsTold) {
  std::ofstream(folder_) << "a file";
  RocksDbSpill spill(folder_ + "/state");
  const auto store = spill.open_task(0);
  store->put("a", "1");
  try {
    (void)store->flush();
    FAIL() << "it said nothing";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).find("state cannot be kept on disk in " + folder_), 0u) << error.what();
  }
}

class RocksDbSpillOnAFullDisk : public RocksDbSpillTest, public testing::WithParamInterface<DiskWithLever::Fault> {
 protected:
  /// One more entry. False: it was refused.
  bool put(int number) {
    store_->put(name(number), name(number) + padding_);
    if (!store_->flush()) return false;
    expected_[name(number)] = name(number) + padding_;
    return true;
  }
  /// As soon as RocksDB sees that there is room; it looks every few seconds when it was about to compact.
  bool put_at_last(int number) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!put(number)) {
      if (std::chrono::steady_clock::now() > patience) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  /// Until an entry is refused.
  void fill() {
    disk_->fault = GetParam();
    for (int more = 0; more < 2'000 && put(next_); ++more) ++next_;
    ASSERT_NE(store_->trouble(), nullptr) << "2 MB have gone somewhere";
  }
  std::string take_expected(int number) {
    const auto found = expected_.find(name(number));
    const std::string entry = found == expected_.end() ? "nothing" : found->second;
    if (found != expected_.end()) expected_.erase(found);
    return entry;
  }
  std::string all_expected() const {
    std::string text;
    for (const auto& [address, entry] : expected_) text += address + "=" + entry + " ";
    return text;
  }
  static std::string name(int number) { return std::to_string(100'000 + number); }

  const std::shared_ptr<DiskWithLever> disk_ = std::make_shared<DiskWithLever>();
  const std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  RocksDbSpill spill_{folder_, {.env = env_.get(), .buffer_bytes = 64u << 10}};
  const std::unique_ptr<SpillStore> store_ = spill_.open_task(0);
  const std::string padding_ = std::string(1000, 'x');
  std::map<std::string, std::string> expected_;
  int next_ = 0;
};

TEST_P(RocksDbSpillOnAFullDisk, WhatIsRefusedIsNotThereAndWhatWasTakenIsThereUntilItIsTaken) {
  for (; next_ < 500; ++next_) ASSERT_TRUE(put_at_last(next_));
  ASSERT_NO_FATAL_FAILURE(fill());
  EXPECT_EQ(store_->trouble()->folder, folder_);
  EXPECT_NE(store_->trouble()->why, "");
  EXPECT_EQ(take(*store_, name(next_)), "nothing");
  for (int i = 0; i < next_; i += 3) {
    ASSERT_EQ(take(*store_, name(i)), take_expected(i)) << i;
    ASSERT_EQ(take(*store_, name(i)), "nothing") << "deletes cannot be written, and it is gone all the same";
  }
  EXPECT_EQ(all(*store_, ""), all_expected());
}

TEST_P(RocksDbSpillOnAFullDisk, AWalkThatHasBegunGoesOn) {
  for (; next_ < 500; ++next_) ASSERT_TRUE(put_at_last(next_));
  const auto walk = store_->walk("", "");
  const std::string before = all_expected();
  ASSERT_NO_FATAL_FAILURE(fill());
  for (int i = 0; i < next_; i += 3) ASSERT_EQ(take(*store_, name(i)), take_expected(i)) << i;
  std::string text;
  for (std::string_view address, entry; walk->next(address, entry);)
    text += std::string(address) + "=" + std::string(entry) + " ";
  EXPECT_EQ(text, before);
}

TEST_P(RocksDbSpillOnAFullDisk, WhenThereIsRoomAgainEverythingIsAsIfThereHadBeenAllTheTime) {
  ASSERT_TRUE(put(next_++));
  for (int rounds = 0; rounds < 3; ++rounds) {
    ASSERT_NO_FATAL_FAILURE(fill());
    for (int i = rounds; i < next_; i += 5) ASSERT_EQ(take(*store_, name(i)), take_expected(i)) << i;
    EXPECT_FALSE(put(rounds)) << "one that was taken comes again";
    disk_->fault = DiskWithLever::Fault::none;
    EXPECT_TRUE(put_at_last(rounds));
    EXPECT_EQ(store_->trouble(), nullptr);
    EXPECT_EQ(all(*store_, ""), all_expected());
    for (int more = 0; more < 500; ++more) ASSERT_TRUE(put_at_last(next_++));
    EXPECT_EQ(all(*store_, ""), all_expected());
  }
  for (int i = 0; i < next_; ++i) ASSERT_EQ(take(*store_, name(i)), take_expected(i)) << i;
}

TEST_P(RocksDbSpillOnAFullDisk, ThatIsFullFromTheBeginningIsWaitedFor) {
  disk_->fault = GetParam();
  if (GetParam() == DiskWithLever::Fault::quota) {
    EXPECT_THROW((void)put(1), std::runtime_error) << "a folder that nothing can be written to is no full disk";
    return;
  }
  EXPECT_FALSE(put(1));
  disk_->fault = DiskWithLever::Fault::none;
  EXPECT_TRUE(put_at_last(1));
  EXPECT_EQ(all(*store_, ""), all_expected());
}

TEST_P(RocksDbSpillOnAFullDisk, TheOtherTasksOfTheWorkerGoOnWithIt) {
  const auto other = spill_.open_task(1);
  other->put("a", "1");
  ASSERT_TRUE(other->flush());
  ASSERT_NO_FATAL_FAILURE(fill());
  EXPECT_EQ(take(*other, "a"), "1");
  other->put("a", "2");
  EXPECT_FALSE(other->flush());
  disk_->fault = DiskWithLever::Fault::none;
  EXPECT_TRUE(put_at_last(next_));
  other->put("a", "3");
  EXPECT_TRUE(other->flush());
  EXPECT_EQ(take(*other, "a"), "3");
  EXPECT_EQ(all(*store_, ""), all_expected());
}

INSTANTIATE_TEST_SUITE_P(Faults, RocksDbSpillOnAFullDisk,
                         testing::Values(DiskWithLever::Fault::full, DiskWithLever::Fault::quota),
                         [](const auto& fault) {
                           return fault.param == DiskWithLever::Fault::full ? "full" : "quota";
                         });

}  // namespace
}  // namespace freshet::state
