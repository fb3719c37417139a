#include <freshet/hyper_log_log.h>
#include <freshet/key.h>
#include <freshet/quantile_sketch.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/support/allocations.h"
#include "tests/support/seed.h"

/// Sketches against counts of everything.
namespace freshet::test::sketches {
namespace {

template <class S>
std::string bytes_of(const S& sketch) {
  ByteBuffer bytes;
  encode(bytes, sketch);
  return std::string(bytes.view());
}
template <class S>
S restored(const S& sketch) {
  S copy;
  EXPECT_TRUE(decode_all(bytes_of(sketch), copy));
  return copy;
}

HyperLogLog of_range(std::uint64_t from, std::uint64_t to, int precision) {
  HyperLogLog sketch;
  for (std::uint64_t value = from; value < to; ++value) sketch.insert(key_hash(value), precision);
  return sketch;
}

TEST(HyperLogLog, KnowsNothingAtFirstAndThenEachHashOnce) {
  HyperLogLog sketch;
  EXPECT_EQ(sketch.estimate(), 0);
  EXPECT_EQ(restored(sketch).estimate(), 0);
  for (int i = 0; i < 3; ++i) sketch.insert(key_hash(std::string("one")), 14);
  EXPECT_EQ(sketch.estimate(), 1);
  sketch.insert(0, 14);
  sketch.insert(0, 14);
  EXPECT_EQ(sketch.estimate(), 2);
}

TEST(HyperLogLog, IsExactUpToThreeSixtyFourthsOfItsRegisters) {
  for (int precision = 8; precision <= HyperLogLog::kMostPrecision; ++precision) {
    const std::uint64_t most = (std::uint64_t{3} << precision) / 64;
    HyperLogLog sketch;
    for (std::uint64_t value = 1; value <= most; ++value) {
      sketch.insert(key_hash(value), precision);
      ASSERT_EQ(sketch.estimate(), static_cast<double>(value)) << "precision " << precision;
    }
    EXPECT_TRUE(sketch.is_exact());
    EXPECT_LT(bytes_of(sketch).size(), std::size_t{1} << precision);
    sketch.insert(key_hash(most + 1), precision);
    EXPECT_FALSE(sketch.is_exact());
  }
}

/// Errors of sketches with other values each time, against what theory says: their mean is 1.1 / registers, and
/// their root mean square 1.04 / sqrt(registers). With so many sketches chance moves both by little.
TEST(HyperLogLog, IsOffByItsStandardErrorAndHardlyBiased) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (const int precision : {4, 6, 7, 10, 12}) {
    const double error = 1.04 / std::sqrt(static_cast<double>(1 << precision));
    for (const std::uint64_t count : {20u, 300u, 3'000u, 30'000u}) {
      if (count * 64 <= (std::uint64_t{3} << precision)) continue;  // exact
      constexpr int kSketches = 200;
      double sum = 0, squares = 0;
      for (int i = 0; i < kSketches; ++i) {
        const std::uint64_t from = random.next() >> 1;
        const double off = of_range(from, from + count, precision).estimate() / static_cast<double>(count) - 1;
        sum += off;
        squares += off * off;
        if (precision >= 6) {
          EXPECT_LT(std::abs(off), 6 * error) << "precision " << precision << ", " << count;
        }
      }
      EXPECT_LT(std::abs(sum / kSketches), 6 * error / std::sqrt(kSketches) + 1.2 / (1 << precision))
          << "precision " << precision << ", " << count;
      // 1.04 is what it comes to with many registers.
      EXPECT_LT(std::sqrt(squares / kSketches), (precision == 4 ? 2.5 : 1.35) * error)
          << "precision " << precision << ", " << count;
    }
  }
}

TEST(HyperLogLog, ByDefaultThreeStandardErrorsHoldForAMillion) {
  const auto sketch = of_range(0, 1'000'000, 14);
  EXPECT_NEAR(sketch.estimate(), 1e6, 3 * 0.0081 * 1e6);
  EXPECT_LE(bytes_of(sketch).size(), (std::size_t{1} << 14) + 8);
}

TEST(HyperLogLog, TheExtremesOfPrecisionWork) {
  EXPECT_NEAR(of_range(0, 100'000, 4).estimate(), 1e5, 6 * 0.26 * 1e5);
  EXPECT_NEAR(of_range(0, 1'000'000, 18).estimate(), 1e6, 6 * 0.00203 * 1e6);
}

/// Parts overlap, and are merged in some order, some of them through bytes: no other than what all the values make.
TEST(HyperLogLog, MergedPartsAreTheUnionInAnyOrder) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 150; ++round) {
    const int precision = static_cast<int>(random.between(4, 12));
    const auto count = random.below(random.chance(0.5) ? 100 : 2'000);
    HyperLogLog whole;
    std::vector<HyperLogLog> parts(1 + random.below(6));
    std::set<std::uint64_t> model;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t value = random.below(count);
      model.insert(value);
      whole.insert(key_hash(value), precision);
      parts[random.below(parts.size())].insert(key_hash(value), precision);
    }
    while (parts.size() > 1) {
      const auto from = random.below(parts.size() - 1);
      HyperLogLog into = restored(parts.back());
      parts.pop_back();
      into.merge(random.chance(0.5) ? restored(parts[from]) : parts[from]);
      parts[from] = std::move(into);
    }
    ASSERT_TRUE(parts[0].freshet_is_sound());
    ASSERT_EQ(parts[0].estimate(), whole.estimate()) << "precision " << precision << ", " << count;
    ASSERT_EQ(parts[0].is_exact(), whole.is_exact());
    if (whole.is_exact()) {
      ASSERT_EQ(whole.estimate(), static_cast<double>(model.size()));
    }
    const auto before = parts[0].estimate();
    parts[0].merge(whole);
    ASSERT_EQ(parts[0].estimate(), before) << "knew all of it";
  }
}

TEST(HyperLogLog, OfTwoPrecisionsTheSmallerRemains) {
  for (const std::uint64_t count : {5u, 40u, 500u, 20'000u})
    for (const int precise : {4, 7, 9, 14})
      for (const int less : {4, 6, 7, 8, 12}) {
        if (less > precise) continue;
        const auto same = of_range(0, 2 * count, less);
        auto merged = of_range(0, count, precise);
        merged.merge(of_range(count, 2 * count, less));
        EXPECT_EQ(merged.precision(), less);
        EXPECT_EQ(merged.estimate(), same.estimate()) << precise << " and " << less << ", " << count;
        auto other = of_range(count, 2 * count, less);
        other.merge(of_range(0, count, precise));
        EXPECT_EQ(other.precision(), less);
        EXPECT_EQ(other.estimate(), same.estimate()) << less << " and " << precise << ", " << count;
      }
}

TEST(HyperLogLog, NoRecordAllocatesInADenseOne) {
  auto sketch = of_range(0, 10'000, 14);
  const auto before = allocations.bytes;
  for (std::uint64_t value = 10'000; value < 20'000; ++value) sketch.insert(key_hash(value), 14);
  EXPECT_EQ(allocations.bytes, before);
}

/// Bytes of sketches with some of them changed are refused, or are a sketch with which everything still works.
template <class S, class Use>
void try_hostile(const std::vector<S>& samples, base::Random& random, Use use) {
  int refused = 0, taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = bytes_of(samples[random.below(samples.size())]);
    for (auto changes = 1 + random.below(3); changes != 0; --changes) {
      const auto at =
          random.chance(0.5) ? random.below(std::min<std::size_t>(bytes.size(), 24)) : random.below(bytes.size());
      bytes[at] = static_cast<char>(random.next());
    }
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    const auto before = allocations.bytes;
    S sketch;
    const bool is_one = decode_all(bytes, sketch);
    EXPECT_LE(allocations.bytes - before, bytes.size() * 16 + 1024);
    (is_one ? taken : refused) += 1;
    if (is_one) use(sketch);
  }
  EXPECT_GT(refused, 1'000);
  EXPECT_GT(taken, 100);
}

TEST(HyperLogLog, HostileBytesAreRefusedOrHarmless) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const std::vector<HyperLogLog> samples = {of_range(0, 3, 14),  of_range(0, 8, 14),   of_range(0, 9, 14),
                                            of_range(0, 40, 10), of_range(0, 100, 10), of_range(0, 100, 4),
                                            of_range(0, 9, 7)};
  try_hostile(samples, random, [&](HyperLogLog& sketch) {
    EXPECT_GE(sketch.estimate(), 0);
    for (int i = 0; i < 20; ++i) sketch.insert(random.next(), 14);
    sketch.merge(samples[random.below(samples.size())]);
    EXPECT_TRUE(sketch.freshet_is_sound());
  });
}

TEST(HyperLogLog, WhatDoesNotFitTogetherIsNoSketch) {
  const auto refuses = [](std::uint8_t precision, std::uint32_t used, const std::string& block) {
    HyperLogLog sketch;
    return !decode_all(bytes_of(std::tuple(precision, used, block)), sketch);
  };
  EXPECT_FALSE(refuses(0, 0, ""));
  EXPECT_TRUE(refuses(0, 1, "")) << "knows one and has none";
  EXPECT_TRUE(refuses(0, 1, std::string(8, 'x'))) << "no precision";
  EXPECT_TRUE(refuses(3, 0, std::string(8, '\0')));
  EXPECT_TRUE(refuses(19, 0, ""));
  EXPECT_TRUE(refuses(4, 0, "")) << "of so few there are always registers";
  EXPECT_FALSE(refuses(4, 0, std::string(16, '\x3d'))) << "all registers at their most";
  EXPECT_TRUE(refuses(4, 0, std::string(16, '\x3e'))) << "a rank that no hash has";
  EXPECT_TRUE(refuses(4, 0, std::string(16, '\xff')));
  EXPECT_FALSE(refuses(14, 1, std::string(8, 'x')));
  EXPECT_TRUE(refuses(14, 1, std::string(9, 'x')));
  EXPECT_TRUE(refuses(14, 2, std::string(8, 'x')));
  EXPECT_TRUE(refuses(14, 16, std::string(128, 'x'))) << "a full table, in which a search would not end";
  EXPECT_FALSE(refuses(14, 12, std::string(96, 'x') + std::string(32, '\0')));
  EXPECT_TRUE(refuses(14, 12, std::string(96, 'x') + std::string(40, '\0'))) << "no power of two";
  EXPECT_TRUE(refuses(14, 12, std::string(96, 'x') + std::string(32'672, '\0'))) << "larger than its registers";
}

/// The number that a quantile is meant to be.
double exact(std::vector<double> sorted, double q) {
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}
const std::vector<double> kShares = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

/// Numbers of one distribution, by its number.
double draw(base::Random& random, std::uint64_t kind) {
  switch (kind) {
    case 0:
      return static_cast<double>(random.between(-3, 3));
    case 1:
      return 1 / (1 - random.unit());  // Pareto
    case 2:
      return std::exp(20 * random.unit()) - 1000;
    case 3:
      return static_cast<double>(static_cast<std::int64_t>(random.next()));
    case 4:
      return -random.unit() * 1e-9;
    default:
      return random.chance(0.9) ? 42 : random.unit();
  }
}

TEST(QuantileSketch, EachQuantileIsOffByItsErrorAtMost) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 300; ++round) {
    const double error = std::vector{0.0001, 0.001, 0.01, 0.05, 0.5}[random.below(5)];
    const QuantileScale scale(error, QuantileSketch::kMostBuckets);
    const auto kind = random.below(6);
    QuantileSketch sketch;
    std::vector<double> numbers(1 + random.below(random.chance(0.2) ? 5 : 3'000));
    for (auto& number : numbers) {
      number = draw(random, kind);
      sketch.add(number, scale);
      if (random.chance(0.001)) sketch = restored(sketch);
    }
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(sketch.count(), numbers.size());
    EXPECT_EQ(sketch.quantile(0, scale), numbers.front());
    EXPECT_EQ(sketch.quantile(1, scale), numbers.back());
    for (const double q : kShares) {
      const double is = exact(numbers, q);
      ASSERT_NEAR(sketch.quantile(q, scale), is, std::abs(is) * (error + 1e-9))
          << "kind " << kind << ", q " << q << ", error " << error;
    }
  }
}

TEST(QuantileSketch, OfNoneItIsZeroAndOfOneThatOne) {
  const QuantileScale scale(0.01, 2048);
  QuantileSketch sketch;
  EXPECT_EQ(sketch.quantile(0.5, scale), 0);
  EXPECT_EQ(restored(sketch).quantile(0.5, scale), 0);
  sketch.add(std::nan(""), scale);
  EXPECT_EQ(sketch.count(), 0u);
  sketch.add(-17.3, scale);
  for (const double q : kShares) EXPECT_EQ(restored(sketch).quantile(q, scale), -17.3);
}

TEST(QuantileSketch, TheGreatestAndTheLeastNumbersThereAreHaveBuckets) {
  using Limits = std::numeric_limits<double>;
  for (const double error : {QuantileScale::kLeastError, QuantileScale::kMostError}) {
    const QuantileScale scale(error, 2048);
    for (const double number : {Limits::max(), Limits::min(), 1.0, 0x1p63}) {
      EXPECT_NEAR(std::min(scale.value_of(scale.bucket_of(number)) / number, 2.0), 1, error + 1e-9) << number;
      EXPECT_EQ(scale.bucket_of(-number), -scale.bucket_of(number));
      EXPECT_GT(scale.bucket_of(number), 0);
      EXPECT_LE(scale.bucket_of(number), 2 * QuantileScale::kFirst);
    }
    EXPECT_EQ(scale.bucket_of(Limits::infinity()), scale.bucket_of(Limits::max()));
    EXPECT_EQ(scale.bucket_of(Limits::denorm_min()), 0);
    EXPECT_EQ(scale.bucket_of(-0.0), 0);
    QuantileSketch sketch;
    for (const double number : {-Limits::infinity(), 1.0, 2.0, 3.0, Limits::infinity()}) sketch.add(number, scale);
    EXPECT_EQ(sketch.quantile(0, scale), -Limits::infinity());
    EXPECT_NEAR(sketch.quantile(0.5, scale), 2, 2 * error + 1e-9);
    EXPECT_EQ(restored(sketch).quantile(1, scale), Limits::infinity());
  }
}

/// Some parts have more buckets than they may: not even that makes the order show.
TEST(QuantileSketch, MergedPartsAreTheWholeInAnyOrder) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const QuantileScale scale(0.02, std::vector<std::size_t>{2, 7, 50, 2048}[random.below(4)]);
    const auto kind = random.below(6);
    QuantileSketch whole;
    std::vector<QuantileSketch> parts(1 + random.below(6));
    for (auto count = random.below(1'000); count != 0; --count) {
      const double number = draw(random, kind);
      whole.add(number, scale);
      parts[random.below(parts.size())].add(number, scale);
    }
    while (parts.size() > 1) {
      const auto from = random.below(parts.size() - 1);
      QuantileSketch into = restored(parts.back());
      parts.pop_back();
      into.merge(parts[from], scale);
      parts[from] = std::move(into);
    }
    ASSERT_EQ(bytes_of(parts[0]), bytes_of(whole)) << "kind " << kind;
    ASSERT_LE(whole.buckets(), 2 * scale.most_buckets() + 1);
  }
}

TEST(QuantileSketch, AtTheBoundTheSmallestSizesBecomeOne) {
  const QuantileScale scale(0.01, 100);
  QuantileSketch sketch;
  for (int i = 0; i < 1'000; ++i) sketch.add(std::exp(i / 20.0), scale);  // two buckets and more apart
  EXPECT_EQ(sketch.buckets(), 100u);
  for (const double q : {0.95, 0.99, 0.999}) {
    const double is = std::exp(std::floor(q * 999) / 20);
    EXPECT_NEAR(sketch.quantile(q, scale), is, is * 0.0100001) << "lies in one that is as it was";
  }
  const double joined = std::exp(900 / 20.0);
  EXPECT_NEAR(sketch.quantile(0.1, scale), joined, joined * 0.0100001);
  EXPECT_EQ(sketch.quantile(0, scale), 1);
  QuantileSketch below;
  for (int i = 0; i < 1'000; ++i) below.add(-std::exp(i / 20.0), scale);
  EXPECT_EQ(below.buckets(), 100u);
  EXPECT_EQ(below.quantile(0.9, scale), -sketch.quantile(0.1, scale));
}

TEST(QuantileSketch, NoNumberAllocatesWhereItsBucketIsThere) {
  const QuantileScale scale(0.01, 2048);
  QuantileSketch sketch;
  for (int i = 1; i < 1'000; ++i) sketch.add(i, scale);
  const auto before = allocations.bytes;
  for (int i = 1; i < 1'000; ++i) sketch.add(i, scale);
  EXPECT_EQ(allocations.bytes, before);
}

TEST(QuantileSketch, HostileBytesAreRefusedOrHarmless) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const QuantileScale scale(0.01, 20);
  std::vector<QuantileSketch> samples(4);
  for (std::size_t i = 1; i < samples.size(); ++i)
    for (std::size_t numbers = 0; numbers < i * i * 5; ++numbers) samples[i].add(draw(random, 2), scale);
  try_hostile(samples, random, [&](QuantileSketch& sketch) {
    for (int i = 0; i < 5; ++i) sketch.add(draw(random, 2), scale);
    sketch.merge(samples[random.below(samples.size())], scale);
    for (const double q : kShares) EXPECT_FALSE(std::isnan(sketch.quantile(q, scale)));
  });
}

TEST(QuantileSketch, WhatDoesNotFitTogetherIsNoSketch) {
  using Buckets = std::vector<std::pair<std::int32_t, std::uint64_t>>;
  const auto refuses = [](std::uint64_t count, double least, double greatest, const Buckets& buckets) {
    QuantileSketch sketch;
    return !decode_all(bytes_of(std::tuple(count, least, greatest, buckets)), sketch);
  };
  EXPECT_FALSE(refuses(0, 0, 0, {}));
  EXPECT_FALSE(refuses(3, 1, 2, {{4, 2}, {5, 1}}));
  EXPECT_TRUE(refuses(4, 1, 2, {{4, 2}, {5, 1}}));
  EXPECT_TRUE(refuses(2, 1, 2, {{4, 2}, {5, 0}}));
  EXPECT_TRUE(refuses(3, 1, 2, {{5, 2}, {4, 1}}));
  EXPECT_TRUE(refuses(3, 1, 2, {{4, 2}, {4, 1}}));
  EXPECT_TRUE(refuses(3, 2, 1, {{4, 2}, {5, 1}}));
  EXPECT_TRUE(refuses(3, std::nan(""), 1, {{4, 2}, {5, 1}}));
  EXPECT_TRUE(refuses(1, 1, 2, {{4, ~0ULL}, {5, 2}})) << "its sum is 1, modulo 2^64";
  EXPECT_TRUE(refuses(1, 1, 1, {{2 * QuantileScale::kFirst + 1, 1}}));
  EXPECT_TRUE(refuses(1, 1, 1, {{std::numeric_limits<std::int32_t>::min(), 1}}));
}

}  // namespace
}  // namespace freshet::test::sketches
