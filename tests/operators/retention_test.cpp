#include <freshet/retention.h>

#include <gmock/gmock.h>

#include <set>

#include "tests/operators/ordered_support.h"

namespace freshet::test::retention {
namespace {

using ordered::Act;
using ordered::at;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Returns = Retention<std::uint64_t, Act>;

Time day(int number, double hour = 0) { return at(86'400.0 * number + 3'600.0 * hour); }
Retained came(int cohort, std::uint64_t period) { return {day(cohort), period, 1}; }

struct RetentionTest : ::testing::Test {
  RetentionTest() { harness.key_by(&Act::user).event_time(&Act::time); }
  RetentionTest& push(Time time, std::uint64_t user = 1) {
    harness.push({user, 0, time, {}});
    return *this;
  }
  OperatorHarness<Returns> harness{Duration(days(1)), RetentionOptions{}};
};

TEST_F(RetentionTest, TellsOfEachPeriodOnceWhenItIsOver) {
  push(day(3, 1)).push(day(3, 23)).push(day(4, 1));
  harness.watermark(day(4) - 1ms);
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.watermark(day(4));
  EXPECT_THAT(harness.take(), ElementsAre(came(3, 0)));
  push(day(4, 2)).push(day(7));
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(came(3, 1), came(3, 4)));
}

TEST_F(RetentionTest, TheFirstPeriodIsTheEarliestHoweverTheyCome) {
  push(day(7)).push(day(5)).push(day(3));
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(came(3, 0), came(3, 2), came(3, 4)));
}

TEST_F(RetentionTest, EachKeyIsOfACohort) {
  push(day(3), 1).push(day(4), 2).push(day(5), 1).push(day(5), 2);
  harness.finish();
  EXPECT_THAT(harness.take(), ::testing::UnorderedElementsAre(came(3, 0), came(4, 0), came(3, 2), came(4, 1)));
}

TEST_F(RetentionTest, WhatComesForAPeriodThatIsOverIsLateUnlessItIsKnown) {
  push(day(3, 5));
  harness.watermark(day(4));
  push(day(3, 6)).push(day(2), 1).push(day(3, 7), 2);
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(came(3, 0)));
  EXPECT_THAT(harness.take(&Returns::late), ElementsAre(Act{1, 0, day(2), {}}, Act{2, 0, day(3, 7), {}}));
}

TEST_F(RetentionTest, DaysMayBeginAtAnotherHour) {
  OperatorHarness<Returns> china{Duration(days(1)), RetentionOptions{.offset = -8h}};
  china.key_by(&Act::user).event_time(&Act::time);
  china.push({1, 0, day(3, 15.9), {}}).push({1, 0, day(3, 16), {}}).push({1, 0, day(4, 15), {}}).finish();
  EXPECT_THAT(china.take(), ElementsAre(Retained{day(2, 16), 0, 1}, Retained{day(2, 16), 1, 1}));
}

TEST_F(RetentionTest, AKeyThatDoesNotComeForItsTtlIsForgotten) {
  OperatorHarness<Returns> forgetful{Duration(days(1)), RetentionOptions{.ttl = 25h}};  // two days
  forgetful.key_by(&Act::user).event_time(&Act::time);
  forgetful.push({1, 0, day(3, 1), {}}).push({1, 0, day(5, 23), {}}).push({1, 0, day(7, 23), {}}).finish();
  EXPECT_THAT(forgetful.take(), ElementsAre(came(3, 0), came(3, 2), came(3, 4)));
  OperatorHarness<Returns> other{Duration(days(1)), RetentionOptions{.ttl = 25h}};
  other.key_by(&Act::user).event_time(&Act::time);
  other.push({1, 0, day(3, 1), {}}).push({1, 0, day(7, 1), {}});
  other.watermark(day(6) + 1ms);
  EXPECT_THAT(other.take(), ElementsAre(came(3, 0)));
  other.finish();
  EXPECT_THAT(other.take(), ElementsAre(Retained{day(7), 0, 1}));
  EXPECT_EQ(other.at_key(0).OperatorBase::states[0].second->entries(), 0u);
}

TEST(Retention, IsWhatARecountSays) {
  constexpr std::int64_t kPeriod = 25;
  std::size_t returns = 0, late = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    OperatorHarness<Returns> harness{Duration(kPeriod), RetentionOptions{.offset = Duration(7)}};
    if (seed % 2 == 0) harness.set_aside();
    std::map<std::uint64_t, std::set<std::int64_t>> periods;  // by user; their numbers
    const auto number = [](Time time) { return (time.time_since_epoch().count() - 7) / kPeriod; };
    const auto is_late = [&](const Act& act, Time watermark) {
      auto& seen = periods[act.user];
      const std::int64_t period = number(act.time);
      const std::int64_t over = number(watermark) - 1;  // the last one that is
      std::int64_t last_counted = -1;
      for (const auto each : seen)
        if (each <= over) last_counted = each;
      if (period <= over && period != last_counted) return true;
      seen.insert(period);
      return false;
    };
    const auto stream = ordered::run_random(
        random, harness, {.users = 15, .most_behind_ms = 90, .crashes = seed % 3 == 0, .all_matter = true}, is_late);
    std::vector<std::tuple<Time, std::uint64_t>> expected, told;
    for (const auto& [user, seen] : periods) {
      for (const auto each : seen)
        expected.emplace_back(Time(Duration(*seen.begin() * kPeriod + 7)),
                              static_cast<std::uint64_t>(each - *seen.begin()));
    }
    for (const auto& each : harness.take()) told.emplace_back(each.cohort, each.period);
    std::sort(expected.begin(), expected.end());
    std::sort(told.begin(), told.end());
    ASSERT_EQ(told, expected);
    returns += told.size() - periods.size();
    late += stream.late.size();
  }
  EXPECT_GT(returns, 1000u);
  EXPECT_GT(late, 100u);
}

}  // namespace
}  // namespace freshet::test::retention
