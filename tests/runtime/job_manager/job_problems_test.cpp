#include <gmock/gmock.h>

#include <csignal>

#include "runtime/job_manager/manager_views.h"
#include "runtime/job_manager/prometheus.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using namespace std::chrono_literals;

class JobProblems : public testing::Test {
 protected:
  JobId running_job() {
    cluster.add_agent("a", 4);
    cluster.deliver();
    const JobId id = cluster.submit_with_checkpoints("shop", {.kind = RestartKind::fixed, .restarts = 100});
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::running);
    return id;
  }
  JobView view(JobId id) { return job_view(cluster.job(id), cluster.manager->now()); }
  /// The open checkpoint fails: a task cannot save.
  void decline(JobId id) {
    const CheckpointId open = cluster.job(id).checkpoints().coordinator()->summary().open->id;
    const WorkerKey key{id, cluster.job(id).attempt(), {0}};
    cluster.from_worker(key, wire::SnapshotDeclined{key, {0, 0}, open, "disk full"});
    cluster.deliver();
  }
  bool metric(const std::string& line) const {
    return metrics_text(*cluster.manager).find("\n" + line + "\n") != std::string::npos;
  }

  FakeCluster cluster;
};

TEST_F(JobProblems, TheStatusNamesTheLastCheckpoint) {
  const JobId id = running_job();
  EXPECT_EQ(view(id).last_checkpoint, std::nullopt);
  cluster.run_for(1500ms);
  const JobView now = view(id);
  ASSERT_TRUE(now.last_checkpoint.has_value());
  EXPECT_EQ(now.last_checkpoint->number, 1u);
  EXPECT_EQ(now.last_checkpoint->bytes, 40u);
  EXPECT_EQ(now.last_checkpoint->age_ms, 500);
  EXPECT_EQ(now.last_checkpoint->took_ms, 0);
  EXPECT_EQ(now.restarts, 0u);
  EXPECT_TRUE(metric(R"(freshet_job_checkpoints_total{job="shop"} 1)"));
  EXPECT_TRUE(metric(R"(freshet_job_checkpoints_failed_total{job="shop"} 0)"));
  EXPECT_TRUE(metric(R"(freshet_job_checkpoints_last_duration_seconds{job="shop"} 0)"));
  EXPECT_TRUE(metric(R"(freshet_job_checkpoints_last_bytes{job="shop"} 40)"));
}

/// Of two tasks that count by key the second is busy: with so much of one key that the other could do more.
TEST_F(JobProblems, AKeyWithTooMuchForItsTaskIsNamed) {
  const JobId id = running_job();
  const auto report = [&](std::uint64_t second, double share) {
    const WorkerKey key{id, cluster.job(id).attempt(), {0}};
    wire::WorkerStatus status{key, {}, 0, 0, {}, false};
    for (std::uint32_t task = 0; task < 2; ++task) {
      auto& one = status.tasks.emplace_back();
      one.task = {1, task};
      one.phase = "running";
      one.busy_ns = second * (task == 1 ? 980'000'000 : 140'000'000);
      one.idle_ns = second * 1'000'000'000 - one.busy_ns;
      auto& op = one.operators.emplace_back();
      op.operator_index = 1;
      op.records_in = second * (task == 1 ? 60'000 : 40'000);
      op.hot_share = task == 1 ? share : 0;
      op.hot_record = R"({"name":"anonymous","value":"7"})";
    }
    cluster.from_worker(key, status);
    cluster.deliver();
    cluster.clock.advance(1s);
  };
  for (std::uint64_t second = 1; second < 4; ++second) report(second, 0.8);
  const auto& problems = cluster.job(id).problems();
  ASSERT_TRUE(problems.contains(ProblemKind::HOT_KEY));
  EXPECT_EQ(problems.at(ProblemKind::HOT_KEY).what,
            "totals: key name=\"anonymous\" carries 48 % of the records; its task 1 is 98 % busy, the others 14 %");
  report(4, 0.1);
  EXPECT_TRUE(problems.contains(ProblemKind::HOT_KEY)) << "it does not come and go with each report";
  for (std::uint64_t second = 5; second < 18; ++second) report(second, 0.1);
  EXPECT_FALSE(problems.contains(ProblemKind::HOT_KEY)) << "it is over";
}

