#include <gtest/gtest.h>

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

}  // namespace
}  // namespace freshet::manager
