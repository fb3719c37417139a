#include <gtest/gtest.h>

#include "runtime/checkpoint/verify.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using namespace std::chrono_literals;

class JobChangeTest : public testing::Test {
 protected:
  JobChangeTest() {
    cluster.add_agent("a", 8);
    cluster.add_agent("b", 8);
    cluster.deliver();
    id = cluster.submit_with_checkpoints("shop");
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::running);
  }
  void ask(const ChangeRequest& request) {
    const auto answer = cluster.manager->change("shop", request);
    ASSERT_TRUE(std::holds_alternative<std::string>(answer)) << std::get<Refusal>(answer).message;
    cluster.deliver();
  }
  std::string refused(const ChangeRequest& request) {
    const auto answer = cluster.manager->change("shop", request);
    return std::holds_alternative<Refusal>(answer) ? std::get<Refusal>(answer).message : "";
  }
  const JobChange& change() const { return *cluster.job(id).change(); }
  /// What the newest order to prepare says of checkpoints.
  wire::CheckpointOrders prepared() const { return cluster.sent<wire::PrepareWorker>().back().second.checkpoints; }
  /// Tasks save what they were asked for while they did not.
  void save_late() {
    cluster.saves = true;
    for (const auto& [peer, barrier] : cluster.sent<wire::InjectBarrier>()) cluster.inject_again(barrier);
  }
  /// Agents and workers greet the job manager that is there now.
  void come_back() {
    cluster.add_agent("a", 8);
    cluster.add_agent("b", 8);
    for (const auto& [key, agent] : cluster.processes)
      cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
    cluster.deliver();
  }

  FakeCluster cluster;
  JobId id{};
};

TEST_F(JobChangeTest, StopMakesASavepointCommitsAndEnds) {
  ask({.kind = ChangeKind::stop});
  EXPECT_EQ(cluster.state(id), JobState::stopped);
  EXPECT_EQ(change().step, ChangeStep::done);
  EXPECT_EQ(change().savepoint.value, 1u);
  EXPECT_EQ(cluster.sent<wire::CommitCheckpoint>().size(), 2u);
  EXPECT_TRUE(cluster.processes.empty());
  const auto manifest = checkpoint::load_manifest(cluster.checkpoints, id, {1});
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->barrier, BarrierKind::savepoint);
}

TEST_F(JobChangeTest, AStoppedJobIsRestartedFromItsSavepointAlsoByAnotherJobManager) {
  ask({.kind = ChangeKind::stop});
  cluster.restart_manager();
  cluster.add_agent("a", 8);
  cluster.add_agent("b", 8);
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::stopped);
  ask({.kind = ChangeKind::restart});
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_EQ(cluster.sent<wire::PrepareWorker>().back().second.checkpoints.restore.value, 1u);
  cluster.restart_manager();
  EXPECT_EQ(cluster.state(id), JobState::recovering) << "it is not over any more";
}

TEST_F(JobChangeTest, RescaleGoesOnWithMoreTasksAndIsDoneWithItsFirstCheckpoint) {
  cluster.saves = false;
  ask({.kind = ChangeKind::rescale, .parallelism = 3});
  EXPECT_EQ(cluster.state(id), JobState::stopping);
  EXPECT_EQ(refused({.kind = ChangeKind::restart}), "job shop is Stopping");
  cluster.saves = true;
  for (const auto& [peer, barrier] : cluster.sent<wire::InjectBarrier>()) cluster.inject_again(barrier);
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).revision().number.value, 2u);
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 6u);
  EXPECT_EQ(change().step, ChangeStep::done);
  EXPECT_EQ(cluster.sent<wire::PrepareWorker>().back().second.checkpoints.restore.value, 1u);
}

TEST_F(JobChangeTest, RollbackGoesBackToTheRevisionBeforeWithTodaysState) {
  ask({.kind = ChangeKind::rescale, .parallelism = 3});
  ask({.kind = ChangeKind::rollback});
  EXPECT_EQ(cluster.job(id).revision().number.value, 3u);
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 4u);
  EXPECT_EQ(change().step, ChangeStep::done);
}

