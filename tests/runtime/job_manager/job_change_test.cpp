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

TEST_F(JobChangeTest, AJobThatIsOverIsDeletedWithItsCheckpoints) {
  EXPECT_TRUE(std::holds_alternative<Refusal>(cluster.manager->remove("shop")));
  ask({.kind = ChangeKind::stop});
  ASSERT_FALSE(cluster.checkpoints.files.empty());
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->remove("shop")));
  EXPECT_TRUE(cluster.checkpoints.files.empty());
  cluster.restart_manager();
  EXPECT_TRUE(cluster.manager->table().all().empty());
}

}  // namespace
}  // namespace freshet::manager
