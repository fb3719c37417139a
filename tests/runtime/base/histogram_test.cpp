#include "runtime/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/random.h"

namespace freshet::base {
namespace {

TEST(LatencyHistogram, BucketsCoverTheNumbersWithoutGapOrOverlap) {
  for (std::size_t bucket = 0; bucket + 1 < LatencyHistogram::kBuckets; ++bucket) {
    const auto from = LatencyHistogram::lower_bound(bucket);
    const auto end = LatencyHistogram::lower_bound(bucket + 1);
    ASSERT_LT(from, end);
    EXPECT_EQ(LatencyHistogram::bucket_of(from), bucket);
    EXPECT_EQ(LatencyHistogram::bucket_of(end - 1), bucket);
    if (from >= 4) {
      EXPECT_LE(end - from, from / 4);
    }
  }
  EXPECT_GT(LatencyHistogram::lower_bound(LatencyHistogram::kBuckets), 100'000'000u) << "100 s is inside";
}

TEST(LatencyHistogram, LongerThanItsRangeCountsInTheLastBucket) {
  LatencyHistogram histogram;
  histogram.record(~0ULL);
  EXPECT_EQ(histogram.to_counts().size(), LatencyHistogram::kBuckets);
  EXPECT_EQ(histogram.count(), 1u);
}

TEST(LatencyHistogram, PercentilesAreWithinAQuarterOfTheSortedTruth) {
  Random random(20260301);
  LatencyHistogram histogram;
  std::vector<std::uint64_t> truth;
  for (int i = 0; i < 20000; ++i) {
    truth.push_back(4 + (random.next() >> random.between(38, 60)));
    histogram.record(truth.back());
  }
  std::sort(truth.begin(), truth.end());
  for (const double share : {0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(truth.size())) - 1;
    const auto exact = static_cast<double>(truth[index]);
    EXPECT_NEAR(histogram.percentile(share), exact, exact * 0.26) << share;
  }
}

TEST(LatencyHistogram, EmptyHasPercentileZeroAndNoCounts) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0.0);
  EXPECT_TRUE(histogram.to_counts().empty());
}

TEST(LatencyHistogram, CountsTravelWithoutTrailingZerosAndMergeByAddition) {
  LatencyHistogram one;
  LatencyHistogram two;
  one.record(2);
  two.record(2);
  two.record(1000);
  EXPECT_EQ(one.to_counts(), (std::vector<std::uint64_t>{0, 0, 1}));
  LatencyHistogram received;
  ASSERT_TRUE(received.add_counts(one.to_counts()));
  ASSERT_TRUE(received.add_counts(two.to_counts()));
  one.merge(two);
  EXPECT_EQ(received.to_counts(), one.to_counts());
  EXPECT_EQ(received.count(), 3u);
  received.clear();
  EXPECT_EQ(received.count(), 0u);
}

TEST(LatencyHistogram, MoreCountsThanBucketsAreRefusedWhole) {
  LatencyHistogram histogram;
  EXPECT_FALSE(histogram.add_counts(std::vector<std::uint64_t>(LatencyHistogram::kBuckets + 1, 1)));
  EXPECT_EQ(histogram.count(), 0u);
}

}  // namespace
}  // namespace freshet::base
