#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "runtime/base/random.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using dag::JobState;
using namespace std::chrono_literals;

std::uint64_t count_of_orders(const FakeCluster& cluster) {
  return cluster.sent<wire::StartWorker>().size() + cluster.sent<wire::PrepareWorker>().size() +
         cluster.sent<wire::StartTasks>().size() + cluster.sent<wire::StopTasks>().size() +
         cluster.sent<wire::StopWorker>().size() + cluster.sent<wire::PauseSources>().size();
}

TEST(RepeatedMessages, ChangeNothingWhileAJobRuns) {
  FakeCluster cluster;
  cluster.add_agent("a", 4);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  ASSERT_EQ(cluster.state(job), JobState::running);
  const auto orders = count_of_orders(cluster);
  const auto events = cluster.job(job).time_line().events();
  for (auto at = cluster.delivered.rbegin(); at != cluster.delivered.rend(); ++at)
    cluster.manager->on_message(at->peer, at->message);
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(count_of_orders(cluster), orders);
  EXPECT_EQ(cluster.job(job).time_line().events(), events);
}

TEST(RepeatedMessages, ChangeNothingWhenAJobIsOver) {
  FakeCluster cluster;
  cluster.add_agent("a", 4);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  cluster.finish_all(job);
  cluster.deliver();
  ASSERT_EQ(cluster.state(job), JobState::finished);
  const auto events = cluster.job(job).time_line().events();
  for (const auto& each : cluster.delivered) cluster.manager->on_message(each.peer, each.message);
  EXPECT_EQ(cluster.state(job), JobState::finished);
  EXPECT_EQ(cluster.job(job).time_line().events(), events);
  EXPECT_TRUE(cluster.processes.empty());
}

TEST(RepeatedMessages, OtherAttemptsAndTermsAreDroppedAndCounted) {
  FakeCluster cluster;
  cluster.add_agent("a", 4);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  const std::uint64_t dropped = cluster.manager->dropped_messages();
  for (const std::uint32_t attempt : {0u, 2u}) {
    const WorkerKey stale{job, Attempt{attempt}, WorkerId{0}};
    cluster.from_worker(stale, wire::TaskFailed{stale, {0, 0}, "exception", "", {}});
  }
  const WorkerKey living{job, Attempt{1}, WorkerId{0}};
  cluster.wire.push_back({"x", {Term{99}, wire::TaskFailed{living, {0, 0}, "exception", "", {}}}});
  const WorkerKey nobody{job, Attempt{1}, WorkerId{9}};
  cluster.from_worker(nobody, wire::WorkerRunning{nobody});
  cluster.deliver();
  EXPECT_EQ(cluster.state(job), JobState::running);
  EXPECT_EQ(cluster.manager->dropped_messages(), dropped + 4);
}

/// Everything that can go wrong, by chance. That states change only as the table says is checked by Job itself.
class Storm {
 public:
  explicit Storm(std::uint64_t seed) : random_(seed) {}

  /// How the jobs of this storm ended, by state.
  const std::map<JobId, JobState>& ends() const { return over_; }

  void run() {
    for (int step = 0; step < 400; ++step) {
      one_step();
      check_invariants();
      if (testing::Test::HasFailure()) return;
    }
    calm_down();
  }

 private:
  void one_step() {
    switch (random_.below(12)) {
      case 0:
        cluster_.add_agent(agent(), static_cast<std::uint32_t>(random_.below(7)), random_.below(3));
        break;
      case 1:
        cluster_.silence(agent());
        break;
      case 2:
        submit();
        break;
      case 3: {
        [[maybe_unused]] const auto done = cluster_.manager->cancel("job-" + std::to_string(random_.below(20)));
        break;
      }
      case 4:
        crash_someone();
        break;
      case 5:
        finish_someone();
        break;
      case 6:
        cluster_.run_for(std::chrono::milliseconds(100 * (1 + random_.below(40))));
        break;
      case 7:
        say_something_odd();
        break;
      default:
        deliver_oddly();
        break;
    }
  }

  std::string agent() { return std::string(1, static_cast<char>('a' + random_.below(3))); }

  void submit() {
    const auto parallelism = static_cast<std::uint32_t>(1 + random_.below(3));
    [[maybe_unused]] const auto answer = cluster_.manager->submit(cluster_.submission(
        "job" + std::to_string(random_.below(4)), parallelism, static_cast<std::uint32_t>(random_.below(3))));
  }

  const WorkerKey* someone(const std::set<WorkerKey>& among) {
    if (among.empty()) return nullptr;
    return &*std::next(among.begin(), static_cast<std::ptrdiff_t>(random_.below(among.size())));
  }

