#include <gtest/gtest.h>

#include "runtime/task/dead_letter_brake.h"
#include "runtime/task/mailbox.h"
#include "runtime/task/watermark_merger.h"
#include "tests/runtime/task/support.h"

namespace freshet::task {

namespace {

using namespace testing_support;

base::SteadyTime at(int seconds) { return base::SteadyTime(std::chrono::seconds(seconds)); }

TEST(DeadLetterBrake, IsPulledWhenTheShareOfTheLastMinuteIsTooHigh) {
  DeadLetterBrake brake(0.05);
  brake.observe(at(0), 1000, 50);
  EXPECT_FALSE(brake.pulled()) << "exactly the share that is allowed";
  brake.observe(at(1), 1000, 51);
  EXPECT_TRUE(brake.pulled());
  EXPECT_DOUBLE_EQ(brake.share(), 0.051);
}

TEST(DeadLetterBrake, FewRecordsSayNothing) {
  DeadLetterBrake brake(0.05);
  brake.observe(at(0), DeadLetterBrake::kLeastRecords - 1, DeadLetterBrake::kLeastRecords - 1);
  EXPECT_FALSE(brake.pulled());
  brake.observe(at(0), DeadLetterBrake::kLeastRecords, DeadLetterBrake::kLeastRecords);
  EXPECT_TRUE(brake.pulled());
}

TEST(DeadLetterBrake, ForgetsWhatIsOlderThanAMinute) {
  DeadLetterBrake brake(0.5);
  brake.observe(at(0), 1000, 0);  // good ones only
  for (int second = 10; second <= 60; second += 10) brake.observe(at(second), 1000, 0);
  brake.observe(at(65), 1300, 300);  // of the last minute all are bad
  EXPECT_TRUE(brake.pulled());
}

TEST(DeadLetterBrake, WithoutRecordsThereIsNoShare) {
  DeadLetterBrake brake(0);
  brake.observe(at(0), 0, 0);
  EXPECT_EQ(brake.share(), 0);
  EXPECT_FALSE(brake.pulled());
}

TEST(WatermarkMerger, IsTheLeastOfTheChannelsOnceAllHaveSpoken) {
  WatermarkMerger merger(2);
  merger.on_watermark(0, 10);
  EXPECT_EQ(merger.merged(), WatermarkMerger::kNone);
  merger.on_watermark(1, 5);
  EXPECT_EQ(merger.merged(), 5);
  merger.on_watermark(1, 20);
  EXPECT_EQ(merger.merged(), 10);
}

TEST(WatermarkMerger, NeverGoesBack) {
  WatermarkMerger merger(2);
  merger.on_watermark(0, 10);
  merger.on_watermark(1, 10);
  EXPECT_EQ(merger.merged(), 10);
  merger.on_watermark(0, 3);
  EXPECT_EQ(merger.merged(), 10);
}

TEST(WatermarkMerger, DoesNotWaitForIdleChannelsAndWelcomesThemBack) {
  WatermarkMerger merger(2);
  merger.on_watermark(0, 10);
  merger.on_idle(1, true);
  EXPECT_EQ(merger.merged(), 10);
  merger.on_watermark(1, 4);  // comes back, late: what was said stands
  EXPECT_EQ(merger.merged(), 10);
  merger.on_watermark(0, 30);
  EXPECT_EQ(merger.merged(), 10);
  merger.on_watermark(1, 25);
  EXPECT_EQ(merger.merged(), 25);
}

TEST(WatermarkMerger, KeepsItsWordWhenAllAreIdle) {
  WatermarkMerger merger(1);
  merger.on_watermark(0, 10);
  EXPECT_EQ(merger.merged(), 10);
  merger.on_idle(0, true);
  EXPECT_EQ(merger.merged(), 10);
}

TEST(WatermarkMerger, IsIdleWhileAllThatHaveNotEndedAre) {
  WatermarkMerger merger(3);
  EXPECT_FALSE(merger.is_idle());
  merger.on_watermark(0, 10);
  merger.on_idle(1, true);
  merger.on_idle(1, true);
  merger.on_idle(2, true);
  EXPECT_FALSE(merger.is_idle());
  merger.on_watermark(0, WatermarkMerger::kEnd);  // comes before the word that its data has ended
  EXPECT_TRUE(merger.is_idle());
  EXPECT_NE(merger.merged(), WatermarkMerger::kEnd);
  merger.on_end(0);
  EXPECT_TRUE(merger.is_idle());
  EXPECT_NE(merger.merged(), WatermarkMerger::kEnd) << "the others may have something yet";
  merger.on_watermark(1, 20);
  EXPECT_FALSE(merger.is_idle());
  merger.on_end(2);
  merger.on_idle(2, true);
  EXPECT_EQ(merger.merged(), 20);
  merger.on_end(1);
  EXPECT_FALSE(merger.is_idle());
  EXPECT_EQ(merger.merged(), WatermarkMerger::kEnd);
}

TEST(WatermarkMerger, AnEndedChannelHoldsNothingUp) {
  WatermarkMerger merger(2);
  merger.on_watermark(0, 10);
  merger.on_end(1);
  EXPECT_EQ(merger.merged(), 10);
  merger.on_end(0);
  EXPECT_EQ(merger.merged(), WatermarkMerger::kEnd);
}

TEST(BatchPool, GivesBatchesBackEmptyAndKeepsAFew) {
  BatchPool pool;
  EXPECT_EQ(pool.take(), nullptr);
  auto batch = std::make_unique<VisitBatch>(batch_of(0, 3));
  const auto* same = batch.get();
  pool.give_back(std::move(batch));
  const auto again = pool.take();
  EXPECT_EQ(again.get(), same);
  EXPECT_EQ(again->size(), 0u);
  for (int i = 0; i < 1000; ++i) pool.give_back(std::make_unique<VisitBatch>());
  int kept = 0;
  while (pool.take() != nullptr) ++kept;
  EXPECT_EQ(kept, 64);
}

class CountingWaker final : public Waker {
 public:
  void notify() override { ++notices; }
  int notices = 0;
};

TEST(Mailbox, HandsOverWhatCameInInOrderAndWakesTheReader) {
  CountingWaker waker;
  Mailbox mailbox(&waker);
  std::vector<Letter> letters;
  EXPECT_FALSE(mailbox.take(letters));
  mailbox.post(InjectBarrierCommand{1});
  mailbox.post(PauseSourceCommand{true});
  EXPECT_EQ(waker.notices, 2);
  EXPECT_TRUE(mailbox.has_mail());
  ASSERT_TRUE(mailbox.take(letters));
  EXPECT_FALSE(mailbox.has_mail());
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_EQ(std::get<InjectBarrierCommand>(letters[0]).checkpoint, 1u);
  EXPECT_TRUE(std::get<PauseSourceCommand>(letters[1]).paused);
}

}  // namespace

}  // namespace freshet::task
