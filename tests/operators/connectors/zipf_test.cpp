#include "operators/connectors/zipf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

// Chi-squared of 100 000 draws against the exact probabilities. With 49 degrees of freedom, 110 is exceeded once in
// 1e6.
void expect_distribution(double exponent) {
  FRESHET_SEEDED(seed);
  constexpr std::uint64_t kCount = 50;
  constexpr int kDraws = 100'000;
  Random random(seed);
  const Zipf zipf(kCount, exponent);
  std::vector<int> seen(kCount + 1);
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto value = zipf(random);
    ASSERT_GE(value, 1u);
    ASSERT_LE(value, kCount);
    ++seen[value];
  }
  double sum = 0;
  for (std::uint64_t k = 1; k <= kCount; ++k) sum += std::pow(static_cast<double>(k), -exponent);
  double chi_squared = 0;
  for (std::uint64_t k = 1; k <= kCount; ++k) {
    const double expected = kDraws * std::pow(static_cast<double>(k), -exponent) / sum;
    chi_squared += (seen[k] - expected) * (seen[k] - expected) / expected;
  }
  EXPECT_LT(chi_squared, 110) << "exponent " << exponent;
}

TEST(Zipf, FollowsItsDistribution) {
  for (const double exponent : {0.0, 0.5, 0.8, 0.999999999, 1.0, 1.2, 2.0}) expect_distribution(exponent);
}

TEST(Zipf, OfOneAndOfVeryManyStayWithinTheirRange) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  for (const double exponent : {0.0, 1.0, 1.5, 10.0}) {
    const Zipf one(1, exponent);
    const Zipf many(1'000'000'000'000, exponent);
    for (int draw = 0; draw < 1000; ++draw) {
      ASSERT_EQ(one(random), 1u);
      const auto value = many(random);
      ASSERT_GE(value, 1u);
      ASSERT_LE(value, 1'000'000'000'000u);
    }
  }
}

}  // namespace
}  // namespace freshet::files
