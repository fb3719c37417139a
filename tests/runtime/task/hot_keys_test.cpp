#include "runtime/task/hot_keys.h"

#include <gtest/gtest.h>

#include "runtime/base/random.h"
#include "tests/support/seed.h"

namespace freshet::task {
namespace {

/// So many samples, `share` of them of key 7, the others of a hundred thousand keys.
bool note_many(HotKeys& keys, base::Random& random, std::uint64_t samples, double share) {
  bool was_hot = false;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const std::uint64_t key = random.chance(share) ? 7 : 1'000 + random.below(100'000);
    was_hot = keys.note(key) && key == 7 ? true : was_hot;
  }
  return was_hot;
}

TEST(HotKeys, OneThatManyRecordsCarryIsFoundWithItsShare) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (const double share : {0.2, 0.5, 0.9}) {
    HotKeys keys;
    EXPECT_TRUE(note_many(keys, random, 20'000, share));
    const auto hottest = keys.hottest();
    ASSERT_TRUE(hottest);
    EXPECT_EQ(hottest->hash, 7u);
    EXPECT_NEAR(hottest->share, share, 0.08);
  }
}

TEST(HotKeys, AmongManyAlikeNoneStandsOut) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  HotKeys keys;
  EXPECT_FALSE(note_many(keys, random, 50'000, 0));
  EXPECT_LT(keys.hottest()->share, 0.05);
}

TEST(HotKeys, OneThatWasHotIsForgotten) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  HotKeys keys;
  note_many(keys, random, 20'000, 0.8);
  note_many(keys, random, 10 * HotKeys::kMostSamples, 0);
  EXPECT_LT(keys.hottest()->share, 0.05);
}

TEST(HotKeys, AFewSamplesSayNothing) {
  HotKeys keys;
  for (std::uint64_t i = 0; i + 1 < HotKeys::kLeastSamples; ++i) EXPECT_FALSE(keys.note(7));
  EXPECT_FALSE(keys.hottest());
  EXPECT_TRUE(keys.note(7));
  EXPECT_EQ(keys.hottest()->share, 1);
}

}  // namespace
}  // namespace freshet::task