TEST_F(JobProblems, AnotherJobManagerKnowsWhatTheManifestsSay) {
  const JobId id = running_job();
  cluster.run_for(1500ms);
  cluster.restart_manager();
  const JobView now = view(id);
  ASSERT_TRUE(now.last_checkpoint.has_value());
  EXPECT_EQ(now.last_checkpoint->number, 1u);
  EXPECT_EQ(now.last_checkpoint->bytes, 40u);
  EXPECT_EQ(now.last_checkpoint->age_ms, 500);
  EXPECT_EQ(now.last_checkpoint->took_ms, std::nullopt);
}

TEST_F(JobProblems, CheckpointsAreFailingFromTheSecondFailureInARowToTheNextSuccess) {
  const JobId id = running_job();
  cluster.run_for(1500ms);
  cluster.saves = false;
  cluster.run_for(1s);
  decline(id);
  EXPECT_TRUE(view(id).problems.empty()) << "one may fail by chance";
  EXPECT_EQ(view(id).checkpoints_failed_in_a_row, 1u);
  cluster.run_for(1s);
  decline(id);
  const JobView failing = view(id);
  ASSERT_EQ(failing.problems.size(), 1u);
  const ProblemView& problem = failing.problems[0];
  EXPECT_EQ(problem.kind, "CHECKPOINT_FAILING");
  EXPECT_EQ(problem.what, "2 checkpoints failed in a row; the attempt fails after 2 more");
  EXPECT_EQ(problem.cause, "checkpoint 3: task 0/0 could not save: disk full");
  EXPECT_EQ(problem.effect, "processing goes on; a failure now would replay 2.5 s");
  EXPECT_EQ(problem.commands,
            (std::vector<std::string>{"freshet checkpoint list shop", "freshet checkpoint show shop 3"}));
  EXPECT_EQ(failing.health, "DEGRADED");
  EXPECT_TRUE(metric(R"(freshet_job_problem{job="shop",kind="CHECKPOINT_FAILING"} 1)"));
  EXPECT_TRUE(metric(R"(freshet_job_checkpoints_failed_total{job="shop"} 2)"));
  cluster.saves = true;
  cluster.run_for(1100ms);
  EXPECT_TRUE(view(id).problems.empty());
  EXPECT_EQ(view(id).checkpoints_failed_in_a_row, 0u);
}

TEST_F(JobProblems, WithoutACheckpointAFailureWouldBeginAnew) {
  const JobId id = running_job();
  cluster.saves = false;
  for (int i = 0; i < 2; ++i) {
    cluster.run_for(1s);
    decline(id);
  }
  ASSERT_EQ(view(id).problems.size(), 1u);
  EXPECT_EQ(view(id).problems[0].effect,
            "processing goes on; a failure now would begin anew: no checkpoint is complete");
}

TEST_F(JobProblems, ACrashIsToldForTenMinutesAfterTheJobRunsAgain) {
  const JobId id = running_job();
  cluster.run_for(1500ms);
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    cluster.end_worker({id, {attempt}, {0}}, 0, 9);
    cluster.deliver();
    cluster.run_for(200ms);
    ASSERT_EQ(cluster.state(id), JobState::running);
  }
  ASSERT_EQ(view(id).problems.size(), 1u);
  EXPECT_EQ(view(id).problems[0].kind, "WORKER_CRASHED");
  EXPECT_EQ(view(id).problems[0].effect, "2 recoveries, the last in 0 ms; nothing is lost");
  EXPECT_EQ(view(id).restarts, 2u);
  EXPECT_TRUE(metric(R"(freshet_job_restarts_total{job="shop"} 2)"));
  cluster.run_for(599s);
  EXPECT_EQ(view(id).problems.size(), 1u);
  cluster.run_for(2s);
  EXPECT_TRUE(view(id).problems.empty());
  EXPECT_EQ(cluster.job(id).time_line().events().back().text, "WORKER_CRASHED is over");
}

