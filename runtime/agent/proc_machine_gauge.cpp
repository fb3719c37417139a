#include "runtime/agent/proc_machine_gauge.h"

#include <sys/statvfs.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace freshet::agent {
namespace {

std::string text_of(const char* path) {
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

MachineReading ProcMachineGauge::read() {
  MachineReading reading;
  const CpuTicks ticks = parse_cpu_ticks(text_of("/proc/stat"));
  if (ticks.total > last_.total && ticks.busy >= last_.busy)
    reading.cpu_percent =
        100.0 * static_cast<double>(ticks.busy - last_.busy) / static_cast<double>(ticks.total - last_.total);
  last_ = ticks;
  const std::string memory = text_of("/proc/meminfo");
  reading.memory_total = parse_memory(memory, "MemTotal");
  const std::uint64_t available = parse_memory(memory, "MemAvailable");
  reading.memory_used = reading.memory_total - std::min(reading.memory_total, available);
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) == 0) reading.disk_free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return reading;
}

}  // namespace freshet::agent
