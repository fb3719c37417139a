#include <freshet/frequency.h>

#include <gmock/gmock.h>

#include <set>

#include "tests/operators/ordered_support.h"

namespace freshet::test::frequency {
namespace {

using ordered::Act;
using ordered::at;
using ordered::is;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Cap = FrequencyCap<std::uint64_t, Act>;
using Alarm = Repeats<std::uint64_t, Act>;

Act act(double seconds, const std::string& name = {}, std::uint64_t user = 1) { return {user, 1, at(seconds), name}; }

template <class Op>
std::size_t keys(OperatorHarness<Op>& harness) {
  return harness.at_key(0).OperatorBase::states[0].second->entries();
}

struct FrequencyCapTest : ::testing::Test {
  FrequencyCapTest() { harness.key_by(&Act::user).event_time(&Act::time); }
  OperatorHarness<Cap> harness{std::size_t{2}, Duration(10s)};
};

TEST_F(FrequencyCapTest, LetsSoManyPassWithinAnyStretchOfTheTime) {
  for (const double second : {1.0, 5.0, 6.0, 10.999, 11.0, 12.0, 15.0}) harness.push(act(second));
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(act(1), act(5), act(11), act(15)));
  EXPECT_THAT(harness.take(&Cap::capped), ElementsAre(act(6), act(10.999), act(12)));
}

TEST_F(FrequencyCapTest, GoesByTheTimesOfRecordsNotByTheirArrival) {
  harness.push(act(3, "c")).push(act(2, "b")).push(act(3, "d")).push(act(1, "a"));
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.watermark(at(3));
  EXPECT_THAT(harness.take(), ElementsAre(act(1, "a"), act(2, "b")));
  harness.finish();
  EXPECT_THAT(harness.take(), IsEmpty());
  EXPECT_THAT(harness.take(&Cap::capped), ElementsAre(act(3, "c"), act(3, "d")));
}

TEST_F(FrequencyCapTest, EachKeyHasItsOwn) {
  harness.push(act(1, "", 1)).push(act(1, "", 2)).push(act(2, "", 1)).push(act(3, "", 1)).push(act(4, "", 2)).finish();
  EXPECT_EQ(harness.take().size(), 4u);
  EXPECT_THAT(harness.take(&Cap::capped), ElementsAre(act(3, "", 1)));
}

TEST_F(FrequencyCapTest, NothingIsLeftOfAKeyWhenItsTimeHasPassed) {
  harness.push(act(1)).push(act(2)).push(act(3)).watermark(at(12));
  EXPECT_EQ(keys(harness), 1u);
  harness.watermark(at(12.001));
  EXPECT_EQ(keys(harness), 0u);
}

TEST_F(FrequencyCapTest, WhatComesBehindTheWatermarkIsLate) {
  harness.watermark(at(5)).push(act(4.999)).push(act(5)).finish();
  EXPECT_THAT(harness.take(), ElementsAre(act(5)));
  EXPECT_THAT(harness.take(&Cap::late), ElementsAre(act(4.999)));
}

struct RepeatedTest : ::testing::Test {
  RepeatedTest() { harness.key_by(&Act::user).event_time(&Act::time); }
  OperatorHarness<Alarm> harness{std::uint64_t{3}, Duration(10s), std::function<bool(const Act&)>(is(0))};
};

TEST_F(RepeatedTest, TellsWhenItIsThatOftenAndStartsAnewThen) {
  for (const double second : {1.0, 5.0, 11.0, 12.0, 13.0, 14.0, 15.0}) harness.push(act(second));
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(Repeated{at(1), at(11), 3}, Repeated{at(12), at(14), 3}));
}

TEST_F(RepeatedTest, OnlyOnesThatAreCloseEnoughCountTogether) {
  for (const double second : {1.0, 5.0, 11.001, 15.0}) harness.push(act(second));
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(Repeated{at(5), at(15), 3}));
}

TEST_F(RepeatedTest, OthersDoNotCount) {
  harness.push(act(1)).push({1, 2, at(2), {}}).push(act(3)).push(act(3, "", 2)).push(act(4)).finish();
  EXPECT_THAT(harness.take(), ElementsAre(Repeated{at(1), at(4), 3}));
}

TEST_F(RepeatedTest, TellsInOrderOfTimeHoweverTheyCome) {
  harness.push(act(12)).push(act(14)).push(act(1)).push(act(13)).push(act(2)).push(act(3)).finish();
  EXPECT_THAT(harness.take(), ElementsAre(Repeated{at(1), at(3), 3}, Repeated{at(12), at(14), 3}));
}

TEST_F(RepeatedTest, NothingIsLeftOfAKeyWhenItsTimeHasPassed) {
  harness.push(act(1)).push(act(2)).watermark(at(12));
  EXPECT_EQ(keys(harness), 1u);
  harness.push(act(12)).watermark(at(12.001));
  EXPECT_THAT(harness.take(), IsEmpty()) << "the first is too old";
  EXPECT_EQ(keys(harness), 1u);
  harness.watermark(at(22.001));
  EXPECT_EQ(keys(harness), 0u);
}

TEST(Repeated, EachIsAnAlertWhereOnceIsEnough) {
  OperatorHarness<Alarm> harness{std::uint64_t{1}, Duration(0), std::function<bool(const Act&)>()};
  harness.key_by(&Act::user).event_time(&Act::time).push(act(2)).push(act(1)).finish();
  EXPECT_THAT(harness.take(), ElementsAre(Repeated{at(1), at(1), 1}, Repeated{at(2), at(2), 1}));
}

