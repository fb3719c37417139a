#include "tests/integration/process_table.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "operators/connectors/input_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;

std::string all_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// All listening sockets of this machine: inode -> port.
std::map<std::string, int> all_listening() {
  constexpr const char* kListen = "0A";
  std::map<std::string, int> ports;
  for (const auto* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::istringstream lines(all_of(table));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::vector<std::string> columns;
      for (std::string word; words >> word;) columns.push_back(word);
      if (columns.size() > 9 && columns[3] == kListen)
        ports[columns[9]] = std::stoi(columns[1].substr(columns[1].rfind(':') + 1), nullptr, 16);
    }
  }
  return ports;
}

}  // namespace

std::string command_line(pid_t pid) {
  std::string text = all_of("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

bool is_alive(pid_t pid) {
  const std::string stat = all_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] != 'Z' &&
         stat[name_end + 2] != 'X';
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    if (command_line(pid).find(text) != std::string::npos && is_alive(pid)) pids.push_back(pid);
  }
  return pids;
}

std::set<std::string> listening_sockets(const std::vector<pid_t>& pids) {
  const auto listening = all_listening();
  std::set<std::string> found;
  for (const pid_t pid : pids) {
    std::error_code error;
    fs::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error);
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
      std::error_code gone;
      const std::string target = fs::read_symlink(entry->path(), gone).string();
      constexpr std::string_view kSocket = "socket:[";
      if (!target.starts_with(kSocket)) continue;
      const std::string inode = target.substr(kSocket.size(), target.size() - kSocket.size() - 1);
      if (listening.contains(inode)) found.insert(inode);
    }
  }
  return found;
}

std::set<std::string> still_listening(const std::set<std::string>& sockets) {
  const auto listening = all_listening();
  std::set<std::string> still;
  for (const auto& inode : sockets)
    if (listening.contains(inode)) still.insert(inode);
  return still;
}

std::vector<int> listening_ports(pid_t pid) {
  const auto listening = all_listening();
  std::vector<int> ports;
  for (const auto& inode : listening_sockets({pid}))
    if (const auto found = listening.find(inode); found != listening.end()) ports.push_back(found->second);
  return ports;
}

std::vector<std::string> unmarked_files(const std::string& folder) {
  std::vector<std::string> unmarked;
  if (!fs::exists(folder)) return unmarked;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_part = name.starts_with("part-") && (name.ends_with(".csv") || name.ends_with(".jsonl"));
    if (entry.is_regular_file() && !is_part && !name.ends_with(files::kInProgress))
      unmarked.push_back(entry.path().string());
  }
  return unmarked;
}

}  // namespace freshet::integration
