#include <gtest/gtest.h>

#include <csignal>

#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using namespace std::chrono_literals;

//   events (2) --fields--> totals (2): four tasks, on the agents a and b with two workers
class JobLifeTest : public testing::Test {
 protected:
  void start_agents() {
    cluster.add_agent("a", 4);
    cluster.add_agent("b", 4);
    cluster.deliver();
  }
  JobId running_job(const std::string& name = "shop") {
    const JobId job = cluster.submit(name);
    cluster.deliver();
    EXPECT_EQ(cluster.state(job), JobState::running);
    return job;
  }
  void start_anew_without_workers(const std::string& agent) {
    wire::AgentHello hello = cluster.agents[agent];
    ++hello.pid;
    hello.workers.clear();
    cluster.say("agent " + agent, hello);
    cluster.deliver();
  }
  static WorkerKey worker(JobId job, std::uint32_t number) { return {job, Attempt{1}, WorkerId{number}}; }
  bool tells(JobId job, const std::string& text) {
    for (const Event& event : cluster.job(job).time_line().events())
      if (event.text.find(text) != std::string::npos) return true;
    return false;
  }
  const ProblemView* problem(JobId job, ProblemKind kind) {
    const auto found = cluster.job(job).problems().find(kind);
    return found == cluster.job(job).problems().end() ? nullptr : &found->second;
  }

  FakeCluster cluster;
};

TEST_F(JobLifeTest, BoundedJobRunsAndFinishesByItself) {
  start_agents();
  const JobId job = running_job();
  EXPECT_EQ(cluster.sent<wire::StartWorker>().size(), 2u);
  const auto starts = cluster.sent<wire::StartTasks>();
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(starts[0].second.peers.size(), 2u);
  // Three ranges of two files, dealt out over two tasks; ranges of a file share its partition number.
  const std::vector<wire::AssignedSplit> wanted = {
      {0, 0, 1, {"in/a.csv", 0, 10}}, {0, 1, 2, {"in/b.csv", 0, 20}}, {0, 0, 2, {"in/b.csv", 20, 40}}};
  EXPECT_EQ(starts[0].second.splits, wanted);
  EXPECT_EQ(cluster.used("a") + cluster.used("b"), 4u);

  cluster.finish_all(job);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::finished);
  for (const auto& [peer, stop] : cluster.sent<wire::StopTasks>()) EXPECT_TRUE(stop.finished);
  EXPECT_EQ(cluster.used("a") + cluster.used("b"), 0u);
  EXPECT_TRUE(cluster.job(job).problems().empty());
}

TEST_F(JobLifeTest, OneWorkerThatHasFinishedEndsNothing) {
  start_agents();
  const JobId job = running_job();
  cluster.from_worker(worker(job, 0), wire::TasksFinished{worker(job, 0)});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_TRUE(cluster.sent<wire::StopTasks>().empty());
}

TEST_F(JobLifeTest, AWorkerWhosePeersCloseBeforeItHearsOfTheEndFailsNothing) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf_to_stop.insert(worker(job, 0));
  cluster.finish_all(job);
  cluster.deliver();
  ASSERT_NE(cluster.state(job), JobState::finished) << "one of them has not heard";
  cluster.from_worker(worker(job, 0),
                      wire::TaskFailed{worker(job, 0), {}, std::string(wire::kChannelBroken), "closed", {}});
  cluster.deliver();
  cluster.end_worker(worker(job, 0), 0, 0, {});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::finished) << cluster.job(job).reason();
}

TEST_F(JobLifeTest, AChannelThatBreaksWhenOnlyItsSenderHasEndedFailsTheAttempt) {
  start_agents();
  const JobId job = running_job();
  cluster.from_worker(worker(job, 0), wire::TasksFinished{worker(job, 0)});
  cluster.from_worker(worker(job, 0),
                      wire::TaskFailed{worker(job, 0), {}, std::string(wire::kChannelBroken), "lost", {}});
  cluster.deliver();
  EXPECT_NE(cluster.state(job), JobState::running);
}

TEST_F(JobLifeTest, WaitsForSlotsAndGoesOnWhenAnAgentComes) {
  const JobId job = cluster.submit("shop");
  EXPECT_EQ(cluster.state(job), JobState::scheduling);
  ASSERT_NE(problem(job, ProblemKind::NO_SLOTS), nullptr);
  EXPECT_NE(cluster.job(job).reason().find("4 of 4 tasks wait"), std::string::npos) << cluster.job(job).reason();
  cluster.add_agent("a", 3);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::scheduling);
  cluster.add_agent("b", 1);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(problem(job, ProblemKind::NO_SLOTS), nullptr);
  EXPECT_EQ(cluster.used("a"), 3u);
}