TEST_F(JobChangeTest, RevisionsSurviveTheJobManager) {
  ask({.kind = ChangeKind::rescale, .parallelism = 3});
  cluster.restart_manager();
  ASSERT_EQ(cluster.job(id).revisions().size(), 2u);
  EXPECT_EQ(cluster.job(id).revision().submission.default_parallelism, 3);
  EXPECT_EQ(cluster.job(id).revision().how, "rescale");
  EXPECT_EQ(cluster.job(id).revision().savepoint.value, 1u);
}

TEST_F(JobChangeTest, ASavepointThatFailsLeavesTheJobAsItWas) {
  cluster.checkpoints.fail_puts = "the disk is full";
  ask({.kind = ChangeKind::stop});
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_NE(change().why.find("the disk is full"), std::string::npos) << change().why;
  EXPECT_EQ(cluster.processes.size(), 2u);
}

TEST_F(JobChangeTest, AnUpgradeThatDoesNotComeUpGoesBack) {
  ChangeRequest upgrade{.kind = ChangeKind::upgrade, .submission = cluster.submission("shop", 3)};
  for (std::uint32_t worker = 0; worker < 2; ++worker)
    cluster.find_problem[{id, Attempt{2}, {worker}}] = {"operator totals", "state totals: it was another", ""};
  ask(upgrade);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 4u);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_NE(change().why.find("the job goes on with revision 1"), std::string::npos) << change().why;
  EXPECT_EQ(cluster.sent<wire::PrepareWorker>().back().second.checkpoints.restore.value, 1u);
}

TEST_F(JobChangeTest, WhatIsWrongWithTheNextRevisionIsSaidBeforeAnythingIsDone) {
  EXPECT_EQ(refused({.kind = ChangeKind::rescale, .parallelism = 1'000}), "refused: 1 error, nothing was changed");
  EXPECT_EQ(refused({.kind = ChangeKind::rollback}), "job shop has no revision before this one");
  EXPECT_EQ(cluster.state(id), JobState::running);
}

TEST_F(JobChangeTest, AWorkerThatDiesWhileTheSavepointIsMadeBringsARecoveryAndTheChangeFails) {
  cluster.saves = false;
  ask({.kind = ChangeKind::stop});
  cluster.end_worker({id, Attempt{1}, {0}}, 0, 9);
  cluster.saves = true;
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(change().step, ChangeStep::failed);
}

TEST_F(JobChangeTest, AJobThatIsPausedComesBackPaused) {
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", true)));
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.state(id), JobState::paused);
  cluster.end_worker({id, Attempt{1}, {0}}, 0, 9);
  cluster.deliver();
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.state(id), JobState::paused);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", false)));
  EXPECT_EQ(cluster.state(id), JobState::running);
}

TEST_F(JobChangeTest, DroppedStateIsNotDroppedAgainByTheNextRecovery) {
  ask({.kind = ChangeKind::upgrade, .submission = cluster.submission("shop", 2), .dropped_state = {"totals"}});
  EXPECT_EQ(prepared().dropped, std::vector<std::string>{"totals"});
  cluster.run_for(1100ms);  // what the operator has by now is wanted
  cluster.end_worker({id, Attempt{2}, {0}}, 0, 9);
  cluster.deliver();
  ASSERT_EQ(cluster.job(id).attempt().value, 3u);
  EXPECT_GT(prepared().restore.value, 1u);
  EXPECT_TRUE(prepared().dropped.empty());
}

TEST_F(JobChangeTest, AWorkerThatMissedTheLastWordOfAStopHearsItAgain) {
  const WorkerKey deaf{id, Attempt{1}, {0}};
  cluster.saves = false;
  ask({.kind = ChangeKind::stop});
  cluster.saves = true;
  cluster.deaf.insert(deaf);
  for (const auto& [peer, barrier] : cluster.sent<wire::InjectBarrier>()) cluster.inject_again(barrier);
  for (const auto& task : cluster.prepared.at(deaf).plan.tasks)
    if (task.worker == 0)
      cluster.from_worker(deaf, wire::SnapshotStored{deaf, {task.chain, task.index}, {1}, {"x", 1, 1, false, {}}});
  cluster.deliver();
  ASSERT_EQ(cluster.state(id), JobState::stopping);
  cluster.deaf.clear();
  cluster.from_manager.clear();
  cluster.from_worker(deaf, wire::WorkerHello{deaf, 100, "tcp://again"});
  cluster.deliver();
  ASSERT_EQ(cluster.sent<wire::CommitCheckpoint>().size(), 1u);
  ASSERT_EQ(cluster.sent<wire::StopTasks>().size(), 1u);
  EXPECT_TRUE(cluster.sent<wire::StopTasks>()[0].second.finished);
  EXPECT_EQ(cluster.state(id), JobState::stopped);
}

TEST_F(JobChangeTest, AStopIsNotDoneWhileAWorkerMayNotHaveCommitted) {
  cluster.deaf_to_stop = {{id, Attempt{1}, {0}}};
  ask({.kind = ChangeKind::stop});
  EXPECT_EQ(cluster.state(id), JobState::stopping);
  cluster.run_for(60s);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u) << "the next attempt commits again";
}

