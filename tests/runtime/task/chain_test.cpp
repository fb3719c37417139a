#include "runtime/task/chain.h"

#include <gmock/gmock.h>

#include "tests/runtime/task/chain_support.h"

namespace freshet::task {

namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

///                    ┌─▶ edge 0
/// batch ─▶ keep even ┤
///                    └─▶ times ten ─▶ edge 1
TEST(Chain, SeveralConsumersGetTheSameSelection) {
  ChainFixture fixture;
  fixture.add(filter([](const Visit& v) { return v.number % 2 == 0; }));
  fixture.add(map([](const Visit& v) { return Visit{v.user, v.number * 10, v.page}; }));
  fixture.to_edge(0).to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 6);
  chain->offer(0, view_of(batch));
  EXPECT_TRUE(chain->drain());
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), ElementsAre("0", "2", "4"));
  EXPECT_THAT(fixture.arrived(1), ElementsAre("0", "20", "40"));
  const auto statuses = chain->statuses();
  EXPECT_EQ(statuses[0].records_in, 6u);
  EXPECT_EQ(statuses[0].records_out, 3u);
  EXPECT_EQ(statuses[1].records_in, 3u);
}

// Whoever gets a watermark takes it for a sign that something comes.
TEST(Chain, SaysThatItIsIdleBehindAWatermarkThatHasNotGoneOut) {
  ChainFixture fixture;
  fixture.add(filter([](const Visit&) { return true; }));
  fixture.to_edge(0);
  auto chain = fixture.make();
  ASSERT_TRUE(chain->advance_watermark(7));
  chain->set_idle(true);
  ASSERT_TRUE(chain->send_activity());
  ASSERT_TRUE(chain->send_watermarks());
  ASSERT_TRUE(chain->send_activity());
  chain->set_idle(false);
  ASSERT_TRUE(chain->send_activity());
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), ElementsAre("W7", "I", "A"));
}

/// batch ─▶ twice ─▶ keep ─▶ edge with little credit
TEST(Chain, GoesOnWhereAnEdgeWasBlocked) {
  ChainFixture fixture(2048);
  fixture.add(flat_map([](const Visit& v, Out<Visit>& out) {
    out.emit(v);
    out.emit({v.user, v.number + 10'000, v.page});
  }));
  fixture.add(filter([](const Visit&) { return true; }));
  fixture.to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 700);
  chain->offer(0, view_of(batch));
  int blocked = 0;
  while (!chain->drain()) {
    ++blocked;
    ASSERT_TRUE(fixture.flush_and_grant(*chain)) << "blocked, and nothing is on its way";
  }
  fixture.flush(*chain);
  EXPECT_GT(blocked, 5);
  const auto arrived = fixture.arrived(0);
  ASSERT_THAT(arrived, SizeIs(1400));
  for (std::size_t i = 0; i < 700; ++i) {
    ASSERT_EQ(arrived[2 * i], std::to_string(i));
    ASSERT_EQ(arrived[2 * i + 1], std::to_string(i + 10'000));
  }
}

/// batch ─▶ keep ─▶ newest of each key, every 10 ms ─▶ edge with little credit
TEST(Chain, WhatIsDueInsideTheChainGoesOutBeforeAnythingElse) {
  ChainFixture fixture(2048);
  fixture.add(filter([](const Visit&) { return true; }));
  fixture.add(newest(every(10ms)));
  fixture.to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 300);  // 300 keys: one output batch, more than the edge has room for
  chain->offer(0, view_of(batch));
  ASSERT_TRUE(chain->drain());
  fixture.clock.advance(20ms);
  chain->begin_step(fixture.clock.wall(), 0);
  ASSERT_FALSE(chain->emit_due());
  chain->begin_step(fixture.clock.wall(), 0);
  EXPECT_FALSE(chain->drain()) << "records wait inside: a barrier must not be sent now";
  while (fixture.flush_and_grant(*chain) && !(chain->drain() && chain->emit_due())) {
  }
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), SizeIs(300));
}

TEST(Chain, TheEndIsEmittedPieceByPieceWhereThereIsLittleRoom) {
  ChainFixture fixture(2048);
  fixture.add(newest(at_end()));
  fixture.add(map([](const Visit& v) { return v; }));
  fixture.to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 2000);
  chain->offer(0, view_of(batch));
  ASSERT_TRUE(chain->drain());
  int blocked = 0;
  for (; !chain->finish(); ++blocked) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  fixture.flush(*chain);
  EXPECT_GT(blocked, 10);
  EXPECT_THAT(fixture.arrived(0), SizeIs(2000));
  EXPECT_TRUE(chain->finish()) << "and once only";
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), SizeIs(2000));
}

///                ┌ out ────────▶ edge 0
/// batch ─▶ check ┤
///                └ dead letters ▶ edge 1
TEST(Chain, WhatFailsGoesToTheDeadLetters) {
  ChainFixture fixture;
  fixture.add(map([](const Visit& v) {
                if (v.number == 2) throw std::out_of_range("two");
                return v;
              }),
              set_aside());
  fixture.to_edge(0, 0).to_letter_edge(0);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 4);
  chain->offer(0, view_of(batch));
  EXPECT_TRUE(chain->drain());
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), ElementsAre("0", "1", "3"));
  const auto letters = fixture.letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "exception std::out_of_range");
  EXPECT_EQ(chain->statuses()[0].dead_letters, 1u);
}

