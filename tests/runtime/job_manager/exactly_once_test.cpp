#include <gtest/gtest.h>

#include "runtime/checkpoint/verify.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using namespace std::chrono_literals;

class ExactlyOnce : public testing::Test {
 protected:
  JobId running_job(const RestartPolicy& restart = {}) {
    cluster.add_agent("a", 2);
    cluster.add_agent("b", 2);
    cluster.deliver();
    const JobId id = cluster.submit_with_checkpoints("shop", restart);
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::running);
    return id;
  }
  WorkerKey worker(JobId id, std::uint32_t number) const { return {id, cluster.job(id).attempt(), {number}}; }
  void kill(const WorkerKey& key) {
    cluster.end_worker(key, 0, 9);
    cluster.deliver();
  }
  std::vector<CheckpointId> in_storage(JobId id) {
    const auto listed = checkpoint::list_checkpoints(cluster.checkpoints, id);
    return listed ? *listed : std::vector<CheckpointId>{};
  }
  /// What the newest PrepareWorker says the job goes on from.
  CheckpointId restored_from() const { return cluster.sent<wire::PrepareWorker>().back().second.checkpoints.restore; }
  std::size_t commits_of(std::uint64_t checkpoint) const {
    std::size_t count = 0;
    for (const auto& [peer, commit] : cluster.sent<wire::CommitCheckpoint>())
      count += commit.checkpoint.value == checkpoint;
    return count;
  }

  FakeCluster cluster;
};

TEST_F(ExactlyOnce, ACheckpointIsPublishedBeforeItsSinksCommitAndOldOnesGo) {
  const JobId id = running_job();
  cluster.run_for(1100ms);
  ASSERT_EQ(in_storage(id).size(), 1u);
  const auto manifest = checkpoint::load_manifest(cluster.checkpoints, id, {1});
  ASSERT_TRUE(manifest.ok()) << manifest.error().message;
  EXPECT_EQ(manifest->snapshots.size(), 4u);
  EXPECT_EQ(manifest->chains.size(), 2u);
  EXPECT_EQ(commits_of(1), 2u);
  cluster.run_for(5s);
  EXPECT_EQ(in_storage(id).size(), 3u);
}

TEST_F(ExactlyOnce, AJobGoesOnFromItsNewestCheckpointWhenAWorkerDies) {
  const JobId id = running_job();
  cluster.run_for(2100ms);
  kill(worker(id, 0));
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(restored_from().value, 2u);
  EXPECT_EQ(cluster.processes.size(), 2u);
  cluster.run_for(1100ms);
  EXPECT_EQ(in_storage(id).back().value, 3u);
}

TEST_F(ExactlyOnce, WithoutACheckpointItBeginsAnew) {
  const JobId id = running_job();
  kill(worker(id, 1));
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(restored_from().value, 0u);
}

TEST_F(ExactlyOnce, WhenItsRestartsAreUsedUpItIsFailedAndItsCheckpointStays) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 2, .delay = Duration(0)});
  cluster.run_for(1100ms);
  for (int i = 0; i < 3; ++i) kill(worker(id, 0));
  EXPECT_EQ(cluster.state(id), JobState::failed);
  EXPECT_EQ(cluster.job(id).attempt().value, 3u);
  EXPECT_NE(cluster.job(id).reason().find("2 restarts (limit 2)"), std::string::npos) << cluster.job(id).reason();
  EXPECT_EQ(in_storage(id).size(), 1u);
  EXPECT_TRUE(cluster.processes.empty());
}

TEST_F(ExactlyOnce, ADelayIsKept) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 2, .delay = Duration(3000)});
  kill(worker(id, 0));
  EXPECT_EQ(cluster.state(id), JobState::scheduling);
  cluster.run_for(2900ms);
  EXPECT_EQ(cluster.state(id), JobState::scheduling);
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.state(id), JobState::running);
}