TEST_F(JobChangeTest, ARescaleGoesOnWhenAWorkerIsLeftBehind) {
  cluster.deaf_to_stop = {{id, Attempt{1}, {0}}};
  ask({.kind = ChangeKind::rescale, .parallelism = 3});
  cluster.run_for(60s);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(change().step, ChangeStep::done);
}

TEST_F(JobChangeTest, AnUpgradeThatCannotTakeTheStateIsRefusedBeforeAnythingIsDone) {
  Submission next = cluster.submission("shop", 2);
  next.graph.operators[0].id = "other_events";
  const auto answer = cluster.manager->change("shop", {.kind = ChangeKind::upgrade, .submission = next});
  ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
  const auto& problems = std::get<Refusal>(answer).problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "operator events");
  ask({.kind = ChangeKind::upgrade, .submission = next, .dropped_state = {"events"}});
  EXPECT_EQ(change().step, ChangeStep::done) << change().why;
}

TEST_F(JobChangeTest, OperatorsWithoutStateMayGo) {
  Submission next = cluster.submission("shop", 2);
  next.graph.operators[1].id = "other_totals";
  ask({.kind = ChangeKind::upgrade, .submission = next});
  EXPECT_EQ(prepared().dropped, std::vector<std::string>{"totals"});
}

TEST_F(JobChangeTest, APauseAndACancelAreRememberedByTheNextJobManager) {
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", true)));
  cluster.restart_manager();
  come_back();
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.state(id), JobState::paused);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", false)));
  cluster.deaf_to_stop = {{id, Attempt{1}, {0}}};
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  cluster.deliver();
  ASSERT_EQ(cluster.state(id), JobState::cancelling);
  cluster.restart_manager();
  cluster.deaf_to_stop.clear();
  come_back();
  EXPECT_EQ(cluster.state(id), JobState::cancelled);
}

TEST_F(JobChangeTest, ASavepointThatFailsLeavesAPausedJobPaused) {
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", true)));
  cluster.run_for(200ms);
  cluster.checkpoints.fail_puts = "the disk is full";
  ask({.kind = ChangeKind::stop});
  cluster.run_for(200ms);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_EQ(cluster.state(id), JobState::paused);
}

TEST_F(JobChangeTest, ARestartThatCannotBeJournalledChangesNothing) {
  ask({.kind = ChangeKind::stop});
  cluster.run_for(100ms);
  cluster.journal.fail_appends = true;
  EXPECT_NE(refused({.kind = ChangeKind::restart}), "");
  EXPECT_EQ(cluster.state(id), JobState::stopped);
}

TEST_F(JobChangeTest, AJobBeginsFromAnothersSavepointAndDropsWhatItIsToldOnlyThen) {
  Submission next = cluster.submission("shop-next", 2);
  next.checkpoint_interval = Duration(1000);
  next.restart = {};
  next.from = "shop";
  const auto without = cluster.manager->submit(next);
  ASSERT_TRUE(std::holds_alternative<Refusal>(without));
  EXPECT_EQ(std::get<Refusal>(without).problems.at(0).message, "it has no savepoint");
  ASSERT_TRUE(cluster.manager->request_checkpoint(id, BarrierKind::savepoint).ok());
  cluster.deliver();
  next.from = "shop@7";
  EXPECT_TRUE(std::holds_alternative<Refusal>(cluster.manager->submit(next)));
  next.from = "shop@1";
  next.dropped_state = {"totals"};
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(next)));
  cluster.deliver();
  EXPECT_EQ(prepared().from_job, id);
  EXPECT_EQ(prepared().restore.value, 1u);
  EXPECT_EQ(prepared().dropped, std::vector<std::string>{"totals"});
  cluster.run_for(1100ms);
  const JobId other = cluster.manager->table().all().rbegin()->first;
  cluster.end_worker({other, Attempt{1}, {0}}, 0, 9);
  cluster.deliver();
  EXPECT_EQ(prepared().from_job, other);
  EXPECT_TRUE(prepared().dropped.empty());
}