TEST_F(JobLifeTest, WaitingJobGetsTheSlotsOfOneThatEnds) {
  cluster.add_agent("a", 4);
  cluster.deliver();
  const JobId first = running_job("first");
  const JobId second = cluster.submit("second");
  EXPECT_EQ(cluster.state(second), JobState::scheduling);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("first")));
  cluster.deliver();
  EXPECT_EQ(cluster.state(first), JobState::cancelled);
  EXPECT_EQ(cluster.state(second), JobState::running);
}

TEST_F(JobLifeTest, CrashFailsTheJobAndTellsOperatorPositionAndRecord) {
  start_agents();
  const JobId job = running_job();
  const JobId other = running_job("other");
  cluster.end_worker(worker(job, 1), 0, SIGSEGV, wire::RecordTrace{"totals", "in/a.csv, line 918", "{\"name\":\"x\"}"});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_EQ(cluster.job(job).reason(),
            "worker 1 on b: SIGSEGV in totals at in/a.csv, line 918, record {\"name\":\"x\"}");
  ASSERT_NE(problem(job, ProblemKind::WORKER_CRASHED), nullptr);
  EXPECT_EQ(problem(job, ProblemKind::WORKER_CRASHED)->commands[0], "freshet logs shop --worker 1");
  EXPECT_EQ(cluster.state(other), JobState::running);
  EXPECT_EQ(cluster.used("a") + cluster.used("b"), 4u);
}

TEST_F(JobLifeTest, CrashIsTheCauseEvenWhenItsNeighbourSpeaksFirst) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 0));
  cluster.from_worker(worker(job, 0), wire::TaskFailed{worker(job, 0), {0, 0}, "channel closed", "from totals[1]", {}});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::recovering);
  // The crashed process had not heard StopTasks: in this fake it has ended cleanly by then, so its end is told by hand.
  FakeCluster& c = cluster;
  EXPECT_FALSE(c.processes.contains(worker(job, 1)));
  EXPECT_NE(c.job(job).reason().find("channel closed"), std::string::npos);
  c.end_worker(worker(job, 0), 0, SIGABRT);
  c.deliver();
  EXPECT_EQ(c.state(job), JobState::failed);
  EXPECT_NE(c.job(job).reason().find("SIGABRT"), std::string::npos) << c.job(job).reason();
}

TEST_F(JobLifeTest, FailedTaskFailsTheJobAndStopsTheRest) {
  start_agents();
  const JobId job = running_job();
  cluster.from_worker(
      worker(job, 0),
      wire::TaskFailed{
          worker(job, 0), {1, 0}, "exception std::out_of_range", "map::at", {"totals", "in/a.csv, line 3", "{}"}});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_EQ(cluster.job(job).reason(), "operator totals: exception std::out_of_range: map::at at in/a.csv, line 3");
  EXPECT_EQ(cluster.sent<wire::StopTasks>().size(), 2u);
  EXPECT_TRUE(cluster.processes.empty());
}

TEST_F(JobLifeTest, WorkerThatDoesNotStopIsEndedByItsAgent) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 1));
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  cluster.run_for(cluster.manager->options().stop_grace - 100ms);
  EXPECT_EQ(cluster.state(job), JobState::cancelling);
  EXPECT_TRUE(cluster.sent<wire::StopWorker>().empty());
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.sent<wire::StopWorker>().size(), 1u);
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
}

TEST_F(JobLifeTest, WorkerOfWhoseEndNobodyTellsIsLeftBehind) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 1));
  cluster.processes.erase(worker(job, 1));  // its agent has forgotten it
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  const ManagerOptions& options = cluster.manager->options();
  cluster.run_for(options.stop_grace + options.kill_grace + options.give_up_after + 200ms);
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
  EXPECT_TRUE(tells(job, "left behind"));
}

TEST_F(JobLifeTest, LostAgentFailsItsJobs) {
  start_agents();
  const JobId job = running_job();
  cluster.silence("b");
  cluster.run_for(cluster.manager->options().silence_limit + 200ms);
  EXPECT_EQ(cluster.state(job), JobState::failed);
  ASSERT_NE(problem(job, ProblemKind::AGENT_LOST), nullptr);
  EXPECT_EQ(problem(job, ProblemKind::AGENT_LOST)->where, "b");
  EXPECT_EQ(cluster.manager->cluster().agents[1].state, "lost");
}

TEST_F(JobLifeTest, AgentThatComesBackHasToEndItsOldWorkers) {
  start_agents();
  const JobId job = running_job();
  cluster.silence("b");
  cluster.run_for(cluster.manager->options().silence_limit + 200ms);
  ASSERT_EQ(cluster.state(job), JobState::failed);
  cluster.from_manager.clear();
  cluster.running.clear();
  cluster.processes[worker(job, 1)] = "b";
  cluster.silent.clear();
  cluster.run_for(100ms);
  ASSERT_EQ(cluster.sent<wire::StopWorker>().size(), 1u);
  EXPECT_EQ(cluster.sent<wire::StopWorker>()[0].second.worker, worker(job, 1));
  EXPECT_EQ(cluster.manager->cluster().agents[1].state, "ready");
  EXPECT_EQ(cluster.state(job), JobState::failed);
}

