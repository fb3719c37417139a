#include <freshet/funnel.h>

#include <gmock/gmock.h>

#include <set>

#include "tests/operators/ordered_support.h"

namespace freshet::test::funnels {
namespace {

using ordered::Act;
using ordered::at;
using ordered::is;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ActFunnel = Funnel<std::uint64_t, Act>;
using Steps = std::vector<ActFunnel::Step>;

constexpr std::uint32_t kView = 1, kCart = 2, kOrder = 4;

Steps shop_steps() { return {{"view", is(0)}, {"cart", is(1)}, {"order", is(2)}}; }

FunnelStep view(double seconds) { return {"view", 1, at(seconds), 0s}; }
FunnelStep cart(double seconds, double since) { return {"cart", 2, at(seconds), at(since).time_since_epoch()}; }
FunnelStep order(double seconds, double since) { return {"order", 3, at(seconds), at(since).time_since_epoch()}; }

struct FunnelTest : ::testing::Test {
  explicit FunnelTest(FunnelOptions options = {.within = 100s}) : harness(options, shop_steps()) {
    harness.key_by(&Act::user).event_time(&Act::time);
  }
  FunnelTest& push(double seconds, std::uint32_t kinds, std::uint64_t user = 1) {
    harness.push({user, kinds, at(seconds), {}});
    return *this;
  }
  void finish() { harness.finish(); }
  std::size_t keys() { return harness.at_key(0).OperatorBase::states[0].second->entries(); }
  std::size_t timers() { return harness.at_key(0).OperatorBase::states[1].second->entries(); }
  OperatorHarness<ActFunnel> harness;
};
struct FunnelWithoutEndTest : FunnelTest {
  FunnelWithoutEndTest() : FunnelTest({}) {}
};
struct FunnelThatTiresTest : FunnelTest {
  FunnelThatTiresTest() : FunnelTest({.ttl = 10s}) {}
};

TEST_F(FunnelTest, TellsEachStepWhenTheWatermarkHasPassedIt) {
  push(1, kView).push(3, kCart).push(6, kOrder);
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.watermark(at(3));
  EXPECT_THAT(harness.take(), ElementsAre(view(1))) << "others of the third second may still come";
  harness.watermark(at(100));
  EXPECT_THAT(harness.take(), ElementsAre(cart(3, 2), order(6, 5)));
}

TEST_F(FunnelTest, GoesByTheTimesOfEventsNotByTheirArrival) {
  push(6, kOrder).push(3, kCart).push(1, kView).push(2, kOrder).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), cart(3, 2), order(6, 5)));
}

TEST_F(FunnelTest, WhatComesBeforeItsStepIsNextMeansNothing) {
  push(1, kCart).push(2, kView).push(3, kOrder).push(4, kCart).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(2), cart(4, 2)));
}

TEST_F(FunnelTest, AFirstStepInBetweenDoesNotBeginItAnew) {
  push(1, kView).push(50, kView).push(101, kCart).push(102, kOrder).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), cart(101, 100))) << "the order came behind the hundredth second";
}

TEST_F(FunnelTest, BeginsAnewWhenItsTimeIsOver) {
  push(1, kView).push(101.001, kCart).push(101.002, kView).push(110, kCart).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), view(101.002), cart(110, 8.998)));
}

TEST_F(FunnelTest, BeginsAnewWhenItIsCompleted) {
  push(1, kView).push(2, kCart).push(3, kOrder).push(4, kOrder).push(5, kView).push(6, kCart).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), cart(2, 1), order(3, 2), view(5), cart(6, 1)));
}

TEST_F(FunnelTest, EventsOfOneMomentCountInAnyOrderEachForOneStep) {
  push(1, kOrder, 1).push(1, kCart, 1).push(1, kView, 1);
  push(1, kView | kCart | kOrder, 2).push(1, kView | kCart, 2);
  harness.finish();
  auto all = harness.take();
  std::multiset<std::string> names;
  for (const auto& each : all) names.insert(each.step);
  EXPECT_EQ(names, (std::multiset<std::string>{"view", "cart", "order", "view", "cart"}));
}

TEST_F(FunnelTest, EachKeyHasItsOwn) {
  push(1, kView, 1).push(2, kCart, 2).push(3, kView, 2).push(4, kCart, 1).finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), view(3), cart(4, 3)));
}

