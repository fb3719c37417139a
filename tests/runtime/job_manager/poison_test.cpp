// A record on which the job's process crashes, attempt after attempt.

#include <gmock/gmock.h>

#include <csignal>

#include "runtime/job_manager/manager_views.h"
#include "runtime/job_manager/prometheus.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr RestartPolicy kAlways{.kind = RestartKind::fixed, .restarts = 1000};
const wire::SetAside kLine7{"totals", {"events", "in/a.csv", 7}, "crash SIGSEGV", 3};

class Poison : public testing::Test {
 protected:
  /// A job whose sink sets aside what it fails on, or not.
  JobId running_job(const RestartPolicy& restart = kAlways, ErrorPolicyKind policy = ErrorPolicyKind::dead_letter,
                    std::optional<std::uint32_t> crashes = {}) {
    cluster.add_agent("a", 8);
    cluster.deliver();
    Submission wanted = cluster.submission("shop", 2, 2);
    wanted.checkpoint_interval = Duration(1000);
    wanted.restart = restart;
    wanted.graph.operators[1].on_error.kind = policy;
    wanted.crashes_per_record = crashes;
    EXPECT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(std::move(wanted))));
    cluster.deliver();
    const JobId id = cluster.manager->table().all().rbegin()->first;
    EXPECT_EQ(cluster.state(id), JobState::running);
    return id;
  }
  static wire::RecordTrace trace(std::uint64_t line, const std::string& op = "totals") {
    const std::string file = "in/a.csv";
    return {op, file + ", line " + std::to_string(line), "{}", wire::RecordPlace{"events", file, line}};
  }
  WorkerKey worker(JobId id, std::uint32_t number = 0) const { return {id, cluster.job(id).attempt(), {number}}; }
  /// One worker of the attempt at hand crashes, and the job comes up again, when it does.
  void crash(JobId id, const wire::RecordTrace& at, int signal = SIGSEGV) {
    cluster.end_worker(worker(id), 0, signal, at);
    cluster.deliver();
    cluster.run_for(200ms);
  }
  /// What the workers of the attempt at hand were told.
  std::vector<wire::SetAside> told(JobId id) const { return cluster.prepared.at(worker(id)).set_aside; }
  JobView view(JobId id) const { return job_view(cluster.job(id), cluster.manager->now()); }
  const ProblemView* problem(JobId id, ProblemKind kind) const {
    const auto found = cluster.job(id).problems().find(kind);
    return found == cluster.job(id).problems().end() ? nullptr : &found->second;
  }

  FakeCluster cluster;
};

TEST_F(Poison, AfterThreeCrashesTheNextAttemptIsToldToSetTheRecordAside) {
  const JobId id = running_job();
  crash(id, trace(7));
  ASSERT_NE(problem(id, ProblemKind::WORKER_CRASHED), nullptr);
  EXPECT_THAT(problem(id, ProblemKind::WORKER_CRASHED)->cause,
              HasSubstr("1 crash on this record; it is set aside after 3"));
  crash(id, trace(7));
  EXPECT_THAT(told(id), IsEmpty());
  EXPECT_EQ(problem(id, ProblemKind::POISON), nullptr);
  crash(id, trace(7));
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(cluster.job(id).attempt().value, 4u);
  EXPECT_THAT(told(id), ElementsAre(kLine7));
  EXPECT_EQ(cluster.prepared.at(worker(id, 1)).set_aside, told(id)) << "every worker is told";
  ASSERT_NE(problem(id, ProblemKind::POISON), nullptr);
  EXPECT_EQ(problem(id, ProblemKind::POISON)->what, "the record at in/a.csv, line 7 is set aside after 3 crashes");
  EXPECT_EQ(problem(id, ProblemKind::POISON)->where, "totals");
  EXPECT_EQ(problem(id, ProblemKind::POISON)->cause, "crash SIGSEGV; it is a dead letter of that operator now");
  const JobView now = view(id);
  ASSERT_EQ(now.set_aside.size(), 1u);
  EXPECT_EQ(now.set_aside[0].origin, "in/a.csv, line 7");
  EXPECT_EQ(now.set_aside[0].crashes, 3u);
  const std::string metrics = metrics_text(*cluster.manager);
  EXPECT_THAT(metrics, HasSubstr("\nfreshet_job_problem{job=\"shop\",kind=\"POISON\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\nfreshet_job_set_aside{job=\"shop\"} 1\n"));
}

