#include "runtime/state/spill_queue.h"

#include <gtest/gtest.h>

#include <deque>

#include "runtime/base/random.h"
#include "tests/support/seed.h"

namespace freshet::state {
namespace {

TEST(SpillQueue, BlocksComeOutInTheOrderInWhichTheyWentIn) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  SpillQueue queue(testing::TempDir());
  std::deque<std::string> waiting;
  std::string block;
  for (int round = 0; round < 2000; ++round) {
    if (random.chance(0.5)) {
      waiting.emplace_back(static_cast<std::size_t>(random.between(0, 100'000)), static_cast<char>(round));
      ASSERT_TRUE(queue.push(waiting.back()));
    }
    if (random.chance(0.5)) {
      ASSERT_EQ(queue.pop(block), !waiting.empty());
      if (waiting.empty()) continue;
      EXPECT_EQ(block, waiting.front());
      waiting.pop_front();
    }
    if (random.chance(0.01)) {
      queue.clear();
      waiting.clear();
    }
  }
}

TEST(SpillQueue, WhereItCannotWriteItSaysSo) {
  SpillQueue queue(testing::TempDir() + "no-such-folder");
  std::string block;
  EXPECT_FALSE(queue.push("block"));
  queue.clear();
  EXPECT_FALSE(queue.pop(block));
}

}  // namespace
}  // namespace freshet::state