TEST_F(ExactlyOnce, AJobThatHasReadEverythingEndsBehindItsFinalCheckpoint) {
  const JobId id = running_job();
  cluster.saves = false;
  cluster.end_data(id);
  cluster.deliver();
  EXPECT_TRUE(cluster.sent<wire::EndStream>().empty());
  EXPECT_EQ(cluster.sent<wire::InjectBarrier>().back().second.kind, BarrierKind::final_checkpoint);
  for (const auto& [key, agent] : cluster.processes)
    for (const auto& task : cluster.prepared.at(key).plan.tasks)
      if (task.worker == key.worker.value)
        cluster.from_worker(key, wire::SnapshotStored{key, {task.chain, task.index}, {1}, {"x", 1, 1, false, {}}});
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::finished);
  EXPECT_EQ(commits_of(1), 2u);
  EXPECT_TRUE(cluster.processes.empty());
}

/// Worker 0 has the source, worker 1 tries records again.
TEST_F(ExactlyOnce, TheFinalCheckpointWaitsForRecordsThatAreTriedAgain) {
  cluster.add_agent("a", 8);
  cluster.deliver();
  Submission wanted = cluster.submission("shop", 1, 2);
  wanted.checkpoint_interval = Duration(1000);
  wanted.graph.operators[1].on_error = {.kind = ErrorPolicyKind::retry,
                                        .attempts = 5,
                                        .first_delay = Duration(1000),
                                        .limit = Duration(60'000),
                                        .max_waiting = 1000};
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(std::move(wanted))));
  cluster.deliver();
  const JobId id = cluster.manager->table().all().rbegin()->first;
  ASSERT_EQ(cluster.state(id), JobState::running);
  ASSERT_EQ(cluster.prepared.at(worker(id, 0)).plan.tasks.size(), 2u);
  cluster.from_worker(worker(id, 0), wire::DataEnded{worker(id, 0)});
  cluster.run_for(1100ms);
  EXPECT_EQ(cluster.sent<wire::InjectBarrier>().back().second.kind, BarrierKind::checkpoint) << "they go on";
  EXPECT_EQ(cluster.state(id), JobState::running);
  cluster.from_worker(worker(id, 1), wire::DataEnded{worker(id, 1)});
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.sent<wire::InjectBarrier>().back().second.kind, BarrierKind::final_checkpoint);
  EXPECT_EQ(cluster.state(id), JobState::finished);
}

TEST_F(ExactlyOnce, AWorkerThatDiesBehindTheFinalCheckpointBringsAnotherAttemptThatEnds) {
  const JobId id = running_job();
  const WorkerKey dies = worker(id, 1);
  cluster.deaf.insert(dies);  // it saves, and never hears that its stream may end
  cluster.end_data(id);
  cluster.deliver();
  for (const auto& task : cluster.prepared.at(dies).plan.tasks)
    if (task.worker == 1)
      cluster.from_worker(dies, wire::SnapshotStored{dies, {task.chain, task.index}, {1}, {"x", 1, 1, false, {}}});
  cluster.deliver();
  ASSERT_EQ(in_storage(id).size(), 1u);
  ASSERT_EQ(cluster.state(id), JobState::running);
  kill(dies);
  ASSERT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_EQ(restored_from().value, 1u);
  cluster.end_data(id);
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::finished);
  EXPECT_EQ(commits_of(2), 2u);
}

TEST_F(ExactlyOnce, ANewJobManagerTakesOverWhatRunsAndItsNumbersGoOn) {
  const JobId id = running_job();
  cluster.run_for(2100ms);
  cluster.restart_manager();
  EXPECT_EQ(cluster.state(id), JobState::recovering);
  const std::size_t started = cluster.sent<wire::StartWorker>().size();
  cluster.add_agent("a", 2);
  cluster.add_agent("b", 2);
  for (const auto& [key, agent] : cluster.processes)
    cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u);
  EXPECT_EQ(cluster.sent<wire::StartWorker>().size(), started);
  // What it may have been about to say is said again, and a checkpoint begins at once.
  EXPECT_EQ(commits_of(2), 4u);
  EXPECT_EQ(cluster.sent<wire::InjectBarrier>().back().second.checkpoint.value, 3u);
  EXPECT_EQ(in_storage(id).back().value, 3u);
}