TEST(Chain, ARecordThatCrashedEarlierAttemptsIsSetAsideWithoutACall) {
  ChainFixture fixture;
  std::vector<std::uint64_t> called;
  fixture.add(map([&](const Visit& v) {
                called.push_back(v.number);
                return v;
              }),
              set_aside());
  fixture.to_edge(0, 0).to_letter_edge(0);
  auto chain = fixture.make();
  chain->add_crashed("op0", {{1, 5}, "crash SIGFPE", 1});  // the position of visit 4
  chain->add_crashed("op0", {{1, 3}, "crash SIGSEGV", 3});
  chain->add_crashed("op0", {{2, 1}, "crash SIGSEGV", 3});
  chain->add_crashed("op7", {{1, 1}, "crash SIGSEGV", 3});
  const auto batch = keyed_batch(0, 5);
  chain->offer(0, view_of(batch));
  EXPECT_TRUE(chain->drain());
  fixture.flush(*chain);
  EXPECT_THAT(called, ElementsAre(0, 1, 3));
  EXPECT_THAT(fixture.arrived(0), ElementsAre("0", "1", "3"));
  const auto letters = fixture.letters();
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_EQ(letters[0].operator_id, "op0");
  EXPECT_EQ(letters[0].reason, "crash SIGSEGV");
  EXPECT_EQ(letters[0].message, "set aside after 3 crashes");
  EXPECT_EQ(letters[0].record, R"({"user":2,"number":2,"page":""})");
  EXPECT_EQ(letters[0].attempts, 4u);
  EXPECT_EQ(letters[1].message, "set aside after 1 crash");
  EXPECT_EQ(chain->statuses()[0].records_in, 5u);
  EXPECT_EQ(chain->statuses()[0].dead_letters, 2u);
}

/// batch ─▶ twice ─▶ keep ─▶ edge with little credit
TEST(Chain, AllRecordsOfAPlaceThatCrashedAreSetAsideThereAndOnlyThere) {
  ChainFixture fixture(2048);
  fixture.add(flat_map([](const Visit& v, Out<Visit>& out) {
    out.emit(v);
    out.emit({v.user, v.number + 10'000, v.page});
  }));
  fixture.add(filter([](const Visit&) { return true; }), set_aside());
  fixture.to_operator(0, 1).to_edge(1).to_letter_edge(1);
  auto chain = fixture.make();
  for (std::uint64_t number = 0; number < 700; number += 7)
    chain->add_crashed("op1", {{1, number + 1}, "crash SIGSEGV", 3});
  const auto batch = keyed_batch(0, 700);
  chain->offer(0, view_of(batch));
  while (!chain->drain()) ASSERT_TRUE(fixture.flush_and_grant(*chain)) << "blocked, and nothing is on its way";
  fixture.flush(*chain);
  std::vector<std::string> expected;
  for (std::uint64_t number = 0; number < 700; ++number)
    if (number % 7 != 0)
      for (const auto each : {number, number + 10'000}) expected.push_back(std::to_string(each));
  EXPECT_EQ(fixture.arrived(0), expected);
  EXPECT_THAT(fixture.letters(), SizeIs(200));
}

TEST(Chain, UnderFailARecordThatIsToBeSetAsideFailsTheTask) {
  ChainFixture fixture;
  fixture.add(map([](const Visit& v) { return v; }));
  fixture.to_edge(0);
  auto chain = fixture.make();
  chain->add_crashed("op0", {{1, 3}, "crash SIGSEGV", 3});
  const auto batch = keyed_batch(0, 4);
  chain->offer(0, view_of(batch));
  EXPECT_THROW(static_cast<void>(chain->drain()), TaskFailure);
}

TEST(Chain, ARecordThatItsGroupingThrowsOnGoesToTheDeadLetters) {
  ChainFixture fixture;
  fixture.add(map([](const Visit& v) { return v; }), set_aside());
  fixture.to_throwing_edge(0).to_letter_edge(0);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 4);
  chain->offer(0, view_of(batch));
  EXPECT_TRUE(chain->drain());
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), ElementsAre("0", "1", "3"));
  const auto letters = fixture.letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].message, "two has no place");
  EXPECT_EQ(letters[0].reason, "exception std::invalid_argument");
}

TEST(Chain, UnderFailAGroupingThatThrowsFailsTheTask) {
  ChainFixture fixture;
  fixture.add(map([](const Visit& v) { return v; }));
  fixture.to_throwing_edge(0);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 4);
  chain->offer(0, view_of(batch));
  EXPECT_THROW(static_cast<void>(chain->drain()), TaskFailure);
}

TEST(Chain, AWatermarkThatWasBlockedIsSentOnceAndNeverGoesBack) {
  ChainFixture fixture(2048);
  fixture.add(map([](const Visit& v) { return v; }));
  fixture.to_edge(0);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 300);
  chain->offer(0, view_of(batch));
  ASSERT_FALSE(chain->drain());
  while (!chain->drain()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  for (const std::int64_t time : {10, 5, 20}) {
    ASSERT_TRUE(chain->advance_watermark(time));
    while (!chain->send_watermarks()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  }
  fixture.flush(*chain);
  auto arrived = fixture.arrived(0);
  ASSERT_THAT(arrived, SizeIs(302));
  EXPECT_EQ(arrived[300], "W10");
  EXPECT_EQ(arrived[301], "W20");
}

}  // namespace

}  // namespace freshet::task