TEST_F(JobLifeTest, AgentStartedAnewHasLostItsWorkers) {
  start_agents();
  const JobId job = running_job();
  start_anew_without_workers("b");
  EXPECT_EQ(cluster.job(job).reason(), "agent b was started anew");
}

TEST_F(JobLifeTest, AgentStartedAnewThatHasTakenItsWorkersOverKeepsThem) {
  start_agents();
  const JobId job = running_job();
  cluster.add_agent("b", 4, 2);
  cluster.run_for(1s);
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(cluster.processes.size(), 2u);
  cluster.finish_all(job);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::finished);
}

// Found by simulation: a worker that had said hello and did not run yet lived on, known to nobody.
TEST_F(JobLifeTest, WorkersOfAnAgentStartedAnewAreToldToEnd) {
  start_agents();
  const JobId job = running_job();
  cluster.from_manager.clear();
  start_anew_without_workers("b");
  std::set<WorkerKey> told;
  for (const auto& [peer, stop] : cluster.sent<wire::StopTasks>())
    if (!stop.finished) told.insert(stop.worker);
  EXPECT_TRUE(told.contains(worker(job, 1)));
}

TEST_F(JobLifeTest, AgentOnANewConnectionKeepsItsWorkers) {
  start_agents();
  const JobId job = running_job();
  cluster.add_agent("b", 4);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
}

TEST_F(JobLifeTest, StartOrderThatWasLostIsRepeatedAtTheNextHello) {
  start_agents();
  cluster.silence("b");
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::deploying);
  cluster.add_agent("b", 4);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
}

TEST_F(JobLifeTest, ProblemsFoundWhenPreparedFailTheJob) {
  start_agents();
  cluster.find_problem[worker(JobId{1}, 1)] = {"operator events", "no file is named in/*.csv", "--param input"};
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_EQ(cluster.job(job).reason(),
            "worker 1 on b refused its plan; operator events: no file is named in/*.csv (--param input)");
}

TEST_F(JobLifeTest, AnotherFingerprintIsRefused) {
  start_agents();
  cluster.wrong_fingerprint = true;
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_NE(cluster.job(job).reason().find("another graph"), std::string::npos);
}

TEST_F(JobLifeTest, TooManySplitsFailTheJob) {
  start_agents();
  cluster.extra_splits = Deployment::kMaxSplits;
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_NE(cluster.job(job).reason().find("at most 100000 can be dealt out"), std::string::npos);
}

TEST_F(JobLifeTest, LongTextsOfWorkersAreCut) {
  start_agents();
  const JobId job = running_job();
  const std::string endless(1u << 20, 'x');
  const WorkerKey key = worker(job, 0);
  cluster.from_worker(key, wire::WorkerStatus{key, {}, 0, 0, {{1, "totals", endless, endless, endless, endless}}});
  cluster.from_worker(key, wire::TaskFailed{key, {1, 0}, "exception", endless, {"totals", endless, endless}});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_EQ(cluster.job(job).reason().size(), kMaxCauseBytes);
  EXPECT_EQ(problem(job, ProblemKind::POISON)->cause.size(), kMaxCauseBytes);
  const auto shown = cluster.manager->job("shop");
  EXPECT_EQ(std::get<JobView>(shown).dead_letter_samples[0].record.size(), StatusBook::kMaxSampleTextBytes);
}

TEST_F(JobLifeTest, DeploymentHasATimeLimit) {
  start_agents();
  cluster.never_say_hello.insert(worker(JobId{1}, 1));
  const JobId job = cluster.submit("shop");
  cluster.run_for(cluster.manager->options().deployment_timeout + 200ms);
  EXPECT_EQ(cluster.state(job), JobState::failed);
  EXPECT_EQ(cluster.job(job).reason(),
            "not up within 1min: waited for worker 0 on a (hello), worker 1 on b (starting)");
  EXPECT_TRUE(cluster.processes.empty());
}

TEST_F(JobLifeTest, WorkerThatCouldNotBeStartedFailsTheJob) {
  start_agents();
  cluster.silence("b");
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  cluster.say("agent b", wire::WorkerEnded{worker(job, 1), -1, 0, "could not be started: no memory", {}});
  cluster.deliver();
  EXPECT_EQ(cluster.job(job).reason(), "worker 1 on b: could not be started: no memory");
}