TEST(LastTimes, AreTheNewestAlsoWhenOthersWereKeptBefore) {
  for (const std::size_t later_most : {2u, 4u, 7u}) {
    detail::LastTimes kept;
    std::vector<Time> all;
    for (int i = 0; i < 30; ++i) {
      const std::size_t most = i < 11 ? 4 : later_most;
      kept.keep(most);
      kept.push(at(i), most);
      all.push_back(at(i));
      const std::size_t grown =
          i < 11 || later_most <= 4 ? most : std::min<std::size_t>(most, 4 + static_cast<std::size_t>(i) - 10);
      const std::size_t expected = std::min(all.size(), grown);
      ASSERT_EQ(kept.times.size(), expected) << i;
      EXPECT_EQ(kept.newest(), all.back());
      EXPECT_EQ(kept.oldest(), all[all.size() - expected]) << i;
    }
  }
}

struct Setting {
  std::size_t most;
  Duration time;
};
struct RandomFrequencyTest : ::testing::TestWithParam<Setting> {
  /// body(seed, random) for many seeds.
  template <class Body>
  static void for_seeds(Body body) {
    for (std::uint64_t seed = 1; seed <= 90; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      base::Random random(seed);
      ASSERT_NO_FATAL_FAILURE(body(seed, random));
    }
  }
};

using ByUser = std::map<std::uint64_t, std::vector<std::string>>;

TEST_P(RandomFrequencyTest, WhatPassesIsWhatARecountSays) {
  std::size_t passes = 0;
  for_seeds([&](std::uint64_t seed, base::Random& random) {
    OperatorHarness<Cap> harness{GetParam().most, GetParam().time};
    if (seed % 2 == 0) harness.set_aside();
    const auto stream = ordered::run_random(random, harness, {.crashes = false, .all_matter = true});
    ByUser expected, told, expected_capped, told_capped;
    for (const auto& [user, acts] : stream.in_time) {
      std::vector<Time> passed;
      for (const auto& each : acts) {
        const auto near =
            std::count_if(passed.begin(), passed.end(), [&](Time time) { return time > each.time - GetParam().time; });
        const bool passes_on = static_cast<std::size_t>(near) < GetParam().most;
        if (passes_on) passed.push_back(each.time);
        (passes_on ? expected : expected_capped)[user].push_back(each.name);
      }
      passes += passed.size();
    }
    for (const auto& each : harness.take()) told[each.user].push_back(each.name);
    for (const auto& each : harness.take(&Cap::capped)) told_capped[each.user].push_back(each.name);
    ASSERT_EQ(told, expected);
    ASSERT_EQ(told_capped, expected_capped);
    ASSERT_EQ(keys(harness), 0u);
  });
  EXPECT_GT(passes, 1000u);
}

TEST_P(RandomFrequencyTest, PassesTheSameThroughCrashes) {
  for_seeds([&](std::uint64_t, base::Random& random) {
    OperatorHarness<Cap> harness{GetParam().most, GetParam().time};
    base::Random again = random;
    (void)ordered::run_random(random, harness, {.crashes = true, .all_matter = true});
    OperatorHarness<Cap> straight{GetParam().most, GetParam().time};
    (void)ordered::run_random(again, straight, {.crashes = false, .all_matter = true});
    std::multiset<std::string> through_crashes, without;
    for (const auto& each : harness.take()) through_crashes.insert(each.name);
    for (const auto& each : straight.take()) without.insert(each.name);
    ASSERT_EQ(through_crashes, without);
  });
}

TEST_P(RandomFrequencyTest, AlertsAreWhatARecountSays) {
  std::size_t alerts = 0;
  for_seeds([&](std::uint64_t seed, base::Random& random) {
    OperatorHarness<Alarm> harness{std::uint64_t{GetParam().most}, GetParam().time,
                                   std::function<bool(const Act&)>([](const Act& each) { return each.kinds != 0; })};
    if (seed % 2 == 0) harness.set_aside();
    const auto stream = ordered::run_random(random, harness, {.crashes = seed % 3 == 0});
    std::vector<std::pair<Time, Time>> expected, told;
    for (const auto& [user, acts] : stream.in_time) {
      std::vector<Time> times;
      for (const auto& each : acts) {
        times.push_back(each.time);
        std::erase_if(times, [&](Time time) { return time < each.time - GetParam().time; });
        if (times.size() < GetParam().most) continue;
        expected.emplace_back(times.front(), each.time);
        times.clear();
      }
    }
    for (const auto& each : harness.take()) told.emplace_back(each.first, each.last);
    std::sort(expected.begin(), expected.end());
    std::sort(told.begin(), told.end());
    ASSERT_EQ(told, expected);
    ASSERT_EQ(keys(harness), 0u);
    alerts += told.size();
  });
  EXPECT_GT(alerts, 100u);
}

INSTANTIATE_TEST_SUITE_P(Settings, RandomFrequencyTest,
                         ::testing::Values(Setting{1, 7ms}, Setting{2, 5ms}, Setting{3, 40ms}, Setting{8, 120ms}),
                         [](const auto& each) { return std::to_string(each.index); });

}  // namespace
}  // namespace freshet::test::frequency
