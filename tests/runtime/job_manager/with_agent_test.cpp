#include <gtest/gtest.h>

#include <csignal>
#include <deque>

#include "runtime/agent/agent.h"
#include "tests/runtime/agent/fake_machine.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;

/// A real job manager and a real agent, joined by the encoded form of their messages.
class ManagerAndAgent final : public transport::ControlOutbox, public transport::ManagerOutbox {
 public:
  ManagerAndAgent() {
    EXPECT_TRUE(manager.recover().ok());
    EXPECT_TRUE(libraries.put(base::sha256_hex(library), library).ok());
    agent.on_connected();
    deliver();
  }
  void send(const std::string& peer, const wire::ControlMessage& message) override {
    if (peer == "agent")
      to_agent.push_back(through_the_wire(message));
    else
      to_workers.push_back(message);
  }
  void send(const wire::ControlMessage& message) override { to_manager.push_back(through_the_wire(message)); }

  void deliver() {
    while (!to_agent.empty() || !to_manager.empty()) {
      if (!to_manager.empty()) {
        const auto message = to_manager.front();
        to_manager.pop_front();
        manager.on_message("agent", message);
      } else {
        const auto message = to_agent.front();
        to_agent.pop_front();
        agent.on_message(message);
      }
    }
  }
  static wire::ControlMessage through_the_wire(const wire::ControlMessage& message) {
    ByteBuffer bytes;
    wire::encode_control(bytes, message);
    wire::ControlMessage decoded;
    std::string why;
    EXPECT_TRUE(wire::decode_control(bytes.view(), decoded, why)) << why;
    return decoded;
  }

  const std::string library = std::string(2 * wire::kLibraryChunkBytes + 5, 'l');
  std::deque<wire::ControlMessage> to_agent, to_manager;
  std::vector<wire::ControlMessage> to_workers;
  base::ManualClock clock;
  state::MemoryJournal journal;
  MemoryLibraryStore libraries;
  agent::FakeLauncher launcher;
  agent::FakeLibraryCache cache;
  agent::FakeGauge gauge;
  checkpoint::MemoryCheckpointStorage checkpoints;
  JobManager manager{{}, clock, *this, journal, libraries, checkpoints};
  agent::Agent agent{{"shop-1", "host", 8, 77, "0.1"}, clock, *this, launcher, cache, gauge};
};

TEST(ManagerWithAgent, LibraryIsFetchedWorkersAreStartedAndACrashComesBack) {
  ManagerAndAgent both;
  FakeCluster other;  // for its submission only
  Submission submission = other.submission("shop", 2, 2);
  submission.library_sha256 = base::sha256_hex(both.library);
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(both.manager.submit(submission)));
  both.deliver();
  ASSERT_EQ(both.launcher.started.size(), 2u);
  EXPECT_EQ(both.launcher.started[0].job_name, "shop");
  EXPECT_EQ(both.cache.parts[base::sha256_hex(both.library)], both.library);

  both.launcher.left = {"last words", wire::RecordTrace{"totals", "in.csv, line 3", "{}"}};
  both.agent.on_worker_exit(both.launcher.started[0].worker, {0, SIGSEGV});
  both.deliver();
  // The other worker has not said hello yet: its agent is asked to end it.
  EXPECT_EQ(both.launcher.terminated.size(), 1u);
  both.agent.on_worker_exit(both.launcher.started[1].worker, {0, SIGTERM});
  both.deliver();
  const Job& job = *both.manager.table().all().begin()->second;
  EXPECT_EQ(job.state(), dag::JobState::failed);
  EXPECT_EQ(job.reason(), "worker 0 on shop-1: SIGSEGV in totals at in.csv, line 3, record {}");
}

TEST(ManagerWithAgent, NewManagerGetsToKnowTheAgentAndLeavesItsWorkersAlone) {
  ManagerAndAgent both;
  FakeCluster other;
  Submission submission = other.submission("shop", 2, 1);
  submission.library_sha256 = base::sha256_hex(both.library);
  ASSERT_TRUE(std::holds_alternative<SubmitAnswer>(both.manager.submit(submission)));
  both.deliver();
  ASSERT_EQ(both.launcher.started.size(), 1u);

  JobManager next({}, both.clock, both, both.journal, both.libraries, both.checkpoints);
  ASSERT_TRUE(next.recover().ok());
  both.clock.advance(2s);
  both.agent.on_tick();
  for (int i = 0; i < 10; ++i) {
    while (!both.to_manager.empty()) {
      const auto message = both.to_manager.front();
      both.to_manager.pop_front();
      next.on_message("agent", message);
    }
    while (!both.to_agent.empty()) {
      const auto message = both.to_agent.front();
      both.to_agent.pop_front();
      both.agent.on_message(message);
    }
  }
  ASSERT_NE(next.agents().find("shop-1"), nullptr);
  EXPECT_TRUE(both.launcher.terminated.empty());
  EXPECT_EQ(both.launcher.started.size(), 1u);
  // One that is gone by then is known to be.
  both.agent.on_worker_exit(both.launcher.started[0].worker, {0, SIGKILL});
  next.on_message("agent", both.to_manager.front());
  EXPECT_EQ(next.table().all().begin()->second->state(), dag::JobState::failed);
}

}  // namespace
}  // namespace freshet::manager
