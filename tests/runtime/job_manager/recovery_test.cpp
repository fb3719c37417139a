#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/state/rocksdb_journal.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;

TEST(Recovery, TermGrowsAndJobsThatAreOverStaySo) {
  FakeCluster cluster;
  cluster.add_agent("a", 8);
  cluster.deliver();
  const JobId finished = cluster.submit("done");
  cluster.deliver();
  cluster.finish_all(finished);
  cluster.deliver();
  EXPECT_EQ(cluster.manager->term().value, 1u);
  cluster.restart_manager();
  EXPECT_EQ(cluster.manager->term().value, 2u);
  EXPECT_EQ(cluster.state(finished), JobState::finished);
  EXPECT_GT(cluster.submit("shop"), finished);
}

TEST(Recovery, SubmissionThatCannotBeJournalledIsNotAccepted) {
  FakeCluster cluster({.data = "/data"});
  cluster.journal.fail_appends = true;
  const auto answer = cluster.manager->submit(cluster.submission("shop"));
  ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
  EXPECT_EQ(std::get<Refusal>(answer).code, Refusal::Code::no_room);
  EXPECT_EQ(std::get<Refusal>(answer).message,
            "not accepted: the journal is told to fail; what runs goes on. Give /data room, and ask again");
  EXPECT_TRUE(cluster.manager->table().all().empty());
}

/// As deep as a type may nest: what was accepted can be read again.
TEST(Recovery, AJobWhoseStateNestsVeryDeeplyIsStillThere) {
  FakeCluster cluster;
  Submission shop = cluster.submission("shop");
  Schema deep{.kind = "u64"};
  for (int level = 0; level < detail::kMaxSchemaDepth; ++level) {
    Schema outer{.kind = "list"};
    outer.fields.push_back({"", std::move(deep)});
    deep = std::move(outer);
  }
  shop.graph.operators.front().states = {
      {.name = "deep", .kind = "value", .key = schema_of<std::string>(), .value = deep}};
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(cluster.manager->submit(shop)));
  cluster.restart_manager();
  ASSERT_EQ(cluster.manager->table().all().size(), 1u);
}

TEST(Recovery, AttemptThatCannotBeJournalledStartsNothing) {
  FakeCluster cluster;
  const JobId job = cluster.submit("shop");
  cluster.journal.fail_appends = true;
  cluster.add_agent("a", 8);
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::scheduling);
  EXPECT_TRUE(cluster.sent<wire::StartWorker>().empty());
  cluster.journal.fail_appends = false;
  cluster.run_for(1100ms);
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(cluster.job(job).attempt().value, 1u);
}

TEST(Recovery, AnEndThatCannotBeJournalledIsTriedAgain) {
  FakeCluster cluster;
  const JobId job = cluster.submit("shop");
  cluster.journal.fail_appends = true;
  ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  EXPECT_GE(cluster.manager->journal_failures(), 1u);
  cluster.journal.fail_appends = false;
  cluster.run_for(1100ms);
  cluster.restart_manager();
  EXPECT_EQ(cluster.state(job), JobState::cancelled);
}

TEST(Recovery, DamagedJournalIsNotPassedOver) {
  FakeCluster cluster;
  cluster.submit("shop");
  cluster.journal.entries[0] = "\xc1 damaged";
  JobManager again({}, cluster.clock, cluster, cluster.journal, cluster.libraries, cluster.checkpoints);
  const Status recovered = again.recover();
  ASSERT_FALSE(recovered.ok());
  EXPECT_NE(recovered.error().message.find("entry 1"), std::string::npos);
}

TEST(Recovery, OldJobsAreForgottenAndTheJournalStaysShort) {
  ManagerOptions options;
  options.max_over_jobs = 3;
  FakeCluster cluster(options);
  for (int i = 0; i < 30; ++i) {
    cluster.submit("shop");
    ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  }
  EXPECT_EQ(cluster.manager->table().all().size(), 3u);
  EXPECT_EQ(cluster.manager->table().all().begin()->first, JobId{28});
  EXPECT_LE(cluster.journal.entries.size(), 20u);
  cluster.restart_manager();
  EXPECT_EQ(cluster.manager->table().all().size(), 3u);
  EXPECT_EQ(cluster.submit("shop"), JobId{31});
}

TEST(Recovery, JobsThatAreNotOverAreLimited) {
  ManagerOptions options;
  options.max_jobs = 2;
  FakeCluster cluster(options);
  cluster.submit("one");
  cluster.submit("two");
  const auto third = cluster.manager->submit(cluster.submission("three"));
  ASSERT_TRUE(std::holds_alternative<Refusal>(third));
  EXPECT_NE(std::get<Refusal>(third).message.find("2 jobs are not over"), std::string::npos);
}

TEST(Recovery, JournalOnDiskTellsTheSame) {
  std::string pattern = testing::TempDir() + "freshet-manager-XXXXXX";
  const std::string directory = mkdtemp(pattern.data());
  FakeCluster cluster;
  {
    auto journal = state::RocksDbJournal::open(directory + "/journal");
    ASSERT_TRUE(journal.ok());
    JobManager manager({}, cluster.clock, cluster, **journal, cluster.libraries, cluster.checkpoints);
    ASSERT_TRUE(manager.recover().ok());
    ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(manager.submit(cluster.submission("shop"))));
    ASSERT_TRUE(std::holds_alternative<std::string>(manager.cancel("shop")));
    ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(manager.submit(cluster.submission("shop"))));
  }
  {
    auto journal = state::RocksDbJournal::open(directory + "/journal");
    ASSERT_TRUE(journal.ok());
    JobManager manager({}, cluster.clock, cluster, **journal, cluster.libraries, cluster.checkpoints);
    ASSERT_TRUE(manager.recover().ok());
    EXPECT_EQ(manager.term().value, 2u);
    ASSERT_EQ(manager.table().all().size(), 2u);
    EXPECT_EQ(manager.table().find(JobId{1})->state(), JobState::cancelled);
    EXPECT_EQ(manager.table().find(JobId{2})->state(), JobState::submitted);
    EXPECT_EQ(manager.table().find(JobId{2})->submission().graph, cluster.submission("shop").graph);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace freshet::manager
