#pragma once

#include <string>
#include <string_view>

#include "runtime/agent/ports.h"

namespace freshet::agent {

/// Time of all cores since boot, in ticks.
struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};

/// From the text of /proc/stat; zeros when it has no "cpu" line.
CpuTicks parse_cpu_ticks(std::string_view proc_stat);
/// Value of a line such as `MemTotal:  16384 kB` of /proc/meminfo, in bytes; 0 when there is none.
std::uint64_t parse_memory(std::string_view proc_meminfo, std::string_view name);

/// Value of a line such as `oom_kill 3` of memory.events or /proc/vmstat; nothing when there is none.
std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view name);
/// The path in the line `0::/path` of /proc/self/cgroup; nothing when there is none, as without version 2.
std::optional<std::string> parse_cgroup_path(std::string_view proc_cgroup);

/// Reads /proc/stat, /proc/meminfo and the file system that `directory` is on. What cannot be read is 0. One thread.
///
/// Memory kills are those of the own control group (version 2, with the memory controller), under which the workers
/// run, too; its limit is the lowest on the way up. Without one they are those of the machine.
class ProcMachineGauge final : public MachineGauge {
 public:
  /// `proc` and `cgroup`: where the kernel's files are; others in tests.
  explicit ProcMachineGauge(std::string directory, std::string proc = "/proc", std::string cgroup = "/sys/fs/cgroup")
      : directory_(std::move(directory)), proc_(std::move(proc)), cgroup_(std::move(cgroup)) {}
  MachineReading read() override;
  std::optional<MemoryKills> memory_kills() override;

 private:
  const std::string directory_;
  const std::string proc_;
  const std::string cgroup_;
  CpuTicks last_{};
};

}  // namespace freshet::agent