TEST_F(ExactlyOnce, WorkersThatAreGoneWhenTheManagerIsBackAreReplaced) {
  const JobId id = running_job();
  cluster.run_for(1100ms);
  cluster.processes.clear();  // everything was killed at once
  cluster.running.clear();
  cluster.restart_manager();
  cluster.add_agent("a", 2);
  cluster.add_agent("b", 2);
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_EQ(restored_from().value, 1u);
}

TEST_F(ExactlyOnce, WorkersThatDoNotShowUpAreGivenUpAfterATime) {
  const JobId id = running_job();
  cluster.restart_manager();
  cluster.add_agent("a", 2);
  cluster.add_agent("b", 2);  // with their workers, which stay silent
  cluster.deliver();
  for (const auto& [key, agent] : cluster.processes) cluster.deaf.insert(key);
  cluster.run_for(9s);
  EXPECT_EQ(cluster.state(id), JobState::recovering);
  cluster.run_for(40s);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
}

TEST_F(ExactlyOnce, AnOpenNumberIsMadeVoidBeforeAnythingElse) {
  const JobId id = running_job();
  cluster.run_for(1100ms);
  cluster.saves = false;
  cluster.run_for(1s);  // 2 is open
  cluster.restart_manager();
  const auto manifest = checkpoint::load_manifest(cluster.checkpoints, id, {2});
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->kind, checkpoint::ManifestKind::void_);
  EXPECT_EQ(cluster.job(id).checkpoints().restore_point()->value, 1u);
}

TEST_F(ExactlyOnce, AJobIsNotRestartedFromADamagedCheckpoint) {
  const JobId id = running_job();
  cluster.run_for(2100ms);
  auto& newest = cluster.checkpoints.files.at(checkpoint::manifest_name(id, {2}));
  newest[newest.size() / 2] ^= 1;
  cluster.processes.clear();
  cluster.running.clear();
  cluster.restart_manager();
  cluster.add_agent("a", 4);
  cluster.add_agent("b", 4);
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::failed);
  EXPECT_NE(cluster.job(id).reason().find("checkpoint 2 is damaged"), std::string::npos) << cluster.job(id).reason();
  const ChangeRequest restart{.kind = ChangeKind::restart};
  const auto refused = cluster.manager->change("shop", restart);
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_NE(std::get<Refusal>(refused).message.find("freshet restart shop --allow-duplicates"), std::string::npos);
  cluster.run_for(1s);
  cluster.restart_manager();  // which of them was damaged it remembers
  cluster.add_agent("a", 4);
  cluster.add_agent("b", 4);
  const auto allowed = cluster.manager->change("shop", {.kind = ChangeKind::restart, .allow_duplicates = true});
  ASSERT_TRUE(std::holds_alternative<std::string>(allowed)) << std::get<Refusal>(allowed).message;
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running) << cluster.job(id).reason();
  EXPECT_EQ(cluster.job(id).checkpoints().restore_point()->value, 1u);
  cluster.run_for(1100ms);
  EXPECT_GT(cluster.job(id).checkpoints().restore_point()->value, 2u) << "no number is used twice";
}

TEST_F(ExactlyOnce, AJobWhoseSnapshotsAreDamagedWaitsForSomebodyToAllowDuplicates) {
  const JobId id = running_job();
  cluster.run_for(2100ms);
  EXPECT_TRUE(std::holds_alternative<Refusal>(
      cluster.manager->change("shop", {.kind = ChangeKind::restart, .allow_duplicates = true})))
      << "nothing is damaged";
  cluster.says_damaged = true;
  cluster.end_worker({id, Attempt{1}, {0}}, 0, 9);
  cluster.run_for(5s);
  ASSERT_EQ(cluster.state(id), JobState::failed);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u) << "others would fail, too";
  EXPECT_TRUE(std::holds_alternative<Refusal>(cluster.manager->change("shop", {.kind = ChangeKind::restart})));
  cluster.says_damaged = false;
  ASSERT_TRUE(std::holds_alternative<std::string>(
      cluster.manager->change("shop", {.kind = ChangeKind::restart, .allow_duplicates = true})));
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::running) << cluster.job(id).reason();
  EXPECT_EQ(cluster.job(id).checkpoints().restore_point()->value, 1u);
}