TEST_F(FunnelTest, WhatComesBehindTheWatermarkIsLateAndIsCounted) {
  push(10, kView);
  harness.watermark(at(20));
  push(19.999, kCart).push(20, kCart);
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(10), cart(20, 10)));
  EXPECT_THAT(harness.take(&ActFunnel::late), ElementsAre(Act{1, kCart, at(19.999), {}}));
  EXPECT_EQ(harness.at_key(1).late_count.value(), 1u);
}

TEST_F(FunnelTest, NothingIsLeftOfAKeyWhoseTimeIsOver) {
  push(1, kView).push(2, kView, 2).push(3, kCart, 3).push(3, 0, 4);
  EXPECT_EQ(keys(), 3u) << "an event of no step is not kept";
  harness.watermark(at(101));
  EXPECT_EQ(keys(), 2u) << "the cart was of no use";
  harness.watermark(at(101.001));
  EXPECT_EQ(keys(), 1u);
  harness.watermark(at(103));
  EXPECT_EQ(keys(), 0u);
  EXPECT_EQ(timers(), 0u);
}

TEST_F(FunnelWithoutEndTest, WaitsForEverWhereThereIsNoLimit) {
  push(1, kView);
  harness.watermark(at(1e9));
  EXPECT_EQ(keys(), 1u);
  EXPECT_EQ(timers(), 0u);
  push(1e9 + 1, kCart);
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(view(1), cart(1e9 + 1, 1e9)));
}

TEST_F(FunnelThatTiresTest, IsGivenUpWhenNoFurtherStepIsReachedForItsTtl) {
  push(1, kView).push(11, kCart).push(20, kCart).push(21.001, kOrder);
  harness.watermark(at(21.001));
  EXPECT_EQ(keys(), 1u) << "the order waits";
  harness.watermark(at(30));
  EXPECT_THAT(harness.take(), ElementsAre(view(1), cart(11, 10)));
  EXPECT_EQ(keys(), 0u);
}

TEST_F(FunnelTest, RecordsWithoutAnEventTimeAreRefused) {
  OperatorHarness<ActFunnel> timeless{FunnelOptions{}, shop_steps()};
  timeless.key_by(&Act::user).set_aside().push({1, kView, at(1), {}});
  const auto letters = timeless.dead_letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].reason, "no event time");
}

TEST_F(FunnelTest, APredicateThatThrowsLeavesNothing) {
  const auto throws = [](const Act& act) -> bool {
    if (act.name == "bad") throw std::runtime_error("it is bad");
    return true;
  };
  OperatorHarness<ActFunnel> harness_that_throws{FunnelOptions{}, Steps{{"any", is(0)}, {"good", throws}}};
  harness_that_throws.key_by(&Act::user).event_time(&Act::time).set_aside();
  harness_that_throws.push({1, kView, at(1), "bad"}).push({1, kView, at(2), "fine"}).finish();
  EXPECT_EQ(harness_that_throws.dead_letters().size(), 1u);
  EXPECT_THAT(harness_that_throws.take(), ElementsAre(FunnelStep{"any", 1, at(2), 0s}));
}

TEST_F(FunnelTest, BeyondTheLimitOfWhatWaitsTheEarliestIsDecidedAtOnce) {
  constexpr auto kMost = ActFunnel::kMostWaiting;
  push(1, kCart).push(2, kView);
  for (std::size_t i = 2; i < kMost; ++i) push(3 + static_cast<double>(i) / 1000, kOrder);
  EXPECT_THAT(harness.take(), IsEmpty());
  push(50, kCart).push(50, kCart);
  EXPECT_THAT(harness.take(), ElementsAre(view(2)));
  EXPECT_EQ(harness.at_key(1).hurried.value(), 2u);
  harness.crash_and_restore();
  push(1.5, kView).push(2, kCart);
  EXPECT_THAT(harness.take(&ActFunnel::late), ElementsAre(Act{1, kView, at(1.5), {}})) << "that has been decided";
  harness.finish();
  EXPECT_THAT(harness.take(), ElementsAre(cart(2, 0), order(3.002, 1.002)));
  EXPECT_EQ(keys(), 0u);
}

TEST_F(FunnelTest, AKeyOfWhichAllWasDecidedTooEarlyIsForgotten) {
  for (std::size_t i = 0; i <= ActFunnel::kMostWaiting; ++i) push(5, kCart);
  EXPECT_EQ(harness.at_key(1).hurried.value(), ActFunnel::kMostWaiting + 1);
  EXPECT_EQ(keys(), 1u) << "what is earlier is late";
  harness.watermark(at(6));
  EXPECT_THAT(harness.take(), IsEmpty());
  EXPECT_EQ(keys(), 0u);
}