// A record without a source has position 0 in partition 0: no record with one may look like it.
TEST_F(Poison, NoPartitionHasTheNumberThatStandsForUnknown) {
  running_job();
  const auto started = cluster.sent<wire::StartTasks>();
  ASSERT_FALSE(started.empty());
  ASSERT_EQ(started[0].second.splits.size(), 3u);
  for (const wire::AssignedSplit& split : started[0].second.splits) EXPECT_NE(split.partition, 0u);
}

TEST_F(Poison, WhatIsSetAsideStaysSoInEveryLaterAttempt) {
  const JobId id = running_job();
  for (int i = 0; i < 3; ++i) crash(id, trace(7));
  cluster.run_for(5s);
  ASSERT_GT(cluster.job(id).checkpoints().complete().size(), 0u);
  crash(id, {}, SIGKILL);
  EXPECT_THAT(told(id), ElementsAre(kLine7)) << "whichever checkpoint it goes on from";
}

TEST_F(Poison, CrashesElsewhereAreCountedForThemselves) {
  const JobId id = running_job();
  for (int i = 0; i < 2; ++i) {
    crash(id, trace(7));
    crash(id, trace(8));
    crash(id, trace(7, "nowhere"));
    wire::RecordTrace placeless = trace(7);
    placeless.place.reset();
    crash(id, placeless);
  }
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_THAT(told(id), IsEmpty());
  crash(id, trace(8));
  EXPECT_THAT(told(id), ElementsAre(wire::SetAside{"totals", {"events", "in/a.csv", 8}, "crash SIGSEGV", 3}));
}

TEST_F(Poison, UnderFailNothingIsSetAsideAndTheRestartStrategyDecides) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 3}, ErrorPolicyKind::fail);
  for (int i = 0; i < 4; ++i) crash(id, trace(7));
  EXPECT_EQ(cluster.state(id), JobState::failed);
  EXPECT_THAT(problem(id, ProblemKind::WORKER_CRASHED)->cause,
              HasSubstr("4 crashes on this record; operator totals sets nothing aside"));
  EXPECT_EQ(problem(id, ProblemKind::POISON), nullptr);
}

TEST_F(Poison, TheSubmitterSaysHowManyCrashesItTakes) {
  const JobId id = running_job(kAlways, ErrorPolicyKind::dead_letter, 1);
  crash(id, trace(7));
  ASSERT_EQ(told(id).size(), 1u);
  EXPECT_EQ(told(id)[0].crashes, 1u);
}

TEST_F(Poison, OrThatNoneEverIs) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 9}, ErrorPolicyKind::dead_letter, 0);
  for (int i = 0; i < 9; ++i) crash(id, trace(7));
  EXPECT_THAT(told(id), IsEmpty());
  crash(id, trace(7));
  EXPECT_EQ(cluster.state(id), JobState::failed);
}

// Twenty records, three crashes each, within a minute: more than the strategy allows for failures that come again.
TEST_F(Poison, CrashesOnWhatIsSetAsideAreNotHeldAgainstTheJob) {
  const JobId id = running_job(RestartPolicy{});
  for (std::uint64_t line = 1; line <= 20; ++line)
    for (int i = 0; i < 3; ++i) crash(id, trace(line));
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(told(id).size(), 20u);
  for (int i = 0; i < 6; ++i) crash(id, {}, SIGKILL);
  EXPECT_EQ(cluster.state(id), JobState::failed) << "others are";
}

TEST_F(Poison, ANeighbourWhoseChannelClosedIsHeardFirstAndChangesNothing) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 2});
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(cluster.state(id), JobState::running);
    const WorkerKey other = worker(id, 1);
    cluster.deaf_to_stop.insert(worker(id, 0));
    cluster.from_worker(other, wire::TaskFailed{other, {1, 1}, "channel broken", "closed", {}});
    cluster.deliver();
    EXPECT_EQ(cluster.state(id), JobState::recovering);
    crash(id, trace(7));
  }
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_THAT(told(id), ElementsAre(kLine7));
}

