#include "runtime/base/process.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "runtime/base/file.h"

namespace freshet::base {

namespace {

constexpr std::size_t kMaxProcBytes = 64u << 10;  // each of the files read here is far shorter

Result<std::string> read_proc(std::int64_t pid, const char* file) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  auto text = read_file(path, kMaxProcBytes);
  if (!text || text->empty()) return Error{"process " + std::to_string(pid) + " does not run (" + path + ")"};
  return text;
}

struct Stat {
  char state = '?';
  std::uint64_t start_time = 0;
};

/// The `index`-th of words separated by spaces, from 0; empty when there are fewer.
std::string_view word(std::string_view text, std::size_t index) {
  for (; index > 0; --index) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text.remove_prefix(space + 1);
  }
  return text.substr(0, text.find_first_of(" \n"));
}

bool parse_number(std::string_view text, std::uint64_t& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

Result<Stat> read_stat(std::int64_t pid) {
  auto text = read_proc(pid, "stat");
  if (!text) return text.error();
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const auto name_end = text->rfind(") ");
  Stat stat;
  if (name_end != std::string::npos) {
    const std::string_view rest = std::string_view(*text).substr(name_end + 2);
    constexpr std::size_t kStartTime = 22 - 3;  // proc(5) counts from 1; `rest` begins with field 3
    const auto state = word(rest, 0);
    if (state.size() == 1 && parse_number(word(rest, kStartTime), stat.start_time)) {
      stat.state = state[0];
      return stat;
    }
  }
  return Error{"/proc/" + std::to_string(pid) + "/stat is not as proc(5) describes it"};
}

}  // namespace

Result<std::uint64_t> process_start_time(std::int64_t pid) {
  auto stat = read_stat(pid);
  if (!stat) return stat.error();
  return stat->start_time;
}

bool is_process_alive(std::int64_t pid, std::uint64_t start_time) {
  const auto stat = read_stat(pid);
  return stat && stat->start_time == start_time && stat->state != 'Z' && stat->state != 'X';
}

Result<std::uint64_t> resident_bytes(std::int64_t pid) {
  auto text = read_proc(pid, "statm");
  if (!text) return text.error();
  std::uint64_t pages = 0;
  if (!parse_number(word(*text, 1), pages))
    return Error{"/proc/" + std::to_string(pid) + "/statm has no second number"};
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Result<std::uint64_t> proportional_bytes(std::int64_t pid) {
  auto text = read_proc(pid, "smaps_rollup");
  if (!text) return text.error();
  constexpr std::string_view kLabel = "\nPss:";
  const auto at = text->find(kLabel);
  std::uint64_t kilobytes = 0;
  if (at != std::string::npos) {
    std::string_view rest = std::string_view(*text).substr(at + kLabel.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (parse_number(rest, kilobytes)) return kilobytes * 1024;
  }
  return Error{"/proc/" + std::to_string(pid) + "/smaps_rollup has no line Pss"};
}

std::int64_t own_pid() { return getpid(); }

}  // namespace freshet::base
