#include "tests/operators/join_support.h"

#include <gmock/gmock.h>

#include <set>

#include "runtime/base/random.h"

namespace freshet::test::joins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(IntervalJoin, PairsLieWithinTheBoundsBothOfWhichCount) {
  Join join(between(-3ms, 5ms));
  join.order(7, 1, 100);
  for (const std::int64_t time : {96, 97, 100, 105, 106}) join.payment(7, static_cast<std::uint64_t>(time), time);
  join.payment(8, 1, 100);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, 97, 0, 100}, Joined{7, 1, 100, 0, 100}, Joined{7, 1, 105, 0, 105}));
  join.order(7, 2, 102);
  EXPECT_THAT(join.take(),
              ElementsAre(Joined{7, 2, 100, 0, 102}, Joined{7, 2, 105, 0, 105}, Joined{7, 2, 106, 0, 106}));
}

TEST(IntervalJoin, BoundsMayLieOnOneSide) {
  Join before(between(-5ms, -2ms)), behind(between(2ms, 5ms));
  for (auto* join : {&before, &behind}) {
    for (std::int64_t time = 90; time <= 110; ++time) join->payment(7, static_cast<std::uint64_t>(time), time);
    join->order(7, 1, 100);
  }
  EXPECT_THAT(before.take(), ElementsAre(Joined{7, 1, 95, 0, 100}, Joined{7, 1, 96, 0, 100}, Joined{7, 1, 97, 0, 100},
                                         Joined{7, 1, 98, 0, 100}));
  EXPECT_THAT(behind.take(), ElementsAre(Joined{7, 1, 102, 0, 102}, Joined{7, 1, 103, 0, 103},
                                         Joined{7, 1, 104, 0, 104}, Joined{7, 1, 105, 0, 105}));
  before.watermark(kEnd);
  behind.watermark(kEnd);
  EXPECT_EQ(before.entries() + behind.entries(), 0u);
}

TEST(IntervalJoin, ARecordGoesWhenNoPartnerOfItCanCome) {
  Join join(between(-3ms, 5ms));
  join.order(7, 1, 100);
  join.payment(7, 2, 90);
  join.watermark(93);
  EXPECT_EQ(join.entries(), 2u) << "an order of 93 would be a partner of the payment";
  join.watermark(94);
  EXPECT_EQ(join.entries(), 1u);
  join.watermark(105);
  EXPECT_EQ(join.entries(), 1u) << "a payment of 105 would be a partner of the order";
  join.watermark(106);
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, WhatIsOlderThanTheWatermarkIsLate) {
  Join join(between(-3ms, 5ms));
  join.payment(7, 1, 100);
  join.watermark(100);
  join.order(7, 2, 99);
  join.order(7, 3, 100);
  join.payment(7, 4, 98);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 3, 1, 0, 100}));
  EXPECT_THAT(join.take_late_orders(), ElementsAre(2));
  EXPECT_THAT(join.take_late_payments(), ElementsAre(4));
  EXPECT_EQ(join.late(), 2u);
}

TEST(IntervalJoin, ALeftRecordWithoutPartnerGoesOutOnceWhenNoneCanCome) {
  Join join(between(-3ms, 5ms), true);
  join.order(7, 1, 100);
  join.order(7, 2, 101);
  join.payment(7, 9, 106);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 2, 9, 0, 106}));
  join.watermark(105);
  EXPECT_THAT(join.take(), IsEmpty());
  join.watermark(106);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, {}, 0, 105}));
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty()) << "payments go without a word, and so does what had a partner";
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, ALeftRecordWhoseTimeForPartnersIsOverGoesOutAtOnce) {
  Join join(between(-9ms, -5ms), true);
  join.watermark(100);
  join.order(7, 1, 101);
  join.order(7, 2, 105);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, {}, 0, 101}));
  join.watermark(101);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 2, {}, 0, 105}));
}

TEST(IntervalJoin, ItIsRememberedThatALeftRecordHadAPartner) {
  Join join(between(0ms, 5ms), true);
  join.order(7, 1, 100);
  join.save();
  join.payment(7, 2, 101);
  EXPECT_EQ(join.take().size(), 1u);
  join.save();
  join.crash_and_restore();
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty());
}

