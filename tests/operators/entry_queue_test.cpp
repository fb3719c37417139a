#include <freshet/entry_queue.h>
#include <gtest/gtest.h>

#include <deque>

#include "runtime/base/random.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"

namespace freshet::detail {
namespace {

/// Pushes values, each a number and some bytes behind it, and looks at what comes out.
class Line {
 public:
  explicit Line(EntryQueue& queue) : queue_(queue) {}

  void push(std::size_t bytes) {
    std::string value = std::to_string(next_++) + " " + std::string(bytes, 'x');
    queue_.push({.key_hash = next_, .key = "key", .value = value});
    waiting_.push_back(std::move(value));
  }
  /// Answers what drain() does.
  bool drain(std::size_t entries) {
    return queue_.drain(entries, [this](const StateEntry& entry) {
      ASSERT_FALSE(waiting_.empty());
      EXPECT_EQ(entry.value, waiting_.front());
      waiting_.pop_front();
    });
  }
  std::size_t waiting() const { return waiting_.size(); }
  void forget() { waiting_.clear(); }

 private:
  EntryQueue& queue_;
  std::deque<std::string> waiting_;
  std::uint64_t next_ = 0;
};

TEST(EntryQueue, WhatIsPushedComesOutInOrderWhereverItWaits) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  test::MemorySpill spill;
  EntryQueue queue;
  queue.spill_to(spill);
  Line line(queue);
  std::size_t most_on_disk = 0;
  for (int round = 0; round < 2000; ++round) {
    spill.is_full = random.chance(0.2);
    for (auto count = random.between(0, 20); count != 0; --count)
      line.push(static_cast<std::size_t>(random.between(0, 5000)));
    const auto drained = static_cast<std::size_t>(random.between(0, 19));
    const bool empty = line.drain(drained);
    EXPECT_EQ(empty, line.waiting() == 0);
    EXPECT_EQ(queue.empty(), line.waiting() == 0);
    most_on_disk = std::max(most_on_disk, queue.spilled_bytes());
    if (round % 500 == 400) {
      queue.clear();
      line.forget();
    }
  }
  EXPECT_GT(most_on_disk, 2 * EntryQueue::kInMemory);
  EXPECT_TRUE(line.drain(SIZE_MAX));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(line.waiting(), 0u);
}

TEST(EntryQueue, LittleOfItIsInMemory) {
  test::MemorySpill spill;
  EntryQueue queue;
  queue.spill_to(spill);
  Line line(queue);
  for (int i = 0; i < 10'000; ++i) line.push(1000);
  EXPECT_LE(queue.memory_bytes(), 4 * EntryQueue::kInMemory);
  EXPECT_GT(queue.spilled_bytes(), 9'000'000u);
}

TEST(EntryQueue, WithoutRoomOnDiskItWaitsInMemory) {
  test::MemorySpill spill;
  spill.is_full = true;
  EntryQueue queue;
  queue.spill_to(spill);
  Line line(queue);
  for (int i = 0; i < 200; ++i) line.push(1000);
  EXPECT_EQ(queue.spilled_bytes(), 0u);
  EXPECT_TRUE(line.drain(200));
}

}  // namespace
}  // namespace freshet::detail