TEST_F(ExactlyOnce, AManifestOfWhichNobodyKnowsWhetherItIsThereIsStillOursWhenItIs) {
  const JobId id = running_job();
  cluster.checkpoints.fail_syncs = cluster.checkpoints.fail_gets = "input/output error";
  cluster.run_for(1500ms);
  EXPECT_EQ(commits_of(1), 0u);
  cluster.checkpoints.fail_syncs.clear();
  cluster.checkpoints.fail_gets.clear();
  cluster.run_for(2s);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u);
  EXPECT_EQ(commits_of(1), 2u) << "both workers";
}

TEST_F(ExactlyOnce, AManifestThatCannotBeRemovedKeepsItsFilesAndIsTriedAgain) {
  cluster.saves_files = true;
  const JobId id = running_job();
  cluster.run_for(1100ms);
  const auto oldest = checkpoint::load_manifest(cluster.checkpoints, id, {1});
  ASSERT_TRUE(oldest.ok());
  cluster.checkpoints.fail_removes = "input/output error";
  cluster.run_for(5s);
  ASSERT_GT(in_storage(id).size(), 4u);
  EXPECT_TRUE(checkpoint::verify_checkpoint(cluster.checkpoints, *oldest).empty());
  cluster.checkpoints.fail_removes.clear();
  cluster.run_for(2s);
  EXPECT_EQ(in_storage(id).size(), 3u);
  EXPECT_FALSE(cluster.checkpoints.files.contains(oldest->snapshots[0].name));
}

TEST_F(ExactlyOnce, ANewManagerRemovesWhatTheOldOneCouldNot) {
  const JobId id = running_job();
  cluster.checkpoints.fail_removes = "input/output error";
  cluster.run_for(6s);
  cluster.processes.clear();
  cluster.running.clear();
  cluster.checkpoints.fail_removes.clear();
  cluster.restart_manager();
  cluster.run_for(2s);  // without agents nothing new is made
  EXPECT_EQ(in_storage(id).size(), 3u);
  EXPECT_EQ(in_storage(id).back(), *cluster.job(id).checkpoints().restore_point());
}

TEST_F(ExactlyOnce, ACheckpointThatCannotBePublishedIsGivenUpAndTheNextSucceeds) {
  const JobId id = running_job();
  cluster.checkpoints.fail_puts = "the disk is full";
  cluster.run_for(1100ms);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(commits_of(1), 0u);
  cluster.checkpoints.fail_puts.clear();
  cluster.run_for(1s);
  EXPECT_EQ(commits_of(2), 2u);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u);
}

TEST_F(ExactlyOnce, AnIdThatCannotBeJournalledIsNotUsed) {
  const JobId id = running_job();
  cluster.journal.fail_appends = true;
  cluster.run_for(1100ms);
  EXPECT_TRUE(cluster.sent<wire::InjectBarrier>().empty());
  cluster.journal.fail_appends = false;
  cluster.run_for(1s);
  EXPECT_EQ(in_storage(id).back().value, 2u);
}

std::vector<BarrierKind> commits_after_adoption(CheckpointId final_one, CheckpointId last) {
  JobCheckpoints checkpoints({.interval = Duration(1000)});
  checkpoints.restore(last);
  checkpoints.settle({{final_one, BarrierKind::final_checkpoint}}, "", {}, {});
  checkpoints.begin({{0, 0}}, true, {});
  std::vector<BarrierKind> kinds;
  for (const auto& decision : checkpoints.take_decisions())
    if (const auto* commit = std::get_if<NotifyCommit>(&decision)) kinds.push_back(commit->kind);
  EXPECT_EQ(checkpoints.coordinator()->is_closed(), last == final_one);
  return kinds;
}

TEST(JobCheckpoints, AnAdoptedAttemptEndsBehindItsOwnFinalCheckpointOnly) {
  EXPECT_EQ(commits_after_adoption({4}, {4}), std::vector{BarrierKind::final_checkpoint});
  // 5 was given out by an attempt that began with 4; its tasks wait for a final checkpoint above.
  EXPECT_EQ(commits_after_adoption({4}, {5}), std::vector{BarrierKind::checkpoint});
}

