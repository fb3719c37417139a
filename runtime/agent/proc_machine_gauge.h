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

/// Reads /proc/stat, /proc/meminfo and the file system that `directory` is on. What cannot be read is 0. One thread.
class ProcMachineGauge final : public MachineGauge {
 public:
  explicit ProcMachineGauge(std::string directory) : directory_(std::move(directory)) {}
  MachineReading read() override;

 private:
  const std::string directory_;
  CpuTicks last_{};
};

}  // namespace freshet::agent