/// Passes on what comes; a turn of something bad throws.
class Fussy final : public OrderedOperator<std::uint64_t, Act, Act, Act, std::uint32_t> {
 public:
  void process(const Act& act, Out<Act>& out) override { await_turn(act, act, event_time(), out); }

 private:
  void take_turns(std::uint32_t&, std::span<Waiting<Act>> turns, Out<Act>& out) override {
    for (const auto& turn : turns) {
      if (turn.what.name == "bad") throw std::runtime_error("bad");
      out.emit(turn.what);
    }
  }
  std::optional<Time> keep_until(const std::uint32_t&) const override { return std::nullopt; }
};

TEST(OrderedOperator, ATurnThatThrowsIsSetAsideAndThoseBehindItGoOn) {
  OperatorHarness<Fussy> fussy;
  fussy.key_by(&Act::user).event_time(&Act::time).set_aside();
  fussy.push({1, 0, at(1), "good"}).push({1, 0, at(2), "bad"}).push({1, 0, at(3), "good"}).push({1, 0, at(4), "bad"});
  fussy.watermark(at(10));
  EXPECT_THAT(fussy.take(), ElementsAre(Act{1, 0, at(1), "good"}, Act{1, 0, at(3), "good"}));
  EXPECT_EQ(fussy.dead_letters().size(), 2u);
  fussy.push({1, 0, at(12), "good"}).finish();
  EXPECT_THAT(fussy.take(), ElementsAre(Act{1, 0, at(12), "good"}));
}

/// The steps of one user, by looking for each among all that were not used.
std::vector<FunnelStep> recount(const std::vector<Act>& acts, const FunnelOptions& options) {
  std::vector<FunnelStep> steps;
  std::set<std::size_t> used;
  const std::vector<std::string> names{"view", "cart", "order"};
  const auto plus = [](Time time, Duration by) { return by == Duration::max() ? Time::max() : time + by; };
  Time from = Time::min();
  for (;;) {
    Time first{}, last = from, until = Time::max();
    std::size_t kind = 0;
    for (; kind < 3; ++kind) {
      std::size_t i = 0;
      while (i < acts.size() && (used.contains(i) || acts[i].time < last || (acts[i].kinds >> kind & 1) == 0)) ++i;
      if (i == acts.size() || acts[i].time > until) break;
      used.insert(i);
      last = acts[i].time;
      if (kind == 0) first = last;
      until = std::min(plus(first, options.within), plus(last, options.ttl));
      steps.push_back({names[kind], static_cast<std::uint32_t>(kind + 1), last, last - first});
    }
    if (kind == 0) return steps;
    if (kind != 3 && until == Time::max()) return steps;
    from = kind == 3 ? last : until + 1ms;
  }
}

struct RandomFunnelTest : ::testing::TestWithParam<FunnelOptions> {};

TEST_P(RandomFunnelTest, IsWhatARecountSays) {
  std::size_t late = 0, orders = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    OperatorHarness<ActFunnel> harness{GetParam(), shop_steps()};
    if (seed % 2 == 0) harness.set_aside();
    const auto stream = ordered::run_random(random, harness, {.crashes = seed % 3 == 0});
    late += stream.late.size();
    std::multiset<std::tuple<Time, std::uint32_t, Duration>> expected, told;
    for (const auto& [user, acts] : stream.in_time)
      for (const auto& each : recount(acts, GetParam())) expected.emplace(each.time, each.number, each.since_first);
    for (const auto& each : harness.take()) {
      told.emplace(each.time, each.number, each.since_first);
      orders += each.step == "order";
    }
    ASSERT_EQ(told, expected);
    ASSERT_EQ(harness.at_key(0).OperatorBase::states[1].second->entries(), 0u);
  }
  EXPECT_GT(late, 100u);
  EXPECT_GT(orders, 10u);
}

INSTANTIATE_TEST_SUITE_P(Limits, RandomFunnelTest,
                         ::testing::Values(FunnelOptions{}, FunnelOptions{.within = 30ms}, FunnelOptions{.within = 1ms},
                                           FunnelOptions{.ttl = 15ms}, FunnelOptions{.within = 60ms, .ttl = 20ms}),
                         [](const auto& each) { return std::to_string(each.index); });

}  // namespace
}  // namespace freshet::test::funnels
