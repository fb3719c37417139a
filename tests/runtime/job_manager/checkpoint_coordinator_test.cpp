#include "runtime/job_manager/checkpoint_coordinator.h"

#include <gtest/gtest.h>

#include "tests/runtime/job_manager/checkpoint_support.h"

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;
using enum BarrierKind;

TEST(CheckpointCoordinator, JournalsThenInjectsThenPublishesThenCommits) {
  Stage stage(every(10s));
  stage.start();
  EXPECT_EQ(stage.after(9'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal c1"});
  EXPECT_EQ(stage.after(1s), Lines{});
  EXPECT_EQ(stage.journalled(1), Lines{"inject c1"});
  EXPECT_TRUE(stage.acknowledge(1, kRight));
  EXPECT_TRUE(stage.acknowledge(1, kSource));
  EXPECT_EQ(stage.take(), Lines{});
  EXPECT_TRUE(stage.acknowledge(1, kLeft));
  EXPECT_EQ(stage.take(), Lines{"publish c1: 0/0=0/0@1 1/0=1/0@1 1/1=1/1@1"});
  EXPECT_EQ(stage.published(1), Lines{"commit c1"});
}

TEST(CheckpointCoordinator, PublishesAllThatTasksSaid) {
  Stage stage({});
  stage.start({CheckpointId{5}, {kSource}, {}, {}}).request(checkpoint);
  stage.journalled(5);
  const SnapshotInfo info{"a", 1, 2, false, {{"sink", std::string("\0x", 2)}, {"sink", ""}}};
  EXPECT_TRUE(stage.acknowledge(5, kSource, info));
  ASSERT_EQ(stage.out.size(), 1u);
  EXPECT_EQ(stage.out[0], CheckpointDecision(Publish{{5}, checkpoint, {{kSource, info}}}));
}

TEST(CheckpointCoordinator, MessagesThatAreLateTwiceOrOfNobodyAreCountedAndChangeNothing) {
  Stage stage(every(10s));
  stage.start().after(10s);
  EXPECT_FALSE(stage.acknowledge(1, kSource)) << "before its barrier";
  EXPECT_FALSE(stage.decline(1, kSource)) << "before its barrier";
  EXPECT_FALSE(stage.coordinator.on_journalled({2}, stage.now, stage.out));
  stage.journalled(1);
  EXPECT_FALSE(stage.coordinator.on_journalled({1}, stage.now, stage.out));
  EXPECT_FALSE(stage.coordinator.on_journal_failed({1}, "late", stage.now, stage.out));
  EXPECT_FALSE(stage.coordinator.on_published({1}, true, stage.now, stage.out));
  EXPECT_FALSE(stage.coordinator.on_publish_failed({1}, {"early"}, stage.now, stage.out));
  EXPECT_TRUE(stage.acknowledge(1, kSource));
  EXPECT_FALSE(stage.acknowledge(1, kSource, {"another", 1, 1, true, {}})) << "the first word counts";
  EXPECT_FALSE(stage.acknowledge(1, {2, 0})) << "no such task";
  EXPECT_FALSE(stage.decline(1, {2, 0})) << "no such task";
  EXPECT_FALSE(stage.acknowledge(0, kLeft));
  EXPECT_FALSE(stage.acknowledge(2, kLeft)) << "not yet given out";
  EXPECT_EQ(stage.take(), Lines{});
  EXPECT_TRUE(stage.acknowledge(1, kLeft));
  EXPECT_TRUE(stage.acknowledge(1, kRight));
  EXPECT_EQ(stage.take(), Lines{"publish c1: 0/0=0/0@1 1/0=1/0@1 1/1=1/1@1"});
  EXPECT_FALSE(stage.acknowledge(1, kRight));
  EXPECT_FALSE(stage.decline(1, kRight)) << "it is out of the tasks' hands";
  stage.published(1);
  EXPECT_FALSE(stage.coordinator.on_published({1}, false, stage.now, stage.out));
  EXPECT_FALSE(stage.acknowledge(1, kRight));
  EXPECT_EQ(stage.take(), Lines{});
  EXPECT_EQ(stage.coordinator.summary().ignored, 16u);
}

TEST(CheckpointCoordinator, RegularOnesKeepTheirIntervalFromStartToStart) {
  Stage stage(every(10s));
  stage.start().after(10s);
  stage.now += 3s;
  stage.completes(1);
  EXPECT_EQ(stage.after(6'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal c2"});
}

TEST(CheckpointCoordinator, ThePauseCountsFromTheEndWhateverTheEnd) {
  CheckpointPolicy policy = every(10s);
  policy.minimum_pause = 8s;
  Stage stage(policy);
  stage.start().after(10s);
  stage.now += 5s;
  stage.completes(1);
  EXPECT_EQ(stage.after(7'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal c2"});
  stage.now += 9s;
  stage.fails(2);
  EXPECT_EQ(stage.after(7'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal c3"});
}

TEST(CheckpointCoordinator, IntervalsThatWereMissedAreNotMadeUpFor) {
  Stage stage(every(10s));
  stage.start().after(10s);
  stage.now += 45s;
  EXPECT_EQ(stage.completes(1), (Lines{"commit c1", "journal c2"}));
  EXPECT_EQ(stage.completes(2), Lines{"commit c2"});
  EXPECT_EQ(stage.after(9'999ms), Lines{});
}

TEST(CheckpointCoordinator, ASavepointDoesNotPutOffTheRegularOne) {
  Stage stage(every(10s));
  stage.start();
  stage.now += 6s;
  stage.request(savepoint);
  stage.completes(1);
  EXPECT_EQ(stage.after(3'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal c2"});
}

TEST(CheckpointCoordinator, WithoutAnIntervalOnlyRequestsMakeCheckpoints) {
  Stage stage(every(0s));
  stage.start();
  EXPECT_EQ(stage.after(240h), Lines{});
  EXPECT_EQ(stage.request(checkpoint), Lines{"journal c1"});
  EXPECT_EQ(stage.completes(1), (Lines{"commit c1", "request 1 made 1"}));
}

TEST(CheckpointCoordinator, AtMostOnceMakesNone) {
  CheckpointPolicy policy = every(10s);
  policy.mode = CheckpointMode::at_most_once;
  Stage stage(policy);
  stage.start();
  EXPECT_EQ(stage.after(1h), Lines{});
  for (const BarrierKind kind : {checkpoint, savepoint, final_checkpoint})
    EXPECT_EQ(stage.refusal(kind), "the job makes no checkpoints: its mode is at-most-once");
}

TEST(CheckpointCoordinator, AnIdIsUsedUpAlsoWhenItCouldNotBeJournalled) {
  Stage stage({});
  stage.start({CheckpointId{41}, {kSource, kLeft, kRight}, {}, {}});
  EXPECT_EQ(stage.request(checkpoint), Lines{"journal c41"});
  EXPECT_TRUE(stage.coordinator.on_journal_failed({41}, "no space", stage.now, stage.out));
  EXPECT_EQ(stage.take(), (Lines{"abandon c41: its id could not be made durable: no space",
                                 "request 1 failed: its id could not be made durable: no space"}));
  EXPECT_FALSE(stage.coordinator.on_journalled({41}, stage.now, stage.out));
  EXPECT_EQ(stage.request(checkpoint), Lines{"journal c42"});
}

TEST(CheckpointCoordinator, ATaskThatCannotSaveEndsTheCheckpointEverywhere) {
  Stage stage(every(10s));
  stage.start().after(10s);
  stage.journalled(1);
  stage.acknowledge(1, kLeft);
  EXPECT_EQ(stage.declined(1), Lines{"abandon c1 everywhere: task 1/0 could not save: bad disk"});
  EXPECT_FALSE(stage.acknowledge(1, kRight));
  EXPECT_EQ(stage.after(10s), Lines{"journal c2"});
  EXPECT_EQ(stage.completes(2), Lines{"commit c2"});
}

TEST(CheckpointCoordinator, TimeRunsOutForTheJournalAndForTheTasks) {
  Stage stage(every(100s));
  stage.start().after(100s);
  EXPECT_EQ(stage.after(59'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"abandon c1: its id was not durable within 1min"});
  EXPECT_EQ(stage.after(40s), Lines{"journal c2"});
  stage.now += 30s;
  stage.journalled(2);
  stage.acknowledge(2, kLeft);
  EXPECT_EQ(stage.after(29'999ms), Lines{}) << "the time counts from the start";
  EXPECT_EQ(stage.after(1ms),
            Lines{"abandon c2 everywhere: not all tasks had saved within 1min: 1 of 3 had, not 0/0, 1/1"});
}

TEST(CheckpointCoordinator, APublicationWithoutAnAnswerFailsTheAttemptAndIsStillSettled) {
  CheckpointPolicy policy = every(100s);
  policy.retained = 1;
  Stage stage(policy);
  stage.start().after(100s);
  stage.completes(1);
  stage.request(savepoint);
  stage.completes(2);
  stage.request(checkpoint);
  stage.request(savepoint);
  stage.journalled(3);
  for (const TaskId task : {kSource, kLeft, kRight}) stage.acknowledge(3, task);
  stage.take();
  EXPECT_EQ(stage.after(59'999ms), Lines{});
  const std::string why = "it is not known whether checkpoint 3 is complete: its publication had no answer within 1min";
  EXPECT_EQ(stage.after(1ms), (Lines{"fail: " + why, "request 3 failed: " + why}));
  EXPECT_EQ(stage.after(240h), Lines{});
  EXPECT_EQ(stage.published(3), (Lines{"commit c3", "request 2 made 3"})) << "nothing is pruned by one that is closed";
  EXPECT_EQ(stage.after(240h), Lines{});
}

TEST(CheckpointCoordinator, OneFailureMoreThanToleratedInARowFailsTheAttempt) {
  CheckpointPolicy policy;
  policy.tolerated = 2;
  Stage stage(policy);
  stage.start();
  for (std::uint64_t id = 1; id <= 9; ++id) {
    stage.request(checkpoint);
    const bool succeeds = id % 3 == 0;
    EXPECT_EQ((succeeds ? stage.completes(id) : stage.fails(id)).front(),
              succeeds ? "commit c" + std::to_string(id)
                       : "abandon c" + std::to_string(id) + " everywhere: task 1/0 could not save: bad disk");
    EXPECT_EQ(stage.coordinator.summary().failures_in_a_row, id % 3);
  }
  for (std::uint64_t id = 10; id <= 11; ++id) {
    stage.request(checkpoint);
    EXPECT_EQ(stage.fails(id).size(), 2u);
  }
  stage.request(checkpoint);
  stage.request(savepoint);
  const std::string last =
      "3 checkpoints failed in a row, 2 are tolerated; the last: checkpoint 12: task 1/0 could not save: bad disk";
  EXPECT_EQ(stage.fails(12), (Lines{"abandon c12 everywhere: task 1/0 could not save: bad disk",
                                    "request 12 failed: task 1/0 could not save: bad disk", "fail: " + last,
                                    "request 13 failed: " + last}));
  EXPECT_TRUE(stage.coordinator.is_closed());
  EXPECT_EQ(stage.refusal(savepoint), "no checkpoint can be made any more: " + last);
}

TEST(CheckpointCoordinator, WhatTheAttemptCannotHelpDoesNotFailIt) {
  CheckpointPolicy policy;
  policy.tolerated = 1;
  Stage stage(policy);
  stage.start();
  stage.coordinator.hold_up(true);
  std::uint64_t id = 1;
  for (; id <= 5; ++id) {
    stage.request(checkpoint);
    EXPECT_EQ(stage.fails(id).size(), 2u);
  }
  stage.coordinator.hold_up(false);
  for (; id <= 10; ++id) {
    stage.request(checkpoint);
    EXPECT_TRUE(stage.coordinator.on_journal_failed({id}, "no space", stage.now, stage.out));
    EXPECT_EQ(stage.take().size(), 2u);
  }
  for (; id <= 15; ++id) {
    stage.request(checkpoint);
    stage.journalled(id);
    EXPECT_TRUE(stage.coordinator.on_declined({{id}, kLeft, {"full", true}}, stage.now, stage.out));
    EXPECT_EQ(stage.take().size(), 2u);
  }
  for (; id <= 20; ++id) {
    stage.request(checkpoint);
    stage.journalled(id);
    for (const TaskId task : {kSource, kLeft, kRight}) stage.acknowledge(id, task);
    EXPECT_TRUE(stage.coordinator.on_publish_failed({id}, {"full", true}, stage.now, stage.out));
    EXPECT_EQ(stage.take().size(), 3u);
  }
  EXPECT_EQ(stage.coordinator.summary().failures_in_a_row, 0u);
  for (; id <= 22; ++id) {
    stage.request(checkpoint);
    (void)stage.fails(id);
  }
  EXPECT_TRUE(stage.coordinator.is_closed());
}

// Found by simulation: it was tried again at once, and for ever.
TEST(CheckpointCoordinator, AFinalOneThatCannotBeJournalledIsTriedAgainAfterAWhile) {
  Stage stage{CheckpointPolicy()};
  stage.start();
  stage.request(final_checkpoint);
  for (std::uint64_t id = 1; id <= 9; ++id) {
    EXPECT_TRUE(stage.coordinator.on_journal_failed({id}, "no space", stage.now, stage.out));
    EXPECT_EQ(stage.take().size(), 1u) << "given up, and no other begun";
    EXPECT_EQ(stage.after(Duration(900)), Lines{});
    EXPECT_EQ(stage.after(Duration(100)), Lines{"journal f" + std::to_string(id + 1)});
  }
  EXPECT_FALSE(stage.coordinator.is_closed());
}

TEST(CheckpointCoordinator, SavepointsThatFailDoNotFailTheAttempt) {
  CheckpointPolicy policy;
  policy.tolerated = 0;
  Stage stage(policy);
  stage.start();
  for (std::uint64_t id = 1; id <= 5; ++id) {
    stage.request(savepoint);
    EXPECT_EQ(stage.fails(id).size(), 2u);
  }
  EXPECT_EQ(stage.coordinator.summary().failures_in_a_row, 0u);
  EXPECT_EQ(stage.coordinator.summary().failed, 5u);
  stage.request(checkpoint);
  EXPECT_EQ(stage.fails(6).size(), 3u);
  EXPECT_TRUE(stage.coordinator.is_closed());
}

TEST(CheckpointCoordinator, AManifestThatCouldNotBePublishedIsAFailureOfTheCheckpoint) {
  Stage stage({});
  stage.start().request(checkpoint);
  stage.journalled(1);
  for (const TaskId task : {kSource, kLeft, kRight}) stage.acknowledge(1, task, true);
  stage.take();
  EXPECT_TRUE(stage.coordinator.on_publish_failed({1}, {"read-only"}, stage.now, stage.out));
  EXPECT_EQ(stage.take(), (Lines{"abandon c1 everywhere: its manifest could not be published: read-only",
                                 "request 1 failed: its manifest could not be published: read-only"}));
  stage.request(checkpoint);
  EXPECT_EQ(stage.journalled(2), Lines{"inject c2"}) << "what ended was not recorded: all are waited for";
}

TEST(CheckpointCoordinator, OneThatSomebodyElseSettledFencesTheAttempt) {
  Stage stage(every(10s));
  stage.start().after(10s);
  stage.request(savepoint);
  stage.journalled(1);
  for (const TaskId task : {kSource, kLeft, kRight}) stage.acknowledge(1, task);
  stage.take();
  EXPECT_EQ(stage.published(1, false),
            (Lines{"fenced 1", "request 1 failed: checkpoint 1 is settled by somebody else: this attempt is stale"}));
  EXPECT_EQ(stage.after(1h), Lines{});
  EXPECT_NE(stage.refusal(checkpoint), "none");
  EXPECT_FALSE(stage.coordinator.summary().open);
  EXPECT_FALSE(stage.coordinator.summary().newest);
}

TEST(CheckpointCoordinator, OnlyTheNewestAreRetainedAndAllSavepoints) {
  CheckpointPolicy policy;
  policy.retained = 2;
  Stage stage(policy);
  stage.start(
      {CheckpointId{9}, {kSource, kLeft, kRight}, {}, {{{7}, checkpoint}, {{3}, checkpoint}, {{4}, savepoint}}});
  stage.request(savepoint);
  EXPECT_EQ(stage.completes(9), (Lines{"commit s9", "request 1 made 9"}));
  stage.request(checkpoint);
  EXPECT_EQ(stage.completes(10), (Lines{"commit c10", "prune 3", "request 2 made 10"}));
  stage.request(checkpoint);
  EXPECT_EQ(stage.fails(11).size(), 2u);
  stage.request(checkpoint);
  EXPECT_EQ(stage.completes(12), (Lines{"commit c12", "prune 7", "request 4 made 12"}));
  stage.request(final_checkpoint);
  EXPECT_EQ(stage.completes(13), (Lines{"commit f13", "prune 10", "request 5 made 13"}));
}

TEST(CheckpointCoordinator, ATaskThatEndedIsCarriedOverOnceThatIsComplete) {
  Stage stage({});
  stage.start().request(checkpoint);
  stage.journalled(1);
  stage.acknowledge(1, kSource, true);
  stage.declined(1);
  stage.request(checkpoint);
  stage.journalled(2);
  stage.acknowledge(2, kLeft);
  stage.acknowledge(2, kRight);
  EXPECT_EQ(stage.take(), Lines{}) << "that it had ended is in no complete checkpoint";
  stage.acknowledge(2, kSource, true);
  stage.take();
  stage.published(2);

  stage.request(checkpoint);
  stage.journalled(3);
  EXPECT_EQ(stage.coordinator.summary().open->acknowledged, 1u);
  EXPECT_FALSE(stage.acknowledge(3, kSource));
  EXPECT_FALSE(stage.decline(3, kSource));
  stage.acknowledge(3, kLeft, true);
  stage.acknowledge(3, kRight, true);
  EXPECT_EQ(stage.take(), Lines{"publish c3: 0/0=0/0@2 1/0=1/0@3 1/1=1/1@3"});
  stage.published(3);
}

TEST(CheckpointCoordinator, WhenAllTasksHaveEndedNoBarrierIsNeededAndNoRegularOne) {
  Stage stage(every(10s));
  const SnapshotInfo last{"last", 1, 1, true, {{"sink", "h"}}};
  stage.start({CheckpointId{3}, {kSource, kLeft}, {{kSource, last}, {kLeft, last}}, {}});
  EXPECT_EQ(stage.after(1h), Lines{});
  EXPECT_EQ(stage.request(final_checkpoint), Lines{"journal f3"});
  EXPECT_EQ(stage.journalled(3), Lines{"publish f3: 0/0=last 1/0=last"});
  EXPECT_EQ(stage.published(3), (Lines{"commit f3", "request 1 made 3"}));
}

TEST(CheckpointCoordinator, TheNextDeadlineIsWhenTimeMatters) {
  CheckpointPolicy policy = every(10s);
  policy.minimum_pause = 4s;
  Stage stage(policy);
  const base::SteadyTime never = stage.now + 999h;
  const auto next = [&] { return stage.coordinator.next_deadline(never) - stage.now; };
  EXPECT_EQ(next(), 999h);
  stage.start();
  EXPECT_EQ(next(), 10s);
  EXPECT_EQ(stage.coordinator.next_deadline(stage.now + 1s), stage.now + 1s);
  stage.after(10s);
  EXPECT_EQ(next(), 60s);
  stage.now += 8s;
  stage.completes(1);
  EXPECT_EQ(next(), 4s);
  stage.request(final_checkpoint);
  stage.fails(2);
  EXPECT_EQ(next(), 4s);
}

TEST(CheckpointCoordinator, TextsFromOutsideAreCutAndTooMuchOfThemEndsTheCheckpoint) {
  Stage stage({});
  stage.start().request(checkpoint);
  stage.journalled(1);
  EXPECT_TRUE(stage.coordinator.on_declined({{1}, kLeft, {std::string(100'000, 'x')}}, stage.now, stage.out));
  EXPECT_EQ(std::get<Abandon>(stage.out.at(0)).why.size(), CheckpointCoordinator::kMaxWhyBytes);
  EXPECT_LT(stage.coordinator.summary().last_failure.size(), CheckpointCoordinator::kMaxWhyBytes + 100);
  stage.take();

  stage.request(checkpoint);
  stage.journalled(2);
  SnapshotInfo half{"", 0, 0, true, {{"sink", std::string(PendingCheckpoint::kMaxTextBytes / 2 - 4, 'x')}}};
  EXPECT_TRUE(stage.acknowledge(2, kSource, half));
  EXPECT_TRUE(stage.acknowledge(2, kLeft, half));
  EXPECT_EQ(stage.take(), Lines{}) << "as long as is allowed";
  EXPECT_TRUE(stage.acknowledge(2, kRight, {"x", 0, 0, true, {}}));
  EXPECT_EQ(stage.take().at(0),
            "abandon c2 everywhere: the file names and commit handles of its tasks are longer than 48 MiB");
}

TEST(CheckpointCoordinator, TheSummaryTellsWhatIsOpenAndWhatWasMade) {
  Stage stage(every(10s));
  stage.start().after(10s);
  stage.now += 1s;
  stage.journalled(1);
  stage.acknowledge(1, kLeft);
  CheckpointSummary summary = stage.coordinator.summary();
  EXPECT_FALSE(summary.newest);
  ASSERT_TRUE(summary.open);
  EXPECT_EQ(summary.open->id, CheckpointId{1});
  EXPECT_EQ(summary.open->state, PendingState::injected);
  EXPECT_EQ(summary.open->acknowledged, 1u);
  EXPECT_EQ(summary.open->tasks, 3u);
  EXPECT_EQ(summary.open->since, stage.now - 1s);
  stage.acknowledge(1, kSource);
  stage.acknowledge(1, kRight);
  stage.now += 2s;
  stage.published(1);
  stage.after(7s);
  stage.fails(2);
  summary = stage.coordinator.summary();
  EXPECT_FALSE(summary.open);
  ASSERT_TRUE(summary.newest);
  EXPECT_EQ(summary.newest->id, CheckpointId{1});
  EXPECT_EQ(summary.newest->took, 3s);
  EXPECT_EQ(summary.newest->bytes, 30u);
  EXPECT_EQ(summary.newest->at, stage.now - 7s);
  EXPECT_EQ(summary.completed, 1u);
  EXPECT_EQ(summary.failed, 1u);
  EXPECT_EQ(summary.failures_in_a_row, 1u);
  EXPECT_EQ(summary.last_failure, "checkpoint 2: task 1/0 could not save: bad disk");
}

TEST(CheckpointPolicy, AreCheckedByTheirRanges) {
  const auto refused = [](auto change) {
    CheckpointPolicy policy;
    change(policy);
    return !check_policy(policy).ok();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_FALSE(refused([](auto& s) { s.interval = s.minimum_pause = s.timeout = kMaxCheckpointTime; }));
  EXPECT_TRUE(refused([](auto& s) { s.interval = kMaxCheckpointTime + 1ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.interval = -1ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.minimum_pause = -1ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.minimum_pause = kMaxCheckpointTime + 1ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.timeout = 0ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.timeout = kMaxCheckpointTime + 1ms; }));
  EXPECT_TRUE(refused([](auto& s) { s.retained = 0; }));
}

}  // namespace
}  // namespace freshet::manager