  void crash_someone() {
    if (const WorkerKey* key = someone(cluster_.running)) cluster_.end_worker(WorkerKey(*key), 0, SIGSEGV);
  }

  void finish_someone() {
    if (const WorkerKey* key = someone(cluster_.running)) {
      if (random_.below(4) == 0) cluster_.deaf.insert(*key);
      cluster_.finish_all(key->job);
    }
  }

  void say_something_odd() {
    const WorkerKey key{JobId{random_.below(20)}, Attempt{static_cast<std::uint32_t>(random_.below(3))},
                        WorkerId{static_cast<std::uint32_t>(random_.below(4))}};
    switch (random_.below(6)) {
      case 0:
        cluster_.from_worker(key, wire::WorkerHello{key, random_.below(200), "tcp://x"});
        break;
      case 1:
        cluster_.from_worker(key, wire::WorkerPrepared{key, random_.next(), {}, {}});
        break;
      case 2:
        cluster_.from_worker(key, wire::BrakePulled{key, "events", 0.5, "e", "o"});
        break;
      case 3:
        cluster_.from_worker(key, wire::TaskFailed{key, {0, 0}, "channel closed", "", {}});
        break;
      case 4:
        cluster_.from_worker(key, wire::TasksFinished{key});
        break;
      default:
        cluster_.say("agent " + agent(), wire::WorkerEnded{key, 1, 0, "", {}});
        break;
    }
  }

  // Some of what waits: out of order, repeated, or never.
  void deliver_oddly() {
    for (std::uint64_t count = random_.below(12); count > 0 && !cluster_.wire.empty(); --count) {
      const auto at = cluster_.wire.begin() +
                      static_cast<std::ptrdiff_t>(random_.below(std::min<std::size_t>(3, cluster_.wire.size())));
      const FakeCluster::Waiting next = *at;
      cluster_.wire.erase(at);
      const std::uint64_t chance = random_.below(10);
      if (chance == 0) continue;
      cluster_.manager->on_message(next.peer, next.message);
      if (chance == 1) cluster_.manager->on_message(next.peer, next.message);
      cluster_.delivered.push_back(next);
    }
    if (!cluster_.delivered.empty() && random_.below(3) == 0) {
      const FakeCluster::Waiting old = cluster_.delivered[random_.below(cluster_.delivered.size())];
      cluster_.manager->on_message(old.peer, old.message);
    }
  }

  void check_invariants() {
    std::set<std::string> names;
    for (const auto& [id, job] : cluster_.manager->table().all()) {
      const auto over = over_.find(id);
      EXPECT_TRUE(over == over_.end() || over->second == job->state()) << "a job that is over stays so";
      const bool is_new = job->is_over() || names.insert(job->name()).second;
      EXPECT_TRUE(is_new) << "names are unique among jobs that are not over";
      if (job->is_over()) over_[id] = job->state();
      EXPECT_LE(job->time_line().events().size(), cluster_.manager->options().max_events);
    }
    for (const AgentView& view : cluster_.manager->cluster().agents) {
      // An agent may come back with fewer slots than are used; then nothing more is placed on it.
      EXPECT_LE(view.used, 6u) << view.id;
    }
  }

  // The weather clears: whatever it left behind comes to an end.
  void calm_down() {
    for (const char* name : {"a", "b", "c"}) cluster_.add_agent(name, 8, 7);
    cluster_.deliver();
    for (const auto& [id, job] : cluster_.manager->table().all()) {
      [[maybe_unused]] const auto done = cluster_.manager->cancel(job->id_text());
    }
    cluster_.run_for(60s);
    for (const auto& [id, job] : cluster_.manager->table().all())
      EXPECT_TRUE(job->is_over()) << job->id_text() << " " << state_text(job->state());
    check_invariants();
    EXPECT_TRUE(cluster_.processes.empty());
    for (const AgentView& view : cluster_.manager->cluster().agents) EXPECT_EQ(view.used, 0u);
  }

  base::Random random_;
  FakeCluster cluster_;
  std::map<JobId, JobState> over_;
};

TEST(Storm, InvariantsHoldWhateverArrives) {
  const char* given = std::getenv("FRESHET_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const std::uint64_t count = given != nullptr ? 1 : 100;
  std::map<JobState, int> ends;
  for (std::uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("again with FRESHET_SEED=" + std::to_string(seed));
    Storm storm(seed);
    storm.run();
    for (const auto& [job, state] : storm.ends()) ++ends[state];
  }
  // A storm that lets no job through, or breaks none, would test nothing.
  for (const JobState state : {JobState::finished, JobState::cancelled, JobState::failed})
    EXPECT_TRUE(given != nullptr || ends[state] > 20) << state_text(state) << " " << ends[state];
}

}  // namespace
}  // namespace freshet::manager