TEST(IntervalJoin, APairThatThrowsIsSetAsideAloneWhicheverCameLast) {
  for (const bool order_first : {true, false}) {
    Join join(between(0ms, 5ms), true);
    join.host.sets_aside = true;
    if (order_first) join.order(7, 1, 100);
    join.payment(7, 12, 100);
    join.payment(7, kThrows, 101);
    join.payment(7, 14, 102);
    if (!order_first) join.order(7, 1, 100);
    join.order(8, kThrows, 100);
    join.payment(9, kThrows, 100);
    join.order(9, 2, 100);
    join.watermark(kEnd);
    EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, 12, 0, 100}, Joined{7, 1, 14, 0, 102}));
    const auto letters = join.take_letters();
    ASSERT_EQ(letters.size(), 3u);
    for (const auto& letter : letters) EXPECT_EQ(letter.message, "thirteen");
    EXPECT_THAT(letters[0].record, HasSubstr(R"({"key":7,"left":{"id":1,)"));
    EXPECT_THAT(letters[0].record, HasSubstr(R"("right":{"id":1000013}})"));
    EXPECT_EQ(letters[0].origin, "harness, record 1") << "the left record's";
    EXPECT_THAT(letters[1].record, HasSubstr(R"({"key":9,"left":{"id":2,)")) << "it had a partner all the same";
    EXPECT_THAT(letters[2].record, HasSubstr(R"("right":null})"));
    EXPECT_EQ(join.entries(), 0u);
  }
}

TEST(IntervalJoin, APairThatThrowsFailsTheJobWhereThatIsThePolicy) {
  Join join(between(0ms, 5ms));
  join.order(7, 1, 100);
  try {
    join.payment(7, kThrows, 101);
    ADD_FAILURE() << "it went on";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("exception std::runtime_error: thirteen on {\"key\":7,\"left\":{\"id\":1,"));
  }
}

TEST(IntervalJoin, ARecordWithoutEventTimeIsSetAside) {
  Join join(between(0ms, 5ms));
  join.host.sets_aside = true;
  join.order(7, 1, RecordMeta::kNoTime);
  join.payment(7, 2, kEnd);
  const auto letters = join.take_letters();
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_THAT(letters[0].message, HasSubstr("no event time"));
  EXPECT_THAT(letters[1].message, HasSubstr("out of range"));
  EXPECT_EQ(join.entries(), 0u);
}

/// More partners than an output takes, while what waits leaves memory again and again.
TEST(IntervalJoin, GoesOnInTheMiddleOfARecordWhoseOutputIsFull) {
  for (const bool evicts : {false, true}) {
    Join join(between(-3ms, 5ms), true);
    if (evicts) {
      join.spill();
      join.evict_in_between();
    }
    std::vector<Record> payments;
    for (std::uint64_t id = 0; id < 2000; ++id)
      payments.push_back({false, 7, 100 + id, 100 + static_cast<std::int64_t>(id % 5)});
    join.push(payments);
    join.push(std::vector<Record>{{true, 7, 1, 100}, {true, 7, 2, 101}, {true, 8, 3, 101}});
    std::set<Joined> all;
    for (const auto& each : join.take()) EXPECT_TRUE(all.insert(each).second) << "came twice";
    EXPECT_EQ(all.size(), 4000u);
    EXPECT_EQ(join.most_at_once(), kBatchRecords);
    join.watermark(kEnd);
    EXPECT_THAT(join.take(), ElementsAre(Joined{8, 3, {}, 0, 106}));
    EXPECT_EQ(join.entries(), 0u);
  }
}