TEST_F(JobChangeTest, AJobThatBeginsFromAnOldSavepointIsComparedWithTheRevisionThatMadeIt) {
  ASSERT_TRUE(cluster.manager->request_checkpoint(id, BarrierKind::savepoint).ok());
  cluster.deliver();
  Submission next = cluster.submission("shop", 2);
  next.graph.operators[1].states = {{.name = "seen", .kind = "set"}};
  ask({.kind = ChangeKind::upgrade, .submission = next});
  ASSERT_EQ(change().step, ChangeStep::done);
  ASSERT_TRUE(cluster.manager->request_checkpoint(id, BarrierKind::savepoint).ok());
  cluster.deliver();
  Submission other = cluster.submission("shop-next", 2);
  other.checkpoint_interval = Duration(1000);
  other.restart = {};
  other.from = "shop";
  const auto newest = cluster.manager->submit(other);
  ASSERT_TRUE(std::holds_alternative<Refusal>(newest)) << "it has no place for the state";
  EXPECT_EQ(std::get<Refusal>(newest).problems.at(0).where, "operator totals");
  other.from = "shop@1";
  EXPECT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(other)));
}

TEST_F(JobChangeTest, AJobThatIsOverIsDeletedWithItsCheckpoints) {
  EXPECT_TRUE(std::holds_alternative<Refusal>(cluster.manager->remove("shop")));
  ask({.kind = ChangeKind::stop});
  ASSERT_FALSE(cluster.checkpoints.files.empty());
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->remove("shop")));
  EXPECT_TRUE(cluster.checkpoints.files.empty());
  cluster.restart_manager();
  EXPECT_TRUE(cluster.manager->table().all().empty());
}

TEST_F(JobChangeTest, HowLongAChangeTookAndTheJobStoodStillIsTold) {
  cluster.saves = false;
  ask({.kind = ChangeKind::rescale, .parallelism = 3});
  cluster.clock.advance(400ms);
  save_late();
  cluster.never_say_hello = {{id, Attempt{2}, {0}}};
  cluster.deliver();
  EXPECT_EQ(change().step, ChangeStep::moving);
  EXPECT_EQ(change().saved_in, Duration(400));
  EXPECT_FALSE(change().restored_in);
  cluster.clock.advance(700ms);
  cluster.from_worker({id, Attempt{2}, {0}}, wire::WorkerHello{{id, Attempt{2}, {0}}, 100, "tcp://late"});
  cluster.deliver();
  EXPECT_EQ(change().step, ChangeStep::done);
  EXPECT_EQ(change().restored_in, Duration(700));
  EXPECT_EQ(change().stood_still, Duration(1100));
}

TEST_F(JobChangeTest, HowLongSourcesWereHeldIsTold) {
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", true)));
  cluster.run_for(200ms);
  EXPECT_FALSE(cluster.job(id).held_for());
  cluster.end_worker({id, Attempt{1}, {0}}, 0, 9);  // comes back paused: it is one pause
  cluster.deliver();
  cluster.run_for(300ms);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", false)));
  EXPECT_EQ(cluster.job(id).held_for(), Duration(500));
}