TEST_F(Poison, AnotherJobManagerGoesOnCounting) {
  const JobId id = running_job();
  crash(id, trace(7));
  crash(id, trace(7));
  cluster.restart_manager();
  cluster.add_agent("a", 8);
  cluster.deliver();
  for (const WorkerKey& key : std::set<WorkerKey>(cluster.running))
    cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
  cluster.deliver();
  cluster.run_for(200ms);
  ASSERT_EQ(cluster.state(id), JobState::running);
  crash(id, trace(7));
  EXPECT_THAT(told(id), ElementsAre(kLine7));

  cluster.restart_manager();
  EXPECT_EQ(view(id).set_aside.size(), 1u);
  cluster.restart_manager();  // on a journal that the last one has rewritten
  EXPECT_EQ(view(id).set_aside.size(), 1u);
}

TEST_F(Poison, ACrashThatNoJobManagerHeardIsCountedWhenTheAgentTellsItLater) {
  const JobId id = running_job(kAlways, ErrorPolicyKind::dead_letter, 1);
  const WorkerKey crashed = worker(id);
  cluster.deaf_to_stop.insert(worker(id, 1));
  cluster.end_worker(crashed, 0, SIGSEGV, trace(7));
  cluster.wire.clear();
  cluster.restart_manager();
  cluster.add_agent("a", 8);
  cluster.deliver();
  ASSERT_EQ(cluster.state(id), JobState::recovering);
  for (int i = 0; i < 2; ++i) cluster.say("agent a", wire::WorkerEnded{crashed, 0, SIGSEGV, "last words", trace(7)});
  cluster.deliver();
  ASSERT_EQ(cluster.job(id).crashes().places().size(), 1u);
  EXPECT_EQ(cluster.job(id).crashes().places()[0].crashes, 1u);
  cluster.end_worker(worker(id, 1), 0, 0);
  cluster.deliver();
  cluster.run_for(200ms);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(told(id).size(), 1u);
}

TEST_F(Poison, NoAttemptBeginsBeforeWhatItIsToldIsDurable) {
  const JobId id = running_job(kAlways, ErrorPolicyKind::dead_letter, 1);
  cluster.journal.fail_appends = true;
  crash(id, trace(7));
  EXPECT_EQ(cluster.state(id), JobState::scheduling);
  EXPECT_EQ(cluster.job(id).attempt().value, 1u);
  cluster.journal.fail_appends = false;
  cluster.run_for(1100ms);
  EXPECT_EQ(cluster.state(id), JobState::running);
  EXPECT_EQ(told(id).size(), 1u);
}

// It is told, and crashes there all the same: what cannot be cured is a failure as any other.
TEST_F(Poison, ACrashOnWhatIsSetAsideAlreadyIsHeldAgainstTheJob) {
  const JobId id = running_job({.kind = RestartKind::fixed, .restarts = 5}, ErrorPolicyKind::dead_letter, 1);
  for (int i = 0; i < 7; ++i) crash(id, trace(7));
  EXPECT_EQ(cluster.state(id), JobState::failed);
  EXPECT_EQ(cluster.job(id).attempt().value, 7u);
}

TEST_F(Poison, AnotherLibraryBeginsAnew) {
  const JobId id = running_job(kAlways, ErrorPolicyKind::dead_letter, 1);
  crash(id, trace(7));
  ASSERT_EQ(told(id).size(), 1u);
  const std::string other = "a library that can process it";
  ASSERT_TRUE(cluster.libraries.put(base::sha256_hex(other), other).ok());
  ChangeRequest upgrade{.kind = ChangeKind::upgrade};
  upgrade.submission = cluster.job(id).submission();
  upgrade.submission->library_sha256 = base::sha256_hex(other);
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->change("shop", upgrade)));
  cluster.deliver();
  cluster.run_for(2s);
  ASSERT_EQ(cluster.state(id), JobState::running);
  ASSERT_EQ(cluster.job(id).attempt().value, 3u);
  EXPECT_THAT(told(id), IsEmpty());
  cluster.restart_manager();
  EXPECT_THAT(view(id).set_aside, IsEmpty());
}

}  // namespace
}  // namespace freshet::manager
