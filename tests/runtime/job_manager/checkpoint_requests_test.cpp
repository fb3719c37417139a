#include "runtime/job_manager/checkpoint_coordinator.h"

#include <gtest/gtest.h>

#include "tests/runtime/job_manager/checkpoint_support.h"

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;
using enum BarrierKind;

TEST(CheckpointCoordinator, RequestsWaitBehindTheOpenOneAndGoBeforeRegularOnes) {
  CheckpointPolicy policy = every(10s);
  policy.minimum_pause = 5s;
  Stage stage(policy);
  stage.start().after(10s);
  EXPECT_EQ(stage.request(savepoint), Lines{});
  EXPECT_EQ(stage.request(checkpoint), Lines{});
  EXPECT_EQ(stage.coordinator.summary().requests, 2u);
  stage.now += 30s;
  EXPECT_EQ(stage.completes(1), (Lines{"commit c1", "journal s2"})) << "without a pause";
  EXPECT_EQ(stage.completes(2), (Lines{"commit s2", "request 1 made 2", "journal c3"}));
  EXPECT_EQ(stage.completes(3), (Lines{"commit c3", "request 2 made 3"}));
  EXPECT_EQ(stage.after(9'999ms), Lines{}) << "the one that was asked for is as good as a regular one";
  EXPECT_EQ(stage.after(1ms), Lines{"journal c4"});
}

TEST(CheckpointCoordinator, ACheckpointRequestJoinsOneThatWaitsAndASavepointJoinsNothing) {
  Stage stage({});
  stage.start();
  const auto ask = [&](BarrierKind kind) { return stage.coordinator.request(kind, stage.now, stage.out)->value; };
  EXPECT_EQ(ask(checkpoint), 1u);
  EXPECT_EQ(ask(checkpoint), 2u) << "the open one may have passed what the user waits for";
  EXPECT_EQ(ask(savepoint), 3u);
  EXPECT_EQ(ask(savepoint), 4u);
  EXPECT_EQ(ask(checkpoint), 2u);
  EXPECT_EQ(ask(final_checkpoint), 5u);
  EXPECT_EQ(ask(final_checkpoint), 5u);
  EXPECT_EQ(stage.take(), Lines{"journal c1"});
  EXPECT_EQ(stage.completes(1), (Lines{"commit c1", "request 1 made 1", "journal c2"}));
  EXPECT_EQ(stage.completes(2), (Lines{"commit c2", "request 2 made 2", "journal s3"}));
  EXPECT_EQ(stage.completes(3), (Lines{"commit s3", "request 3 made 3", "journal s4"}));
  EXPECT_EQ(stage.completes(4), (Lines{"commit s4", "request 4 made 4", "journal f5"}));
}

TEST(CheckpointCoordinator, MoreRequestsThanMayWaitAreRefusedButNeverTheFinalOne) {
  CheckpointPolicy policy;
  policy.max_requests = 2;
  Stage stage(policy);
  EXPECT_EQ(stage.refusal(savepoint), "no checkpoint can be made before all tasks run");
  stage.start();
  for (int i = 0; i < 3; ++i) stage.request(savepoint);
  EXPECT_EQ(stage.refusal(savepoint), "2 requests for checkpoints are waiting already; try again later");
  EXPECT_EQ(stage.refusal(checkpoint), "2 requests for checkpoints are waiting already; try again later");
  EXPECT_EQ(stage.request(final_checkpoint), Lines{});
  EXPECT_EQ(stage.refusal(savepoint), "the job's input has ended: only its final checkpoint is still to come");
}

TEST(CheckpointCoordinator, TheFinalOneIsTriedAgainAfterThePauseAndThenNothingFollows) {
  CheckpointPolicy policy = every(10s);
  policy.minimum_pause = 3s;
  Stage stage(policy);
  stage.start();
  EXPECT_EQ(stage.request(final_checkpoint), Lines{"journal f1"});
  EXPECT_EQ(stage.fails(1), Lines{"abandon f1 everywhere: task 1/0 could not save: bad disk"});
  EXPECT_EQ(stage.after(2'999ms), Lines{});
  EXPECT_EQ(stage.after(1ms), Lines{"journal f2"});
  EXPECT_EQ(stage.completes(2), (Lines{"commit f2", "request 1 made 2"}));
  EXPECT_EQ(stage.after(1h), Lines{});
  EXPECT_EQ(stage.refusal(savepoint), "no checkpoint can be made any more: its final checkpoint is complete");
}

TEST(CheckpointCoordinator, AFinalOneThatFailsTooOftenFailsTheAttemptAndItsRequest) {
  CheckpointPolicy policy;
  policy.tolerated = 1;
  Stage stage(policy);
  stage.start().request(final_checkpoint);
  EXPECT_EQ(stage.fails(1), (Lines{"abandon f1 everywhere: task 1/0 could not save: bad disk", "journal f2"}));
  const std::string why =
      "2 checkpoints failed in a row, 1 are tolerated; the last: final checkpoint 2: task 1/0 could not save: bad disk";
  EXPECT_EQ(stage.fails(2), (Lines{"abandon f2 everywhere: task 1/0 could not save: bad disk", "fail: " + why,
                                   "request 1 failed: " + why}));
}

TEST(CheckpointCoordinator, ClosingGivesUpWhatIsOpenAndTellsWhoWaits) {
  for (const bool is_injected : {false, true}) {
    Stage stage({});
    stage.start().request(savepoint);
    stage.request(checkpoint);
    stage.request(final_checkpoint);
    if (is_injected) stage.journalled(1);
    stage.coordinator.close("cancelled", stage.out);
    EXPECT_EQ(stage.take(),
              (Lines{is_injected ? "abandon s1 everywhere: cancelled" : "abandon s1: cancelled",
                     "request 1 failed: cancelled", "request 2 failed: cancelled", "request 3 failed: cancelled"}));
    stage.coordinator.close("again", stage.out);
    EXPECT_EQ(stage.after(1h), Lines{});
    EXPECT_EQ(stage.coordinator.summary().failed, 0u);
    EXPECT_EQ(stage.coordinator.next_deadline(stage.now + 1h), stage.now + 1h);
  }
}

TEST(CheckpointCoordinator, WhatIsBeingPublishedWhenItClosesIsStillSettled) {
  for (const bool made : {false, true}) {
    Stage stage({});
    stage.start().request(final_checkpoint);
    stage.journalled(1);
    for (const TaskId task : {kSource, kLeft, kRight}) stage.acknowledge(1, task);
    stage.take();
    stage.coordinator.close("cancelled", stage.out);
    EXPECT_EQ(stage.take(), Lines{});
    if (made) {
      EXPECT_EQ(stage.published(1), (Lines{"commit f1", "request 1 made 1"}));
    } else {
      stage.coordinator.on_publish_failed({1}, {"gone"}, stage.now, stage.out);
      EXPECT_EQ(stage.take(), (Lines{"abandon f1 everywhere: its manifest could not be published: gone",
                                     "request 1 failed: its manifest could not be published: gone"}));
    }
    EXPECT_EQ(stage.after(1h), Lines{});
  }
}

}  // namespace
}  // namespace freshet::manager
