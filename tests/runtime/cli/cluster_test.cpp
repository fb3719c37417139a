#include "runtime/cli/cluster.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support.h"

namespace freshet::cli {
namespace {

/// Real daemons in a folder of the test; whatever happens, none is left behind.
class LocalCluster : public testing::Test {
 protected:
  LocalCluster() {
    fake_.use_real_time();
    fake_.variables["HOME"] = folder_.path;
  }
  ~LocalCluster() override { stop("--grace 1s"); }

  ExitCode start(const std::string& flags) {
    return fake_.run("cluster start --data " + data_ + " --port " + std::to_string(port_) + " " + flags);
  }
  ExitCode stop(const std::string& flags = "") { return fake_.run("cluster stop --data " + data_ + " " + flags); }

  test::TemporaryFolder folder_;
  std::string data_ = folder_.path + "/cluster";
  int port_ = test::closed_port();
  test::FakeSurroundings fake_;
};

TEST_F(LocalCluster, StartsWaitsAndStops) {
  ASSERT_EQ(start("--agents 2"), ExitCode::kDone) << fake_.err.str();
  const std::vector<ClusterDaemon> daemons = read_daemons(data_);
  ASSERT_EQ(daemons.size(), 3u);
  for (const ClusterDaemon& daemon : daemons) EXPECT_TRUE(daemon.alive) << daemon.name;
  const std::string text = fake_.out.str();
  EXPECT_TRUE(text.starts_with("job manager   127.0.0.1:" + std::to_string(port_) + " (REST, loopback only)    pid " +
                               std::to_string(daemons[0].process.pid) + "   ~/cluster/manager\n" +
                               "agents        local-1: 4 slots   local-2: 4 slots     up in "))
      << text;
  EXPECT_TRUE(text.ends_with("stop: freshet cluster stop --data " + data_ + "\n")) << text;
  ASSERT_EQ(stop(), ExitCode::kDone) << fake_.err.str();
  EXPECT_TRUE(fake_.out.str().starts_with("manager stopped   local-1 stopped   local-2 stopped\n")) << fake_.out.str();
  EXPECT_TRUE(read_daemons(data_).empty());
  for (const ClusterDaemon& daemon : daemons) EXPECT_FALSE(is_alive(daemon.process)) << daemon.name;
}

TEST_F(LocalCluster, StartsOnlyWhatIsMissing) {
  ASSERT_EQ(start("--agents 1"), ExitCode::kDone) << fake_.err.str();
  const std::vector<ClusterDaemon> before = read_daemons(data_);
  ASSERT_EQ(start("--agents 1"), ExitCode::kDone) << fake_.err.str();
  EXPECT_TRUE(fake_.out.str().starts_with("already running\n")) << fake_.out.str();
  ASSERT_EQ(start("--agents 2"), ExitCode::kDone) << fake_.err.str();
  const std::vector<ClusterDaemon> after = read_daemons(data_);
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0].process, before[0].process);
  EXPECT_EQ(after[1].process, before[1].process);
  EXPECT_EQ(fake_.run("cluster start --data " + data_ + " --port " + std::to_string(port_ + 1)), ExitCode::kBadState);
  EXPECT_EQ(fake_.run("cluster status --data " + data_), ExitCode::kDone) << fake_.err.str();
}

TEST_F(LocalCluster, ShowsTheLogOfADaemonThatEndsAtOnceAndLeavesNothing) {
  std::filesystem::create_directories(data_);
  std::ofstream(data_ + "/manager-must-fail").flush();
  EXPECT_EQ(start("--agents 1 --timeout 60s"), ExitCode::kFailed);
  EXPECT_NE(fake_.err.str().find("manager ended at once"), std::string::npos) << fake_.err.str();
  EXPECT_NE(fake_.err.str().find("  | cannot listen: the port is on fire"), std::string::npos) << fake_.err.str();
  EXPECT_TRUE(read_daemons(data_).empty());
}

TEST_F(LocalCluster, RefusesAPortThatAnotherServes) {
  const test::FakeManager other;
  port_ = other.port();
  EXPECT_EQ(start(""), ExitCode::kBadState);
  EXPECT_NE(fake_.err.str().find("is served by another process already"), std::string::npos) << fake_.err.str();
}

TEST_F(LocalCluster, KillsAnAgentThatDoesNotEnd) {
  ASSERT_EQ(start("--agents 1 --slots 13"), ExitCode::kDone) << fake_.err.str();
  ASSERT_EQ(stop("--grace 30ms"), ExitCode::kDone);
  EXPECT_NE(fake_.out.str().find("local-1 killed after --grace"), std::string::npos) << fake_.out.str();
}

TEST_F(LocalCluster, StopIsContentWithNothingToStop) {
  EXPECT_EQ(stop(), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "not running\n");
}

TEST_F(LocalCluster, StopLeavesAProcessAloneThatHasAPidOfOurs) {
  const auto self = identify(getpid());
  ASSERT_TRUE(self);
  std::filesystem::create_directories(data_);
  std::ofstream(data_ + "/manager.pid") << pid_file_text({self->pid, self->start_ticks - 1}, 7070);
  EXPECT_EQ(stop(), ExitCode::kDone);  // and this process lives to say so
  EXPECT_EQ(fake_.out.str(), "not running\n");
}

TEST_F(LocalCluster, OnlyOneVerbChangesItAtATime) {
  const auto lock = ClusterLock::take(data_);
  ASSERT_TRUE(lock);
  EXPECT_EQ(start(""), ExitCode::kBadState);
  EXPECT_EQ(stop(), ExitCode::kBadState);
}

TEST(ClusterFiles, NameNoProcessWhenDamaged) {
  for (const char* text : {"", "x", "42", "42 7", "0 7 7070", "1 7 7070", "-1 7 7070"}) {
    EXPECT_FALSE(parse_pid_file("manager", text)) << text;
  }
  const auto daemon = parse_pid_file("manager", pid_file_text({42, 7}, 7070));
  ASSERT_TRUE(daemon);
  EXPECT_EQ(daemon->process, (ProcessIdentity{42, 7}));
  EXPECT_EQ(daemon->port, 7070);
}

TEST(ClusterFiles, AreFoundWhereXdgSays) {
  test::FakeSurroundings fake;
  EXPECT_EQ(data_folder("", fake.around.environment).failure().code, ExitCode::kUsage);
  fake.variables["HOME"] = "/users/ann";
  EXPECT_EQ(*data_folder("", fake.around.environment), "/users/ann/.local/state/freshet");
  fake.variables["XDG_STATE_HOME"] = "/state";
  EXPECT_EQ(*data_folder("", fake.around.environment), "/state/freshet");
  EXPECT_EQ(*data_folder("/tmp/try", fake.around.environment), "/tmp/try");
}

}  // namespace
}  // namespace freshet::cli
