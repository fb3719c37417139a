#include "runtime/checkpoint/barrier_aligner.h"

#include <gtest/gtest.h>

namespace freshet::checkpoint {

namespace {

using Verdict = BarrierAligner::Verdict;

TEST(BarrierAligner, HoldsEachChannelUntilTheLastDelivers) {
  BarrierAligner aligner(3);
  EXPECT_EQ(aligner.on_barrier(1, 1), Verdict::hold);
  EXPECT_TRUE(aligner.is_held(1));
  EXPECT_FALSE(aligner.is_held(0));
  EXPECT_EQ(aligner.on_barrier(0, 1), Verdict::hold);
  EXPECT_TRUE(aligner.is_aligning());
  EXPECT_EQ(aligner.on_barrier(2, 1), Verdict::complete);
  for (const std::size_t channel : {0u, 1u, 2u}) EXPECT_FALSE(aligner.is_held(channel));
  EXPECT_FALSE(aligner.is_aligning());
}

TEST(BarrierAligner, OneChannelIsCompleteAtOnce) {
  BarrierAligner aligner(1);
  EXPECT_EQ(aligner.on_barrier(0, 1), Verdict::complete);
  EXPECT_EQ(aligner.on_barrier(0, 2), Verdict::complete);
}

TEST(BarrierAligner, EndedChannelIsNotExpected) {
  BarrierAligner aligner(2);
  EXPECT_FALSE(aligner.on_end(0));
  EXPECT_EQ(aligner.on_barrier(1, 1), Verdict::complete);
}

TEST(BarrierAligner, TheEndOfTheLastExpectedChannelCompletesABarrier) {
  BarrierAligner aligner(2);
  EXPECT_EQ(aligner.on_barrier(1, 1), Verdict::hold);
  EXPECT_TRUE(aligner.on_end(0));
  EXPECT_FALSE(aligner.is_held(1));
  EXPECT_FALSE(aligner.on_end(0)) << "an end is told once";
  EXPECT_EQ(aligner.on_barrier(1, 1), Verdict::stale) << "it is complete";
}

TEST(BarrierAligner, ANewerBarrierReleasesWhatTheOlderHeld) {
  BarrierAligner aligner(3);
  EXPECT_EQ(aligner.on_barrier(0, 1), Verdict::hold);
  EXPECT_EQ(aligner.on_barrier(1, 2), Verdict::hold);
  EXPECT_FALSE(aligner.is_held(0));
  EXPECT_TRUE(aligner.is_held(1));
  EXPECT_EQ(aligner.on_barrier(2, 1), Verdict::stale);
  EXPECT_FALSE(aligner.is_held(2));
  EXPECT_EQ(aligner.on_barrier(0, 2), Verdict::hold);
  EXPECT_EQ(aligner.on_barrier(2, 2), Verdict::complete);
}

TEST(BarrierAligner, ARepeatedBarrierCountsOnce) {
  BarrierAligner aligner(2);
  EXPECT_EQ(aligner.on_barrier(0, 1), Verdict::hold);
  EXPECT_EQ(aligner.on_barrier(0, 1), Verdict::stale);
  EXPECT_TRUE(aligner.is_held(0));
  EXPECT_EQ(aligner.on_barrier(1, 1), Verdict::complete);
}

TEST(BarrierAligner, TheEndOfAllChannelsWithoutABarrierCompletesNone) {
  BarrierAligner aligner(2);
  EXPECT_FALSE(aligner.on_end(0));
  EXPECT_FALSE(aligner.on_end(1));
}

}  // namespace

}  // namespace freshet::checkpoint