TEST_F(ExactlyOnce, AWorkerThatIsBackHearsOfTheNewestCheckpointAlsoAfterAnAdoption) {
  const JobId id = running_job();
  cluster.run_for(1100ms);
  cluster.saves = false;
  cluster.restart_manager();
  cluster.add_agent("a", 2);
  cluster.add_agent("b", 2);
  for (const auto& [key, agent] : cluster.processes)
    cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
  cluster.deliver();
  ASSERT_EQ(cluster.state(id), JobState::running);
  const auto before = commits_of(1);
  cluster.from_worker(worker(id, 0), wire::WorkerHello{worker(id, 0), 100, "tcp://again"});
  cluster.deliver();
  EXPECT_EQ(commits_of(1), before + 1);
}

TEST(RestartPolicy, IsReadAndWritten) {
  for (const char* text : {"none", "fixed 10 1s", "exponential 100ms 1min", "rate 5 1min", "rate 5 1min 1s"}) {
    const auto policy = parse_restart_policy(text);
    ASSERT_TRUE(policy.ok()) << text;
    EXPECT_EQ(to_text(*policy), text);
  }
  for (const char* text : {"", "some", "fixed", "fixed 10", "fixed x 1s", "fixed 1 1s 1s", "exponential 1min 1s",
                           "rate 5", "none 1", "fixed 99999999999 1s"})
    EXPECT_FALSE(parse_restart_policy(text).ok()) << text;
}

TEST(RestartStrategy, DelaysDoubleUpToTheirLimitAndBeginAnew) {
  RestartStrategy strategy({.kind = RestartKind::exponential, .delay = Duration(100), .limit = Duration(1000)});
  base::SteadyTime now{};
  for (const int expected : {100, 200, 400, 800, 1000, 1000}) {
    now += 500ms;
    EXPECT_EQ(strategy.on_failure(now), Duration(expected));
  }
  now += 3s;
  EXPECT_EQ(strategy.on_failure(now), Duration(100));
}

TEST(RestartStrategy, ARateCountsWhatIsRecent) {
  RestartStrategy strategy({.kind = RestartKind::failure_rate, .restarts = 2, .within = Duration(1000)});
  base::SteadyTime now{};
  EXPECT_TRUE(strategy.on_failure(now));
  EXPECT_TRUE(strategy.on_failure(now + 500ms));
  EXPECT_FALSE(strategy.on_failure(now + 900ms));
  EXPECT_EQ(strategy.why_not(), "2 restarts in 1s (limit 2)");
  EXPECT_TRUE(strategy.on_failure(now + 1200ms));
}

TEST(RestartStrategy, WhatIsForgivenIsNotCounted) {
  RestartStrategy fixed({.kind = RestartKind::fixed, .restarts = 2});
  RestartStrategy rate({.kind = RestartKind::failure_rate, .restarts = 2, .within = Duration(1000)});
  for (RestartStrategy* strategy : {&fixed, &rate}) {
    EXPECT_TRUE(strategy->on_failure({}));
    EXPECT_TRUE(strategy->on_failure({}));
    strategy->forgive(1);
    EXPECT_TRUE(strategy->on_failure({}));
    EXPECT_FALSE(strategy->on_failure({}));
    strategy->forgive(9);
    EXPECT_TRUE(strategy->on_failure({}));
  }
  RestartStrategy doubling({.kind = RestartKind::exponential, .delay = Duration(100), .limit = Duration(1000)});
  EXPECT_EQ(doubling.on_failure({}), Duration(100));
  EXPECT_EQ(doubling.on_failure({}), Duration(200));
  doubling.forgive(2);
  EXPECT_EQ(doubling.on_failure({}), Duration(100));
  RestartStrategy none({.kind = RestartKind::none});
  none.forgive(1);
  EXPECT_FALSE(none.on_failure({}));
}

}  // namespace
}  // namespace freshet::manager
