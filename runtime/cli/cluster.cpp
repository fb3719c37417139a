#include "runtime/cli/cluster.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace freshet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPidSuffix = ".pid";

std::string pid_path(const std::string& data, const std::string& name) {
  return data + "/" + name + std::string(kPidSuffix);
}
std::string log_path(const std::string& data, const std::string& name) { return data + "/" + name + ".log"; }

Failure system_failure(const std::string& what) { return {ExitCode::kFailed, what + ": " + std::strerror(errno)}; }

/// "local-2" before "local-10", the manager before all.
bool comes_before(const ClusterDaemon& left, const ClusterDaemon& right) {
  const auto rank = [](const std::string& name) { return name == kManagerDaemon ? 0 : 1; };
  if (rank(left.name) != rank(right.name)) return rank(left.name) < rank(right.name);
  if (left.name.size() != right.name.size()) return left.name.size() < right.name.size();
  return left.name < right.name;
}

/// A reader sees the old file or the new one, never half a pid.
bool write_whole(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << text;
  file.close();
  return file.good() && std::rename(draft.c_str(), path.c_str()) == 0;
}

}  // namespace

Result<std::string> data_folder(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return fs::absolute(flag).lexically_normal().string();
  if (const auto state_home = environment("XDG_STATE_HOME")) return *state_home + "/freshet";
  if (const auto home = environment("HOME")) return *home + "/.local/state/freshet";
  return Failure{ExitCode::kUsage, "no place for data: neither XDG_STATE_HOME nor HOME is set. Say --data DIR"};
}

std::string below_home(const std::string& path, const Environment& environment) {
  const auto home = environment("HOME");
  return home && path.starts_with(*home + "/") ? "~" + path.substr(home->size()) : path;
}

std::string pid_file_text(const ProcessIdentity& process, int port) {
  return std::to_string(process.pid) + " " + std::to_string(process.start_ticks) + " " + std::to_string(port) + "\n";
}

std::optional<ClusterDaemon> parse_pid_file(const std::string& name, const std::string& text) {
  ClusterDaemon daemon;
  daemon.name = name;
  std::istringstream fields(text);
  const bool whole = static_cast<bool>(fields >> daemon.process.pid >> daemon.process.start_ticks >> daemon.port);
  // Pid 1 and below are never a daemon of ours; a damaged file must not make them one.
  if (!whole || daemon.process.pid <= 1) return std::nullopt;
  return daemon;
}

std::vector<ClusterDaemon> read_daemons(const std::string& data) {
  std::vector<ClusterDaemon> daemons;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data, error)) {
    const std::string file_name = entry.path().filename().string();
    if (!file_name.ends_with(kPidSuffix)) continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    auto daemon = parse_pid_file(file_name.substr(0, file_name.size() - kPidSuffix.size()), text.str());
    if (!daemon) continue;
    reap(daemon->process.pid);
    daemon->alive = is_alive(daemon->process);
    daemons.push_back(*daemon);
  }
  std::sort(daemons.begin(), daemons.end(), comes_before);
  return daemons;
}

Result<ClusterDaemon> start_daemon(const std::string& data, const std::string& name, int port,
                                   std::vector<std::string> arguments, const Surroundings& around) {
  const int log = open(log_path(data, name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return system_failure("cannot write " + log_path(data, name));
  SpawnOptions options;
  options.executable = around.executable;
  options.arguments = std::move(arguments);
  options.output = log;
  options.errors = log;
  options.own_session = true;
  const auto pid = spawn(options);
  close(log);
  if (!pid) return pid.failure();
  ClusterDaemon daemon;
  daemon.name = name;
  daemon.port = port;
  const auto process = identify(*pid);
  daemon.alive = process.has_value();
  daemon.process = process.value_or(ProcessIdentity{*pid, 0});
  if (daemon.alive && !write_whole(pid_path(data, name), pid_file_text(daemon.process, port))) {
    const Failure failure = system_failure("cannot write " + pid_path(data, name));
    stop_process(daemon.process, 0, around);
    return failure;
  }
  return daemon;
}

void forget_daemon(const std::string& data, const std::string& name) {
  std::error_code ignored;
  fs::remove(pid_path(data, name), ignored);
}

std::string last_log_lines(const std::string& data, const std::string& name, std::size_t count) {
  constexpr std::streamoff kTailBytes = 16'384;
  std::ifstream file(log_path(data, name), std::ios::ate);
  const std::streamoff size = file.tellg();
  if (size < 0) return {};
  file.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (lines.size() > count) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Result<ClusterLock> ClusterLock::take(const std::string& data) {
  std::error_code error;
  // Job parameters, secrets among them, end up below: a folder made here is the user's alone.
  if (fs::create_directories(data, error)) fs::permissions(data, fs::perms::owner_all, error);
  if (error) return Failure{ExitCode::kFailed, "cannot create " + data + ": " + error.message() + ". Say --data DIR"};
  const int descriptor = open((data + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_failure("cannot open " + data + "/lock");
  ClusterLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Failure{ExitCode::kBadState, "another freshet is starting or stopping the cluster of " + data +
                                            " just now. Look again: freshet cluster status"};
  }
  return lock;
}

ClusterLock::~ClusterLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace freshet::cli
