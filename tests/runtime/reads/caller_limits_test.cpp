#include "runtime/reads/caller_limits.h"

#include <gtest/gtest.h>

namespace freshet::reads {
namespace {

using namespace std::chrono_literals;

TEST(CallerLimits, AGreedyCallerIsCutAndOthersAreNot) {
  base::ManualClock clock;
  CallerLimits limits({.per_second = 10}, clock);
  int served = 0;
  for (int i = 0; i < 100; ++i) served += limits.take("greedy", 1);
  EXPECT_EQ(served, 10);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limits.take("modest", 1));
  EXPECT_FALSE(limits.take("modest", 1));
}

TEST(CallerLimits, WhoWaitsIsServedAgain) {
  base::ManualClock clock;
  CallerLimits limits({.per_second = 10}, clock);
  while (limits.take("a", 1)) continue;
  clock.advance(100ms);
  EXPECT_TRUE(limits.take("a", 1));
  EXPECT_FALSE(limits.take("a", 1));
  clock.advance(1h);
  int served = 0;
  while (limits.take("a", 1)) ++served;
  EXPECT_EQ(served, 10) << "an hour's silence saves up no more than a second's";
}

TEST(CallerLimits, AListCostsItsKeysButAFullBucketIsEnoughForAny) {
  base::ManualClock clock;
  CallerLimits limits({.per_second = 10}, clock);
  EXPECT_TRUE(limits.take("a", 7));
  EXPECT_FALSE(limits.take("a", 7));
  EXPECT_TRUE(limits.take("a", 3));
  clock.advance(1s);
  EXPECT_TRUE(limits.take("a", 256));
  EXPECT_FALSE(limits.take("a", 1));
}

TEST(CallerLimits, WithoutALimitNobodyIsCut) {
  base::ManualClock clock;
  CallerLimits limits({.per_second = 0}, clock);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(limits.take("a", 256));
  EXPECT_EQ(limits.callers(), 0u);
}

TEST(CallerLimits, AnyNumberOfNamesTakesALimitedRoom) {
  base::ManualClock clock;
  CallerLimits limits({.per_second = 10, .most_callers = 5}, clock);
  for (int i = 0; i < 1'000; ++i) (void)limits.take("made up " + std::to_string(i), 10);
  EXPECT_EQ(limits.callers(), 5u);
  EXPECT_FALSE(limits.take("one more", 1)) << "those beyond share one bucket, which is empty";
  clock.advance(2s);
  EXPECT_TRUE(limits.take("one more", 1)) << "those that were silent have made room";
  EXPECT_EQ(limits.callers(), 1u);
}

}  // namespace
}  // namespace freshet::reads
