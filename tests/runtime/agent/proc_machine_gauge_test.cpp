#include "runtime/agent/proc_machine_gauge.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace freshet::agent {
namespace {

TEST(ProcMachineGauge, IdleAndWaitingForDisksIsNotBusy) {
  const CpuTicks ticks = parse_cpu_ticks("cpu  10 20 30 400 50 6 7 8 900 9\ncpu0 1 1 1 1\n");
  EXPECT_EQ(ticks.total, 531u);
  EXPECT_EQ(ticks.busy, 81u);
  EXPECT_EQ(parse_cpu_ticks("nothing here").total, 0u);
}

TEST(ProcMachineGauge, MemoryIsFoundByItsWholeName) {
  const std::string text = "SwapMemTotal: 7 kB\nMemTotal:   16 kB\nMemAvailable: 4 kB";
  EXPECT_EQ(parse_memory(text, "MemTotal"), 16384u);
  EXPECT_EQ(parse_memory(text, "MemAvailable"), 4096u);
  EXPECT_EQ(parse_memory(text, "MemFree"), 0u);
}

TEST(ProcMachineGauge, ReadsThisMachine) {
  ProcMachineGauge gauge("/");
  const MachineReading reading = gauge.read();
  EXPECT_GT(reading.memory_total, 0u);
  EXPECT_LE(reading.memory_used, reading.memory_total);
  EXPECT_GE(gauge.read().cpu_percent, 0.0);
}

TEST(ProcMachineGauge, CountersAreFoundByTheirWholeName) {
  const std::string text = "oom 7\noom_kill 3\noom_group_kill 4\n";
  EXPECT_EQ(parse_counter(text, "oom_kill"), 3u);
  EXPECT_EQ(parse_counter(text, "oom"), 7u);
  EXPECT_EQ(parse_counter(text, "kill"), std::nullopt);
  EXPECT_EQ(parse_counter("oom_kill", "oom_kill"), std::nullopt);
  EXPECT_EQ(parse_counter("oom_kill many\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(parse_counter("", "oom_kill"), std::nullopt);
}

TEST(ProcMachineGauge, TheControlGroupIsTheOneOfVersionTwo) {
  EXPECT_EQ(parse_cgroup_path("0::/system/freshet\n"), "/system/freshet");
  EXPECT_EQ(parse_cgroup_path("4:memory:/old\n0::/\n"), "/");
  EXPECT_EQ(parse_cgroup_path("4:memory:/old\n"), std::nullopt);
  EXPECT_EQ(parse_cgroup_path("0::relative"), std::nullopt);
}

/// The kernel's files in a folder.
class MemoryKillsTest : public testing::Test {
 protected:
  MemoryKillsTest() {
    std::string pattern = testing::TempDir() + "freshet-gauge-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~MemoryKillsTest() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::optional<MemoryKills> kills() const {
    return ProcMachineGauge("/", root_ + "/proc", root_ + "/cgroup").memory_kills();
  }

  std::string root_;
};

TEST_F(MemoryKillsTest, AreThoseOfTheOwnControlGroupUnderTheLowestLimit) {
  write("proc/self/cgroup", "0::/shop/freshet\n");
  write("proc/vmstat", "nr_free_pages 1\noom_kill 90\n");
  write("cgroup/shop/freshet/memory.events", "low 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n");
  write("cgroup/shop/freshet/memory.max", "max\n");
  write("cgroup/shop/memory.max", "2147483648\n");
  write("cgroup/memory.max", "4294967296\n");
  ASSERT_TRUE(kills().has_value());
  EXPECT_TRUE(kills()->of_agent);
  EXPECT_EQ(kills()->count, 2u);
  EXPECT_EQ(kills()->limit, 2147483648u);
}

TEST_F(MemoryKillsTest, AtTheTopOfAContainerTheLimitIsThereToo) {
  write("proc/self/cgroup", "0::/\n");
  write("cgroup/memory.events", "oom_kill 1\n");
  write("cgroup/memory.max", "1000\n");
  ASSERT_TRUE(kills().has_value());
  EXPECT_EQ(kills()->count, 1u);
  EXPECT_EQ(kills()->limit, 1000u);
}

TEST_F(MemoryKillsTest, WithoutAMemoryControllerAreThoseOfTheMachine) {
  write("proc/self/cgroup", "0::/shop\n");
  write("proc/vmstat", "nr_free_pages 1\noom_kill 90\n");
  ASSERT_TRUE(kills().has_value());
  EXPECT_FALSE(kills()->of_agent);
  EXPECT_EQ(kills()->count, 90u);
  EXPECT_EQ(kills()->limit, 0u);
}

TEST_F(MemoryKillsTest, OfAMachineThatDoesNotSayAreUnknown) { EXPECT_FALSE(kills().has_value()); }

}  // namespace
}  // namespace freshet::agent
