#include "runtime/job_manager/edge_audit.h"

#include <gmock/gmock.h>

#include "runtime/checkpoint/verify.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using testing::HasSubstr;
using namespace std::chrono_literals;

/// events, two tasks ─▶ totals, two tasks: edge 0
class EdgeAudit : public testing::Test {
 protected:
  EdgeAudit() {
    cluster.add_agent("a", 4);
    cluster.deliver();
    id = cluster.submit_with_checkpoints("shop", {.kind = RestartKind::fixed, .restarts = 3, .delay = Duration(0)});
    cluster.deliver();
  }
  /// What the tasks of the running attempt have counted since it began.
  void count(std::uint64_t sent, std::uint64_t received, std::uint64_t refused = 0, std::uint64_t received_sum = 77) {
    cluster.tallies.clear();
    cluster.tallies[{0, 0}] = {{.sent = sent - 1, .sent_sum = 70}};
    cluster.tallies[{0, 1}] = {{.sent = 1, .sent_sum = 7}};
    cluster.tallies[{1, 0}] = {
        {.received = received, .received_sum = received_sum, .applied = received - refused, .refused = refused}};
  }
  const EdgeAuditView& edge() {
    view = audit_view(cluster.job(id), {});
    EXPECT_EQ(view.edges.size(), 1u);
    return view.edges.at(0);
  }
  std::string newest_failure() { return cluster.job(id).checkpoints().history().newest_failed()->why; }
  void kill_a_worker() {
    cluster.end_worker({id, cluster.job(id).attempt(), {0}}, 0, 9);
    cluster.deliver();
    ASSERT_EQ(cluster.state(id), JobState::running);
  }

  FakeCluster cluster;
  JobId id{};
  AuditView view;
};

TEST_F(EdgeAudit, SaysWhyThereIsNothing) {
  view = audit_view(cluster.job(id), {});
  EXPECT_FALSE(view.checkpoint.has_value());
  EXPECT_THAT(view.why, HasSubstr("no checkpoint of the job is complete yet"));
}

TEST_F(EdgeAudit, CountsOnThroughAttemptsAndJobManagers) {
  count(100, 100, 3);
  cluster.run_for(1100ms);
  EXPECT_EQ(edge().sent, 100u);
  EXPECT_EQ(edge().applied, 97u);
  EXPECT_EQ(edge().refused, 3u);
  EXPECT_EQ(edge().from, "events");
  EXPECT_EQ(edge().to, "totals");
  count(150, 150, 3);
  cluster.run_for(1s);
  EXPECT_EQ(edge().sent, 150u) << "tasks count since their attempt began, not since the last checkpoint";
  kill_a_worker();
  count(10, 10);
  cluster.run_for(1100ms);
  EXPECT_EQ(edge().sent, 160u);
  EXPECT_EQ(edge().refused, 3u);
  EXPECT_EQ(edge().since, 1u);
  cluster.restart_manager();
  cluster.add_agent("a", 4);
  for (const auto& [key, agent] : cluster.processes)
    cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
  count(20, 20);
  cluster.run_for(3s);
  ASSERT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_EQ(edge().sent, 170u) << "what an adopted attempt counted before is in its numbers";
}

TEST_F(EdgeAudit, ACheckpointThatDoesNotBalanceIsNotPublishedAndEndsItsAttempt) {
  count(100, 100);
  cluster.run_for(1100ms);
  count(200, 199);
  cluster.run_for(1s);
  EXPECT_EQ(cluster.job(id).attempt().value, 2u);
  EXPECT_THAT(newest_failure(), HasSubstr("edge events -> totals does not balance: since attempt 1 began, 200 records "
                                          "were sent and 199 received"));
  const auto listed = checkpoint::list_checkpoints(cluster.checkpoints, id);
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(listed->back().value, 1u);
  EXPECT_EQ(cluster.sent<wire::PrepareWorker>().back().second.checkpoints.restore.value, 1u);
  count(50, 50);
  cluster.run_for(1100ms);
  EXPECT_EQ(edge().sent, 150u) << "what the checkpoint that was given up had counted does not count";
}

TEST_F(EdgeAudit, AsManyRecordsButOthersDoNotBalance) {
  count(100, 100, 0, 78);
  cluster.run_for(1100ms);
  EXPECT_THAT(newest_failure(), HasSubstr("100 records were sent, and as many received, but not the same ones"));
}

TEST_F(EdgeAudit, RecordsThatAreReceivedAndNeitherAppliedNorSetAsideDoNotBalance) {
  count(100, 100);
  --cluster.tallies[{1, 0}][0].applied;
  cluster.run_for(1100ms);
  EXPECT_THAT(newest_failure(), HasSubstr("100 records were received, 99 applied and 0 set aside"));
}

TEST_F(EdgeAudit, AnEdgeThatThePlanDoesNotHaveDoesNotBalance) {
  count(100, 100);
  cluster.tallies[{0, 1}].push_back({.edge = 1, .sent = 1});
  cluster.run_for(1100ms);
  EXPECT_THAT(newest_failure(), HasSubstr("edge 1, which the plan does not have"));
}

}  // namespace
}  // namespace freshet::manager
