#include "runtime/agent/proc_machine_gauge.h"

#include <sys/statvfs.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace freshet::agent {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Takes the next number of a line, or answers false at its end.
bool next_number(std::string_view& line, std::uint64_t& value) {
  const std::size_t begin = line.find_first_of("0123456789");
  if (begin == std::string_view::npos) return false;
  line.remove_prefix(begin);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return error == std::errc();
}

/// Of a control group and those around it; 0: there is none.
std::uint64_t lowest_limit(const std::string& root, std::string_view path) {
  std::uint64_t lowest = 0;
  while (true) {
    const std::string text = text_of(root + std::string(path) + "/memory.max");  // "max" without a limit
    std::string_view line = text;
    std::uint64_t limit = 0;
    if (next_number(line, limit) && limit != 0) lowest = lowest == 0 ? limit : std::min(lowest, limit);
    if (path.empty()) return lowest;
    path = path.substr(0, path.rfind('/'));
  }
}

}  // namespace

CpuTicks parse_cpu_ticks(std::string_view proc_stat) {
  CpuTicks ticks;
  if (!proc_stat.starts_with("cpu ")) return ticks;
  std::string_view line = proc_stat.substr(4, proc_stat.find('\n') - 4);
  // user nice system idle iowait irq softirq steal; what follows is contained in these.
  constexpr int kColumns = 8, kIdle = 3, kIoWait = 4;
  std::uint64_t value = 0;
  for (int column = 0; column < kColumns && next_number(line, value); ++column) {
    ticks.total += value;
    if (column != kIdle && column != kIoWait) ticks.busy += value;
  }
  return ticks;
}

std::uint64_t parse_memory(std::string_view proc_meminfo, std::string_view name) {
  const std::string wanted = std::string(name) + ":";
  std::size_t at = proc_meminfo.find(wanted);
  while (at != std::string_view::npos && at != 0 && proc_meminfo[at - 1] != '\n')
    at = proc_meminfo.find(wanted, at + 1);
  if (at == std::string_view::npos) return 0;
  std::string_view line = proc_meminfo.substr(at, proc_meminfo.find('\n', at) - at);
  line.remove_prefix(wanted.size());
  std::uint64_t kib = 0;
  return next_number(line, kib) ? kib * 1024 : 0;
}

std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") continue;
    line.remove_prefix(name.size());
    std::uint64_t value = 0;
    return next_number(line, value) ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> parse_cgroup_path(std::string_view proc_cgroup) {
  constexpr std::string_view kVersion2 = "0::";
  while (!proc_cgroup.empty()) {
    const std::string_view line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    proc_cgroup.remove_prefix(std::min(proc_cgroup.size(), line.size() + 1));
    if (line.starts_with(kVersion2) && line.substr(kVersion2.size()).starts_with('/'))
      return std::string(line.substr(kVersion2.size()));
  }
  return std::nullopt;
}

std::optional<MemoryKills> ProcMachineGauge::memory_kills() {
  constexpr std::string_view kKills = "oom_kill";
  if (const auto path = parse_cgroup_path(text_of(proc_ + "/self/cgroup"))) {
    if (const auto count = parse_counter(text_of(cgroup_ + *path + "/memory.events"), kKills))
      return MemoryKills{true, *count, lowest_limit(cgroup_, *path)};
  }
  if (const auto count = parse_counter(text_of(proc_ + "/vmstat"), kKills)) return MemoryKills{.count = *count};
  return std::nullopt;
}

MachineReading ProcMachineGauge::read() {
  MachineReading reading;
  const CpuTicks ticks = parse_cpu_ticks(text_of(proc_ + "/stat"));
  if (ticks.total > last_.total && ticks.busy >= last_.busy)
    reading.cpu_percent =
        100.0 * static_cast<double>(ticks.busy - last_.busy) / static_cast<double>(ticks.total - last_.total);
  last_ = ticks;
  const std::string memory = text_of(proc_ + "/meminfo");
  reading.memory_total = parse_memory(memory, "MemTotal");
  const std::uint64_t available = parse_memory(memory, "MemAvailable");
  reading.memory_used = reading.memory_total - std::min(reading.memory_total, available);
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) == 0) reading.disk_free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return reading;
}

}  // namespace freshet::agent