TEST_F(JobProblems, AKillForMemoryIsToldWithItsLimitAndWhatFreshetHeld) {
  const JobId id = running_job();
  const WorkerKey key{id, {1}, {0}};
  wire::TaskStatus task;
  task.task = {0, 0};
  task.queue_bytes = 100u << 20;
  task.operators = {{.operator_index = 0, .state_bytes = 900u << 20}};
  cluster.from_worker(key, wire::WorkerStatus{key, {task}, 0, 1900u << 20, {}});
  cluster.deliver();
  wire::WorkerEnded ended{.worker = key, .signal = SIGKILL, .message = "last words"};
  ended.by = wire::EndedBy::out_of_memory;
  ended.memory = {true, 1, std::uint64_t{2} << 30};
  cluster.say("agent a", ended);
  cluster.deliver();
  ASSERT_EQ(view(id).problems.size(), 1u);
  const ProblemView problem = view(id).problems[0];
  EXPECT_EQ(problem.kind, "WORKER_OOM");
  EXPECT_EQ(problem.what, "killed by the kernel: out of memory");
  EXPECT_EQ(problem.where, "worker 0 on a");
  EXPECT_EQ(problem.cause,
            "the agent and its workers reached their limit of 2.0 GiB (memory.events oom_kill +1). It last held "
            "1.9 GiB, of which Freshet knows 1000 MiB (state 900 MiB, frames 100 MiB); 900 MiB are outside of "
            "that: user code, libraries, allocator");
  EXPECT_EQ(problem.commands,
            (std::vector<std::string>{"freshet status shop --operators", "freshet logs shop --worker 0"}));
  EXPECT_TRUE(metric(R"(freshet_job_problem{job="shop",kind="WORKER_OOM"} 1)"));
}

/// What is said of a worker that ended so.
ProblemView told(wire::WorkerEnded ended) {
  ended.worker = {{1}, {1}, {3}};
  return worker_ended_cause(ended, "shop-2", "shop").problem.value();
}

TEST(WorkerEnd, TheWaysInWhichAWorkerEndsAreToldApart) {
  using wire::EndedBy;
  EXPECT_EQ(told({.signal = SIGSEGV}).what, "SIGSEGV");
  EXPECT_EQ(told({.signal = SIGSEGV, .crash = wire::RecordTrace{.operator_id = "sessions"}}).what,
            "SIGSEGV in sessions");
  EXPECT_EQ(told({.signal = SIGKILL}).what, "SIGKILL, which Freshet did not send");
  EXPECT_EQ(told({.signal = SIGTERM, .by = EndedBy::agent}).what, "SIGTERM when its agent asked it to end");
  EXPECT_EQ(told({.signal = SIGKILL, .by = EndedBy::agent_by_force}).what,
            "SIGKILL of its agent: it did not end when asked to");
  EXPECT_EQ(told({.exit_code = 3}).what, "it exited with code 3");
  EXPECT_EQ(told({.exit_code = 3, .by = EndedBy::agent}).what, "it exited with code 3 when its agent asked it to end");
  EXPECT_EQ(told({.exit_code = -1, .message = "could not be started: no such file"}).what,
            "could not be started: no such file");
  const ProblemView guess =
      told({.signal = SIGKILL, .by = EndedBy::out_of_memory, .memory = {.certain = false, .kills = 2}});
  EXPECT_EQ(guess.kind, "WORKER_OOM");
  EXPECT_EQ(guess.what, "probably killed by the kernel: out of memory");
  EXPECT_EQ(guess.cause,
            "memory was short on the machine of shop-2 (/proc/vmstat oom_kill +2, which counts the kills of "
            "all its processes)");
  EXPECT_EQ(told({.signal = SIGKILL, .by = EndedBy::out_of_memory, .memory = {.certain = true, .kills = 1}}).cause,
            "memory was short on the machine of shop-2 (memory.events oom_kill +1)");
}

TEST(WorkerEnd, SizesAreRounded) {
  EXPECT_EQ(rounded_bytes(0), "0 B");
  EXPECT_EQ(rounded_bytes(1023), "1023 B");
  EXPECT_EQ(rounded_bytes(1536), "1.5 KiB");
  EXPECT_EQ(rounded_bytes(~std::uint64_t{0}), "16 EiB");
}