TEST_F(JobChangeTest, AWatchedUpgradeIsDoneOnlyWhenTheTimeIsOver) {
  ask({.kind = ChangeKind::upgrade, .submission = cluster.submission("shop", 3), .watch_for = Duration(5'000)});
  EXPECT_EQ(change().step, ChangeStep::watching);
  cluster.run_for(4s);
  EXPECT_EQ(change().step, ChangeStep::watching);
  cluster.run_for(1100ms);
  EXPECT_EQ(change().step, ChangeStep::done);
  EXPECT_EQ(cluster.job(id).revision().number.value, 2u);
  cluster.end_worker({id, Attempt{2}, {0}}, 0, 9);
  cluster.deliver();
  EXPECT_EQ(cluster.job(id).revision().number.value, 2u) << "it is watched no longer";
}

TEST_F(JobChangeTest, AWatchedUpgradeThatFailsGoesBackWithTheNewestState) {
  Submission next = cluster.submission("shop", 3);
  next.graph.operators.push_back(next.graph.operators[1]);  // one that the old revision has no place for
  next.graph.operators.back().id = "more";
  next.graph.operators.back().states = {{.name = "seen", .kind = "set"}};
  next.graph.edges.push_back(next.graph.edges[0]);
  next.graph.edges.back().to = 2;
  ask({.kind = ChangeKind::upgrade, .submission = next, .watch_for = Duration(60'000)});
  cluster.run_for(2s);
  ASSERT_EQ(change().step, ChangeStep::watching);
  const auto newest = cluster.job(id).checkpoints().restore_point();
  ASSERT_GT(newest->value, change().savepoint.value + 1);
  const auto stood_still = change().stood_still;
  cluster.never_say_hello = {{id, Attempt{3}, {0}}};
  cluster.end_worker({id, Attempt{2}, {0}}, 0, 9);
  cluster.deliver();
  cluster.clock.advance(300ms);
  cluster.from_worker({id, Attempt{3}, {0}}, wire::WorkerHello{{id, Attempt{3}, {0}}, 100, "tcp://late"});
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 4u);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_EQ(change().back_to.value, 1u);
  EXPECT_EQ(change().stood_still, stood_still + Duration(300)) << "the way back, too";
  EXPECT_EQ(prepared().restore, *newest);
  EXPECT_EQ(prepared().dropped, std::vector<std::string>{"more"});
  cluster.run_for(2s);
  cluster.end_worker({id, Attempt{3}, {0}}, 0, 9);
  cluster.deliver();
  EXPECT_TRUE(prepared().dropped.empty());
}

TEST_F(JobChangeTest, AWatchedUpgradeWithoutACheckpointInTimeGoesBack) {
  cluster.saves = false;
  ask({.kind = ChangeKind::upgrade, .submission = cluster.submission("shop", 3), .watch_for = Duration(5'000)});
  save_late();
  cluster.saves = false;
  cluster.deliver();
  ASSERT_EQ(change().step, ChangeStep::confirming);
  cluster.run_for(4900ms);
  EXPECT_EQ(change().step, ChangeStep::confirming);
  cluster.run_for(200ms);
  EXPECT_EQ(change().step, ChangeStep::failed);
  EXPECT_NE(change().why.find("no checkpoint within 5000 ms"), std::string::npos) << change().why;
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 4u);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(prepared().restore, change().savepoint);
}

TEST_F(JobChangeTest, WhatIsWatchedMustHaveAWayBack) {
  Submission next = cluster.submission("shop", 2);
  next.graph.operators[1].states = {{.name = "seen", .kind = "set"}};
  const auto answer =
      cluster.manager->change("shop", {.kind = ChangeKind::upgrade, .submission = next, .watch_for = Duration(1)});
  ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
  const auto& problems = std::get<Refusal>(answer).problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message,
            "there would be no way back: state seen is in the checkpoint, and gone from the operator");
  ask({.kind = ChangeKind::upgrade, .submission = next});
  EXPECT_EQ(change().step, ChangeStep::done);
}

TEST_F(JobChangeTest, AnotherChangeEndsTheWatch) {
  ask({.kind = ChangeKind::rescale, .parallelism = 3, .watch_for = Duration(60'000)});
  ASSERT_EQ(change().step, ChangeStep::watching);
  ask({.kind = ChangeKind::rollback});
  EXPECT_EQ(change().step, ChangeStep::done);
  EXPECT_EQ(cluster.job(id).plan().tasks.size(), 4u);
}

TEST_F(JobChangeTest, AJobThatFinishesWhileItIsWatchedHasMadeIt) {
  ask({.kind = ChangeKind::rescale, .parallelism = 3, .watch_for = Duration(60'000)});
  cluster.end_data(id);
  cluster.deliver();
  cluster.run_for(1s);
  EXPECT_EQ(cluster.state(id), JobState::finished);
  EXPECT_EQ(change().step, ChangeStep::done);
}

}  // namespace
}  // namespace freshet::manager
