#include <gmock/gmock.h>

#include "tests/runtime/job_manager/fake_cluster.h"

/// That agents hear where the queryable state of jobs is served.
namespace freshet::manager {
namespace {

using dag::JobState;
using testing::ElementsAre;
using testing::IsEmpty;

class ReadPlacesTest : public testing::Test {
 protected:
  ReadPlacesTest() {
    cluster.serves_reads = true;
    for (const std::string name : {"a", "b"}) {
      cluster.add_agent(name, 4);
      cluster.agents[name].reads = "reads of " + name;
      cluster.say("agent " + name, cluster.agents[name]);
    }
    cluster.deliver();
  }
  JobId submit(bool queryable, const std::string& name = "shop") {
    Submission submission = cluster.submission(name, 2, 2);
    submission.graph.operators[1].states = {
        {"value", "value", schema_of<std::uint64_t>(), {}, schema_of<std::string>(), Duration::max(), queryable}};
    const auto answer = cluster.manager->submit(std::move(submission));
    EXPECT_TRUE(std::holds_alternative<SubmitAnswer>(answer));
    cluster.deliver();
    return cluster.manager->table().all().rbegin()->first;
  }
  /// What an agent was told last.
  std::vector<wire::ReadPlace> told(const std::string& agent) {
    std::vector<wire::ReadPlace> last;
    for (const auto& [peer, places] : cluster.sent<wire::ReadPlaces>())
      if (peer == "agent " + agent) last = places.jobs;
    return last;
  }
  static std::vector<std::string> workers_of(JobId job, std::uint32_t attempt) {
    const auto reads = [&](std::uint32_t number) {
      return "reads of " + to_string(WorkerKey{job, Attempt{attempt}, WorkerId{number}});
    };
    return {reads(0), reads(1)};
  }

  FakeCluster cluster;
};

TEST_F(ReadPlacesTest, AllAgentsHearWhereTheWorkersOfAJobServe) {
  const JobId job = submit(true);
  ASSERT_EQ(cluster.state(job), JobState::running);
  const std::vector<wire::ReadPlace> expected{{job, "shop", 1, workers_of(job, 1)}};
  EXPECT_EQ(told("a"), expected);
  EXPECT_EQ(told("b"), expected);
  for (const auto& [peer, start] : cluster.sent<wire::StartTasks>()) {
    ASSERT_EQ(start.peers.size(), 2u);
    EXPECT_EQ(start.peers[1].reads, expected[0].workers[1]) << "workers hear it of each other, too";
  }
}

TEST_F(ReadPlacesTest, AnAgentThatComesLaterHearsItAsWell) {
  const JobId job = submit(true);
  cluster.add_agent("c", 4);
  cluster.agents["c"].reads = "reads of c";
  cluster.say("agent c", cluster.agents["c"]);
  cluster.deliver();
  ASSERT_EQ(told("c").size(), 1u);
  EXPECT_EQ(told("c")[0].workers, workers_of(job, 1));
}

TEST_F(ReadPlacesTest, WhoServesNothingHearsNothing) {
  cluster.add_agent("quiet", 4);
  cluster.deliver();
  submit(true);
  EXPECT_THAT(told("quiet"), IsEmpty());
}

TEST_F(ReadPlacesTest, AJobWithoutQueryableStateIsNoneOfThem) {
  submit(false);
  EXPECT_THAT(told("a"), IsEmpty());
}

TEST_F(ReadPlacesTest, AJobThatIsOverIsGone) {
  const JobId job = submit(true);
  ASSERT_EQ(told("a").size(), 1u);
  cluster.finish_all(job);
  cluster.deliver();
  ASSERT_EQ(cluster.state(job), JobState::finished);
  EXPECT_THAT(told("a"), IsEmpty());
}

TEST_F(ReadPlacesTest, NothingIsToldTwice) {
  submit(true);
  const std::size_t before = cluster.sent<wire::ReadPlaces>().size();
  cluster.run_for(std::chrono::seconds(3));
  EXPECT_EQ(cluster.sent<wire::ReadPlaces>().size(), before);
}

TEST_F(ReadPlacesTest, AJobManagerThatIsStartedAnewTellsTheSameInTheEnd) {
  const JobId job = submit(true);
  cluster.restart_manager();
  for (const auto& [key, agent] : std::map(cluster.processes))
    cluster.from_worker(key, wire::WorkerHello{key, 100 + key.worker.value, "tcp://" + to_string(key)});
  for (const std::string name : {"a", "b"}) {
    wire::AgentHello hello = cluster.agents[name];  // with the workers that still run under it
    for (const auto& [key, agent] : cluster.processes)
      if (agent == name) hello.workers.push_back(key);
    cluster.say("agent " + name, hello);
  }
  cluster.deliver();
  ASSERT_EQ(told("a").size(), 1u);
  EXPECT_EQ(told("a")[0].attempt, 1u);
  ASSERT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(told("a")[0].workers, workers_of(job, 1));
}

}  // namespace
}  // namespace freshet::manager