TEST_F(JobProblems, TasksThatWaitForRoomOnADiskAreToldUntilTheyGoOn) {
  const JobId id = running_job();
  const WorkerKey key{id, cluster.job(id).attempt(), {0}};
  const auto report = [&](std::uint32_t task, std::uint64_t busy, std::optional<wire::FullDisk> disk) {
    wire::TaskStatus status{.task = {0, task}, .phase = "running", .busy_ns = busy};
    status.full_disk = std::move(disk);
    cluster.from_worker(key, wire::WorkerStatus{key, {status}});
    cluster.deliver();
  };
  const wire::FullDisk disk{"/data/local-1/state", 12'288, "IO error: No space left on device"};
  report(0, 1, disk);
  report(1, 1, disk);
  const JobView waiting = view(id);
  ASSERT_EQ(waiting.problems.size(), 1u);
  const ProblemView& problem = waiting.problems[0];
  EXPECT_EQ(problem.kind, "DISK_FULL");
  EXPECT_EQ(problem.where, "a /data/local-1/state");
  EXPECT_EQ(problem.what, "12 KiB free; 2 of 4 tasks wait: their state fits neither into memory nor there");
  EXPECT_EQ(problem.cause, "IO error: No space left on device");
  EXPECT_EQ(problem.effect, "they take nothing in, and go on by themselves when there is room; nothing is lost");
  EXPECT_EQ(problem.commands,
            (std::vector<std::string>{"freshet savepoint list shop --by-size", "freshet cluster status"}));
  EXPECT_EQ(waiting.health, "DEGRADED");
  EXPECT_TRUE(metric(R"(freshet_job_problem{job="shop",kind="DISK_FULL"} 1)"));
  report(0, 2, std::nullopt);
  ASSERT_EQ(view(id).problems.size(), 1u);
  EXPECT_EQ(view(id).problems[0].since_ms, problem.since_ms);
  report(1, 2, std::nullopt);
  EXPECT_TRUE(view(id).problems.empty());
}

TEST_F(JobProblems, CheckpointsThatWaitBehindAFullLaneAreNotHeldAgainstTheJob) {
  const JobId id = running_job();
  const WorkerKey key{id, cluster.job(id).attempt(), {0}};
  const auto report = [&](bool waits) {
    wire::TaskStatus status{.task = {0, 0}, .phase = "running"};
    status.waits_for_lane = waits;
    cluster.from_worker(key, wire::WorkerStatus{key, {status}});
    cluster.deliver();
  };
  cluster.saves = false;  // no barrier comes through
  report(true);
  cluster.run_for(4000s);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u);
  report(false);
  cluster.run_for(4000s);
  EXPECT_GT(cluster.job(id).attempt().value, 1u);
}

TEST_F(JobProblems, AJobThatIsOverWaitsForNoDisk) {
  const JobId id = running_job();
  const WorkerKey key{id, cluster.job(id).attempt(), {0}};
  wire::TaskStatus status{.task = {0, 0}, .phase = "running"};
  status.full_disk = wire::FullDisk{"/data", 0, "full"};
  cluster.from_worker(key, wire::WorkerStatus{key, {status}});
  cluster.deliver();
  ASSERT_EQ(view(id).problems.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  cluster.deliver();
  EXPECT_EQ(cluster.state(id), JobState::cancelled);
  EXPECT_TRUE(view(id).problems.empty());
}

TEST_F(JobProblems, WhileTheJournalCannotBeWrittenJobsGoOnAndSaySo) {
  const JobId id = running_job();
  cluster.run_for(1500ms);
  cluster.journal.fail_appends = true;
  cluster.run_for(20s);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u) << "no other attempt could be journalled either";
  const JobView failing = view(id);
  ASSERT_EQ(failing.problems.size(), 2u);
  EXPECT_EQ(failing.problems[0].kind, "CHECKPOINT_FAILING");
  EXPECT_THAT(failing.problems[0].what,
              testing::EndsWith(" checkpoints failed in a row; the attempt fails after 4 more"));
  EXPECT_EQ(failing.problems[1].kind, "DISK_FULL");
  EXPECT_EQ(failing.problems[1].what, "the job manager cannot write its journal");
  EXPECT_EQ(failing.problems[1].cause, "the journal is told to fail");
  EXPECT_TRUE(metric("freshet_manager_journal_writable 0"));
  cluster.journal.fail_appends = false;
  cluster.run_for(1100ms);
  EXPECT_TRUE(view(id).problems.empty());
  EXPECT_TRUE(metric("freshet_manager_journal_writable 1"));
}

TEST_F(JobProblems, TheJournalIsTriedAlsoWhenThereIsNothingToSay) {
  cluster.add_agent("a", 4);
  cluster.deliver();
  const JobId id = cluster.submit("shop");  // without checkpoints
  cluster.deliver();
  cluster.journal.fail_appends = true;
  EXPECT_TRUE(std::holds_alternative<Refusal>(cluster.manager->submit(cluster.submission("other"))));
  cluster.run_for(1100ms);
  EXPECT_EQ(view(id).problems.size(), 1u);
  const std::size_t entries = cluster.journal.entries.size();
  cluster.journal.fail_appends = false;
  cluster.run_for(5s);
  EXPECT_TRUE(view(id).problems.empty());
  EXPECT_EQ(cluster.journal.entries.size(), entries + 1) << "once it can be written there is nothing to find out";
  cluster.restart_manager();
  EXPECT_EQ(cluster.manager->term().value, 2u);
}

}  // namespace
}  // namespace freshet::manager
