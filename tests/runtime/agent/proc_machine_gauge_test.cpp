#include "runtime/agent/proc_machine_gauge.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace freshet::agent