TEST(IntervalJoin, LeftRecordsWithoutPartnerGoOutInPieces) {
  Join join(between(0ms, 5ms), true);
  join.spill();
  join.evict_in_between();
  std::vector<Record> orders;
  for (std::uint64_t id = 0; id < 3000; ++id)
    orders.push_back({true, id % 7, id, 100 + static_cast<std::int64_t>(id % 50)});
  join.push(orders);
  join.watermark(kEnd);
  EXPECT_EQ(join.take().size(), 3000u);
  EXPECT_GT(join.most_at_once(), 500u);
  EXPECT_LE(join.most_at_once(), kBatchRecords);
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, ACheckpointHoldsWhatCameAndWent) {
  Join join(between(0ms, 5ms));
  for (std::uint64_t id = 0; id < 100; ++id) join.order(7, id, 100);
  join.save();
  EXPECT_EQ(join.newest_save(), "0|100");
  join.order(7, 100, 200);
  join.payment(8, 1, 200);
  join.save();
  EXPECT_EQ(join.newest_save(), "0|2");
  join.watermark(150);
  EXPECT_EQ(join.entries(), 2u);
  join.order(7, 101, 200);
  join.save();
  EXPECT_EQ(join.newest_save(), "99|1") << "the new one takes the place of one that went";
  join.order(9, 1, 300);
  join.payment(7, 1, 205);
  join.watermark(301);
  join.watermark(306);
  join.save();
  EXPECT_EQ(join.newest_save(), "3|0") << "of what came and went in the meantime nothing is said";
  join.crash_and_restore();
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, StateGoesOnInMoreTasks) {
  Join one(between(-30ms, 50ms), true);
  std::vector<Record> records;
  base::Random random(5);
  for (std::uint64_t id = 0; id < 400; ++id)
    records.push_back({random.chance(0.5), random.below(40), id, random.between(0, 300)});
  Join whole(between(-30ms, 50ms), true);
  for (const auto& record : records) whole.push(record);
  whole.watermark(kEnd);
  for (std::size_t i = 0; i < 200; ++i) {
    one.push(records[i]);
    if (i == 100) one.save();
  }
  one.save();
  std::vector<Joined> results = one.take();
  for (std::uint32_t task = 0; task < 3; ++task) {
    Join part(between(-30ms, 50ms), true);
    part.restore_some(one, task, 3);
    for (std::size_t i = 200; i < 400; ++i)
      if (key_group_of(key_hash(records[i].key), 3) == task) part.push(records[i]);
    part.watermark(kEnd);
    const auto more = part.take();
    results.insert(results.end(), more.begin(), more.end());
  }
  EXPECT_THAT(results, ::testing::UnorderedElementsAreArray(whole.take()));
}

TEST(WindowJoin, PairsOfAWindowGoOutWhenItIsOver) {
  Join join(tumbling(10ms));
  join.order(7, 1, 10);
  join.order(7, 2, 19);
  join.payment(7, 3, 15);
  join.payment(7, 4, 20);
  join.payment(8, 5, 15);
  join.watermark(19);
  EXPECT_THAT(join.take(), IsEmpty());
  join.watermark(20);
  EXPECT_THAT(join.take(), UnorderedElementsAre(Joined{7, 1, 3, 10, 19}, Joined{7, 2, 3, 10, 19}));
  EXPECT_EQ(join.entries(), 2u) << "the payment of the next window, and when that ends";
  join.order(7, 6, 19);
  EXPECT_THAT(join.take_late_orders(), ElementsAre(6));
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty());
  EXPECT_EQ(join.entries(), 0u);
}

TEST(WindowJoin, OfOverlappingWindowsInEachThatHoldsBoth) {
  Join join(sliding(30ms, 10ms), true);
  join.order(7, 1, 25);
  join.payment(7, 2, 41);
  join.watermark(1000);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, {}, 0, 29}, Joined{7, 1, {}, 10, 39}, Joined{7, 1, 2, 20, 49}));
  EXPECT_EQ(join.entries(), 0u);
}

TEST(WindowJoin, APairThatThrowsIsSetAsideAlone) {
  Join join(tumbling(10ms), true);
  join.host.sets_aside = true;
  for (const std::uint64_t id : {std::uint64_t{12}, kThrows, std::uint64_t{14}}) join.payment(7, id, 11);
  join.order(7, 1, 12);
  join.order(8, kThrows, 13);
  join.watermark(20);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, 12, 10, 19}, Joined{7, 1, 14, 10, 19}));
  EXPECT_EQ(join.take_letters().size(), 2u);
  EXPECT_EQ(join.entries(), 0u);
}

/// 300 x 300 pairs of each of two keys whose windows end at once, while what waits leaves memory again and again.
TEST(WindowJoin, GoesOnInTheMiddleOfAWindow) {
  for (const bool evicts : {false, true}) {
    Join join(tumbling(10ms), true);
    if (evicts) {
      join.spill();
      join.evict_in_between();
    }
    for (const std::uint64_t key : {7, 8}) {
      for (std::uint64_t id = 0; id < 300; ++id) join.order(key, id, 10 + static_cast<std::int64_t>(id % 10));
      for (std::uint64_t id = 0; id < 300; ++id) join.payment(key, 100 + id, 10 + static_cast<std::int64_t>(id % 3));
    }
    for (std::uint64_t id = 0; id < 2000; ++id) join.order(9, id, 10);
    join.watermark(20);
    std::set<Joined> all;
    for (const auto& each : join.take()) EXPECT_TRUE(all.insert(each).second) << "came twice";
    EXPECT_EQ(all.size(), 2 * 90'000u + 2000u);
    EXPECT_EQ(join.most_at_once(), kBatchRecords);
    EXPECT_EQ(join.entries(), 0u);
  }
}

}  // namespace
}  // namespace freshet::test::joins
