#include "runtime/job_manager/checkpoint_history.h"

#include <gtest/gtest.h>

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;
using enum BarrierKind;
using enum CheckpointState;

class HistoryTest : public testing::Test {
 protected:
  void begin(std::uint64_t id, BarrierKind kind = checkpoint) {
    history.note(JournalId{{id}, kind}, Attempt{2}, {{"events", 1, 0}, {"totals", 2, 0}}, now, 1'000);
  }
  void complete(std::uint64_t id, BarrierKind kind = checkpoint) {
    begin(id, kind);
    history.note(Publish{{id}, kind, {{{0, 0}, {"a", 10, 7, false, {}}}, {{1, 0}, {"b", 5, 7, false, {}}}}});
    now += 180ms;
    history.note(NotifyCommit{{id}, kind}, now);
  }
  void fail(std::uint64_t id, BarrierKind kind = checkpoint, bool attempt_ended = false) {
    begin(id, kind);
    history.note(Abandon{{id}, kind, "disk full", true, {{1, 1}}, attempt_ended}, now);
  }

  CheckpointHistory history;
  base::SteadyTime now{1h};
};

TEST_F(HistoryTest, KeepsWhatBecameOfEachWithTimesSizesAndReasons) {
  complete(1);
  fail(2);
  begin(3, savepoint);
  ASSERT_EQ(history.entries().size(), 3u);
  const RememberedCheckpoint& first = history.entries()[0];
  EXPECT_EQ(first.state, done);
  EXPECT_EQ(first.took, 180ms);
  EXPECT_EQ(first.bytes, 15u);
  EXPECT_EQ(first.when_ms, 1'000);
  EXPECT_EQ(first.attempt.value, 2u);
  EXPECT_EQ(first.chains, (std::vector<ChainProgress>{{"events", 1, 1}, {"totals", 2, 2}}));
  const RememberedCheckpoint& second = history.entries()[1];
  EXPECT_EQ(second.state, failed);
  EXPECT_EQ(second.why, "disk full");
  EXPECT_EQ(second.chains, (std::vector<ChainProgress>{{"events", 1, 1}, {"totals", 2, 1}}));
  EXPECT_EQ(second.missing, (std::vector<TaskId>{{1, 1}}));
  EXPECT_EQ(history.entries()[2].state, open);
  EXPECT_EQ(history.entries()[2].kind, savepoint);
  EXPECT_EQ(history.entries()[2].took, std::nullopt);
}

TEST_F(HistoryTest, CountsFailuresInARowWithoutSavepointsAndWithoutThoseOfAnAttemptThatEnded) {
  fail(1);
  fail(2, savepoint);
  fail(3, checkpoint, true);
  EXPECT_EQ(history.failures_in_a_row(), 1u);
  EXPECT_EQ(history.failed(), 2u);
  EXPECT_EQ(history.newest_failed()->id.value, 2u);
  fail(4);
  EXPECT_EQ(history.failures_in_a_row(), 2u);
  complete(5, savepoint);
  EXPECT_EQ(history.failures_in_a_row(), 0u);
  EXPECT_EQ(history.completed(), 1u);
  EXPECT_EQ(history.failed(), 3u);
}

TEST_F(HistoryTest, ForgetsTheOldestAndStillKnowsTheNewestThatIsComplete) {
  complete(1);
  for (std::uint64_t id = 2; id < 2 + CheckpointHistory::kMaxEntries; ++id) fail(id);
  EXPECT_EQ(history.entries().size(), CheckpointHistory::kMaxEntries);
  EXPECT_EQ(history.find({1}), nullptr);
  EXPECT_EQ(history.newest_done()->id.value, 1u);
  EXPECT_EQ(history.failures_in_a_row(), CheckpointHistory::kMaxEntries);
}

TEST_F(HistoryTest, SettlingEndsWhatWasOpenAndAddsWhatAnEarlierManagerMade) {
  begin(7);
  begin(8);
  history.begin_operation({1}, savepoint);
  now += 2s;
  history.settle({{{5}, savepoint, 500, {{}, 77, 7}}, {{7}, checkpoint, 900, {{}, 15, 15}}}, now);
  ASSERT_EQ(history.entries().size(), 3u);
  EXPECT_EQ(history.entries()[0].id.value, 5u);
  EXPECT_EQ(history.entries()[0].state, done);
  EXPECT_EQ(history.entries()[0].when_ms, 500);
  EXPECT_EQ(history.entries()[0].bytes, 77u);
  EXPECT_EQ(history.entries()[0].new_bytes, 7u);
  EXPECT_EQ(history.entries()[0].took, std::nullopt);
  EXPECT_EQ(history.find({7})->state, done);
  EXPECT_EQ(history.find({8})->state, failed);
  EXPECT_EQ(history.find({8})->why, "the attempt ended before it was complete");
  EXPECT_EQ(history.newest_done()->id.value, 7u);
  EXPECT_EQ(history.failed(), 0u);
  EXPECT_EQ(history.operation(1)->state, failed);
}

TEST_F(HistoryTest, WishesEndWithTheirRequestAndThoseThatJoinedItToo) {
  EXPECT_EQ(history.begin_operation({4}, checkpoint), 1u);
  EXPECT_EQ(history.begin_operation({4}, checkpoint), 2u);
  EXPECT_EQ(history.begin_operation({5}, savepoint), 3u);
  history.note(RequestEnded{{4}, {9}, ""});
  history.note(RequestEnded{{5}, {}, "cancelled"});
  for (const std::uint64_t number : {1, 2}) {
    EXPECT_EQ(history.operation(number)->state, done);
    EXPECT_EQ(history.operation(number)->checkpoint.value, 9u);
  }
  EXPECT_EQ(history.operation(3)->state, failed);
  EXPECT_EQ(history.operation(3)->why, "cancelled");
  // The same number in the next attempt is another request.
  EXPECT_EQ(history.begin_operation({4}, checkpoint), 4u);
  history.note(RequestEnded{{4}, {10}, ""});
  EXPECT_EQ(history.operation(1)->checkpoint.value, 9u);
  EXPECT_EQ(history.operation(4)->checkpoint.value, 10u);
  for (std::size_t i = 0; i < CheckpointHistory::kMaxOperations; ++i) history.begin_operation({6}, checkpoint);
  EXPECT_EQ(history.operation(4), nullptr);
}

}  // namespace
}  // namespace freshet::manager