TEST_F(JobLifeTest, SilentWorkerIsTakenForDead) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 0));
  cluster.run_for(cluster.manager->options().worker_silence_limit + 200ms);
  EXPECT_EQ(cluster.job(job).reason(), "worker 0 on a: silent for 15s");
  cluster.run_for(cluster.manager->options().stop_grace + 200ms);
  EXPECT_EQ(cluster.state(job), JobState::failed);
}

TEST_F(JobLifeTest, CrashAfterTheEndOfInputIsNotAFinish) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 0));
  cluster.finish_all(job);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
  cluster.end_worker(worker(job, 0), 0, SIGBUS);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::failed);
}

TEST_F(JobLifeTest, BrakePausesTheJobAndSaysWhy) {
  start_agents();
  const JobId job = running_job();
  cluster.from_worker(worker(job, 0), wire::BrakePulled{worker(job, 0), "events", 0.38, "field time is milliseconds",
                                                        "in/a.csv line 12"});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::pausing);
  EXPECT_EQ(cluster.sent<wire::PauseSources>().size(), 2u);
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.state(job), JobState::paused);
  const ProblemView* flood = problem(job, ProblemKind::DEAD_LETTER_FLOOD);
  ASSERT_NE(flood, nullptr);
  EXPECT_EQ(flood->what, "38 % of the records of events: field time is milliseconds");
  EXPECT_EQ(flood->effect, "PAUSED at in/a.csv line 12");
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
}

TEST_F(JobLifeTest, AnOrderThatIsLostWithItsConnectionIsRepeated) {
  start_agents();
  const JobId job = running_job();
  cluster.deaf.insert(worker(job, 1));
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", true)));
  cluster.run_for(300ms);
  EXPECT_EQ(cluster.state(job), JobState::pausing);
  cluster.deaf.clear();
  cluster.run_for(300ms);
  EXPECT_EQ(cluster.state(job), JobState::paused);
  EXPECT_EQ(cluster.held.size(), 2u);
  cluster.deaf.insert(worker(job, 0));
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->pause("shop", false)));
  cluster.run_for(300ms);
  cluster.deaf.clear();
  cluster.run_for(300ms);
  EXPECT_TRUE(cluster.held.empty());
}

TEST_F(JobLifeTest, SourcesAreHeldWhileTooManyResultsWaitForACheckpoint) {
  start_agents();
  Submission wanted = cluster.submission("shop");
  wanted.checkpoint_interval = Duration(3'600'000);
  wanted.data.max_uncommitted_bytes = 100u << 20;
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(std::move(wanted))));
  const JobId job = cluster.manager->table().all().rbegin()->first;
  cluster.deliver();
  cluster.uncommitted = {{{1, 0}, 60u << 20}, {{1, 1}, 40u << 20}};
  cluster.run_for(300ms);
  EXPECT_TRUE(cluster.held.empty()) << "no more than may wait";
  EXPECT_TRUE(cluster.sent<wire::InjectBarrier>().empty());
  cluster.uncommitted[{1, 0}] = 61u << 20;
  cluster.run_for(300ms);
  EXPECT_EQ(cluster.held.size(), 2u);
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_FALSE(cluster.sent<wire::InjectBarrier>().empty()) << "and a checkpoint is asked for";
  const ProblemView* slow = problem(job, ProblemKind::CHECKPOINT_SLOW);
  ASSERT_NE(slow, nullptr);
  EXPECT_EQ(slow->what, "101 MiB of results wait for a checkpoint, more than 100 MiB (--max-uncommitted)");
  const std::size_t asked = cluster.sent<wire::InjectBarrier>().size();
  cluster.run_for(300ms);
  EXPECT_GT(cluster.sent<wire::InjectBarrier>().size(), asked) << "too much came behind the barrier: once more";
  cluster.uncommitted = {{{1, 0}, 0}, {{1, 1}, 0}};
  cluster.run_for(300ms);
  EXPECT_TRUE(cluster.held.empty());
  EXPECT_EQ(problem(job, ProblemKind::CHECKPOINT_SLOW), nullptr);
}

TEST_F(JobLifeTest, CancelWhileItWaitsOrIsOver) {
  const JobId job = cluster.submit("shop");
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
  const auto again = cluster.manager->cancel("shop");
  ASSERT_TRUE(std::holds_alternative<Refusal>(again));
  EXPECT_EQ(std::get<Refusal>(again).code, Refusal::Code::bad_state);
}

TEST_F(JobLifeTest, CancelWhileItComesUpStopsWhatComes) {
  start_agents();
  cluster.never_say_hello.insert(worker(JobId{1}, 1));
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
  EXPECT_TRUE(cluster.processes.empty());
  EXPECT_EQ(cluster.sent<wire::StopWorker>().size(), 1u);
}

}  // namespace
}  // namespace freshet::manager
