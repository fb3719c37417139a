#include "runtime/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace freshet::base {
namespace {

// The numbers of a seed are part of every recorded failure: they never change.
TEST(Random, SeedGivesTheSameNumbersForEver) {
  Random random(42);
  EXPECT_EQ(random.next(), 1546998764402558742ULL);
  EXPECT_EQ(random.next(), 6990951692964543102ULL);
  EXPECT_EQ(random.next(), 12544586762248559009ULL);
}

TEST(Random, BelowStaysBelowAndReachesEveryNumber) {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen.at(random.below(7));
  for (const int count : seen) EXPECT_GT(count, 800);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, BetweenIncludesBothEndsAndTheWholeRange) {
  Random random(2);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 200; ++i) {
    const auto value = random.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    low = low || value == -2;
    high = high || value == 2;
  }
  EXPECT_TRUE(low && high);
  random.between(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
}

TEST(Random, UnitIsBelowOneAndAveragesHalf) {
  Random random(3);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(Random, ForkLeavesTheParentUndisturbedByWhatItTakes) {
  Random one(4);
  Random two(4);
  Random child_one = one.fork();
  Random child_two = two.fork();
  for (int i = 0; i < 10; ++i) child_one.next();
  EXPECT_EQ(one.next(), two.next());
  EXPECT_NE(child_one.next(), child_two.next());
}

}  // namespace
}  // namespace freshet::base
