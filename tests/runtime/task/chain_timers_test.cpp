#include <freshet/timer.h>

#include <gmock/gmock.h>

#include "tests/runtime/task/chain_support.h"

namespace freshet::task {

namespace {

using namespace testing_support;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::int64_t kEnd = WatermarkMerger::kEnd;

/// Holds each visit back until its time: its number, ms, behind a second; of the processing clock a second from now.
class HoldBack : public KeyedOperator<Key, Visit, Visit> {
 public:
  explicit HoldBack(Clock clock = Clock::event, bool emits = true)
      : timer{this, "timer", &HoldBack::on_time, clock}, clock_(clock), emits_(emits) {}
  void process(const Visit& v, Out<Visit>&) override {
    watermark_seen = std::max(watermark_seen, watermark());
    const Time from = clock_ == Clock::event ? Time() : now();
    timer.set(v.number, from + 1000ms + Duration(static_cast<std::int64_t>(v.number)));
  }
  void on_time(const std::uint64_t& number, Out<Visit>& out) {
    ++fired;
    if (emits_) out.emit(visit(number));
  }
  Timer<std::uint64_t> timer;
  std::uint64_t fired = 0;
  Time watermark_seen = Time::min();

 private:
  Clock clock_;
  bool emits_;
};

struct Held {
  std::unique_ptr<Stage> stage;
  HoldBack* op;
};
Held hold_back(Clock clock = Clock::event, bool emits = true) {
  auto op = std::make_unique<HoldBack>(clock, emits);
  auto* raw = op.get();
  return {std::make_unique<detail::OperatorStage<Key, HoldBack>>(std::move(op)), raw};
}

struct ChainTimers : testing::Test {
  void give(Chain& chain, std::uint64_t visits) {
    batch = keyed_batch(0, visits);
    chain.offer(0, view_of(batch));
    while (!chain.drain()) ASSERT_TRUE(fixture.flush_and_grant(chain));
  }
  detail::KeyedBatch<Key, Visit> batch;
  ChainFixture fixture{2048};
};

TEST_F(ChainTimers, FireBeforeTheWatermarkIsPassedOnHoweverLittleRoomThereIs) {
  auto held = hold_back();
  fixture.add(std::move(held.stage));
  fixture.add(map([](const Visit& v) { return v; }));
  fixture.to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  give(*chain, 1500);
  int blocked = 0;
  std::int64_t told = 1000 + 1200;
  for (; !chain->advance_watermark(told); told = WatermarkMerger::kNone) {
    EXPECT_FALSE(chain->gives_way());
    EXPECT_TRUE(chain->send_watermarks());
    while (!chain->drain()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
    ++blocked;
  }
  EXPECT_GE(blocked, 2);
  while (!chain->send_watermarks()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  fixture.flush(*chain);
  auto arrived = fixture.arrived(0);
  ASSERT_THAT(arrived, SizeIs(1201));
  for (std::size_t i = 0; i < 1200; ++i) EXPECT_EQ(arrived[i], std::to_string(i));
  EXPECT_EQ(arrived[1200], "W2200");
}

TEST_F(ChainTimers, AStepEndsBeforeVeryManyHaveFired) {
  auto held = hold_back(Clock::event, false);
  fixture.add(std::move(held.stage)).to_edge(0);
  auto chain = fixture.make();
  give(*chain, 100'000);
  chain->begin_step(fixture.clock.wall(), 0);
  EXPECT_FALSE(chain->advance_watermark(kEnd - 1));
  EXPECT_TRUE(chain->gives_way());
  EXPECT_GT(held.op->fired, 1000u);
  EXPECT_LT(held.op->fired, 50'000u);
  int steps = 1;
  do {
    ++steps;
    chain->begin_step(fixture.clock.wall(), 0);
  } while (!chain->advance_watermark(WatermarkMerger::kNone));
  EXPECT_EQ(held.op->fired, 100'000u);
  EXPECT_LT(steps, 20);
}

TEST_F(ChainTimers, AtTheEndWhatAnOperatorEmitsLastIsNotLateForTheNext) {
  fixture.add(newest(at_end()));
  auto held = hold_back();
  fixture.add(std::move(held.stage));
  fixture.to_operator(0, 1).to_edge(1);
  auto chain = fixture.make();
  give(*chain, 100);
  ASSERT_TRUE(chain->advance_watermark(500));
  while (!chain->send_watermarks()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  ASSERT_TRUE(chain->advance_watermark(kEnd));
  EXPECT_EQ(held.op->fired, 0u);
  while (!chain->finish()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  EXPECT_EQ(held.op->fired, 100u);
  EXPECT_EQ(held.op->watermark_seen, Time(500ms));
  while (!chain->send_watermarks()) ASSERT_TRUE(fixture.flush_and_grant(*chain));
  fixture.flush(*chain);
  auto arrived = fixture.arrived(0);
  ASSERT_THAT(arrived, SizeIs(102));
  EXPECT_EQ(arrived[0], "W500");
  EXPECT_EQ(arrived[101], "W" + std::to_string(kEnd));
}

TEST_F(ChainTimers, OfTheProcessingClockDoNotFireBehindTheEnd) {
  auto held = hold_back(Clock::processing);
  fixture.add(std::move(held.stage)).to_edge(0);
  auto chain = fixture.make();
  give(*chain, 10);
  EXPECT_NE(chain->next_due(), Time::max());
  ASSERT_TRUE(chain->advance_watermark(kEnd));
  EXPECT_EQ(held.op->fired, 0u) << "the other clock";
  ASSERT_TRUE(chain->finish());
  EXPECT_EQ(chain->next_due(), Time::max());
  fixture.clock.advance(2'000'000ms);
  chain->begin_step(fixture.clock.wall(), 0);
  EXPECT_TRUE(chain->emit_due());
  EXPECT_EQ(held.op->fired, 0u);
}

TEST_F(ChainTimers, OfTheProcessingClockFireWhenTheyAreDue) {
  auto held = hold_back(Clock::processing);
  fixture.add(std::move(held.stage)).to_edge(0);
  auto chain = fixture.make();
  give(*chain, 10);
  fixture.clock.advance(chain->next_due() - fixture.clock.wall() + 4ms);
  chain->begin_step(fixture.clock.wall(), 0);
  EXPECT_TRUE(chain->emit_due());
  fixture.flush(*chain);
  EXPECT_THAT(fixture.arrived(0), ElementsAre("0", "1", "2", "3", "4"));
}

}  // namespace

}  // namespace freshet::task
