#include "runtime/agent/process_launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/process.h"

namespace freshet::agent {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kProcessFile = ".process";

/// Attributes and file actions of one posix_spawn. That call, unlike fork and exec by hand, is safe in a process with
/// threads, which the embedded run is.
class Spawn {
 public:
  explicit Spawn(const std::string& output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  Result<pid_t> run(const std::string& executable, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "freshet");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, executable.c_str(), &actions_, &attributes_, argv.data(), environ);
    if (error != 0) return Error{executable + " cannot be run: " + std::strerror(error)};
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::string tail_of(const std::string& path, std::size_t max_bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(file.tellg());
  const std::size_t wanted = std::min(size, max_bytes);
  std::string text(wanted, '\0');
  file.seekg(static_cast<std::streamoff>(size - wanted));
  file.read(text.data(), static_cast<std::streamsize>(wanted));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string last_lines(std::string text, std::size_t count) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  std::size_t begin = text.size();
  for (std::size_t line = 0; line < count && begin != std::string::npos && begin != 0; ++line)
    begin = text.rfind('\n', begin - 1);
  return begin == std::string::npos || begin == 0 ? text : text.substr(begin + 1);
}

std::optional<wire::RecordTrace> crash_report(const std::string& path) {
  std::error_code error;
  if (fs::file_size(path, error) > ProcessLauncher::kMaxCrashFileBytes || error) return std::nullopt;
  const std::string bytes = tail_of(path, ProcessLauncher::kMaxCrashFileBytes);
  // What stands behind the report is no part of it: the page it is written into has a fixed size.
  ByteReader reader(bytes);
  wire::RecordTrace trace;
  if (!decode(reader, trace)) return std::nullopt;
  return trace;
}

}  // namespace

ProcessLauncher::ProcessLauncher(LauncherOptions options)
    : options_(std::move(options)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(epoll_ >= 0, "the machine has a descriptor to watch processes with");
}

ProcessLauncher::~ProcessLauncher() {
  for (const auto& [key, process] : processes_) ::close(process.pidfd);
  ::close(epoll_);
}

std::string ProcessLauncher::path_of(const WorkerKey& worker) const {
  return options_.data + "/jobs/job-" + std::to_string(worker.job.value) + "/attempt-" +
         std::to_string(worker.attempt.value) + "/worker-" + std::to_string(worker.worker.value);
}

std::vector<WorkerKey> ProcessLauncher::running() const {
  std::vector<WorkerKey> workers;
  for (const auto& [worker, process] : processes_) workers.push_back(worker);
  return workers;
}

std::vector<std::string> ProcessLauncher::arguments_of(const WorkerSpec& spec) const {
  const std::string path = path_of(spec.worker);
  const std::pair<const char*, std::string> flags[] = {
      {"--manager", options_.manager},
      {"--job", std::to_string(spec.worker.job.value)},
      {"--attempt", std::to_string(spec.worker.attempt.value)},
      {"--worker", std::to_string(spec.worker.worker.value)},
      {"--library", spec.library_path},
      {"--job-name", spec.job_name},
      {"--data", path},
      {"--crash-file", path + ".crash"},
      {"--orphan-after", std::to_string(options_.orphan_after.count()) + "ms"},
      {"--reads-per-second", std::to_string(static_cast<std::uint64_t>(options_.reads_per_second))},
  };
  std::vector<std::string> arguments = {"worker"};
  for (const auto& [flag, value] : flags) {
    arguments.emplace_back(flag);
    arguments.push_back(value);
  }
  return arguments;
}

Result<std::uint64_t> ProcessLauncher::start(const WorkerSpec& spec) {
  CHECK(!processes_.contains(spec.worker), "a worker is started once");
  const std::string path = path_of(spec.worker);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Error{"folder " + path + " cannot be made: " + error.message()};
  for (const char* of_another : {".crash", "/exit_code"}) fs::remove(path + of_another, error);
  remove_spilled_state(spec.worker);

  const Result<pid_t> pid = Spawn(path + ".out").run(options_.executable, arguments_of(spec));
  if (!pid) return pid.error();
  // Not yet waited for, so the pid is still this process's even when it has ended already.
  const Process process{*pid, static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)), true};
  if (auto watched = watch(spec.worker, process); !watched) {
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return watched.error();
  }
  // Should it not be written, another agent does not find the worker, and the job manager has it end.
  if (const auto started = base::process_start_time(*pid); started)
    std::ofstream(path + std::string(kProcessFile)) << *pid << ' ' << *started << '\n';
  return static_cast<std::uint64_t>(*pid);
}

/// Owns the descriptor from now on.
Status ProcessLauncher::watch(const WorkerKey& worker, const Process& process) {
  struct epoll_event event {};
  event.events = EPOLLIN;
  if (process.pidfd < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, process.pidfd, &event) != 0) {
    const std::string why = std::strerror(errno);
    if (process.pidfd >= 0) ::close(process.pidfd);
    return Error{"the process cannot be watched: " + why};
  }
  processes_[worker] = process;
  return {};
}

std::vector<Survivor> ProcessLauncher::take_over() {
  std::vector<Survivor> survivors;
  for (const std::string& path : process_files()) {
    WorkerKey worker;
    const std::string folder = path.substr(0, path.size() - kProcessFile.size());
    if (std::sscanf(folder.c_str() + options_.data.size(), "/jobs/job-%" SCNu64 "/attempt-%" SCNu32 "/worker-%" SCNu32,
                    &worker.job.value, &worker.attempt.value, &worker.worker.value) != 3 ||
        path_of(worker) != folder || processes_.contains(worker))
      continue;
    const auto process = find_survivor(path);
    std::error_code ignored;
    if (!process)
      fs::remove(path, ignored);
    else if (watch(worker, *process))
      survivors.push_back({worker, static_cast<std::uint64_t>(process->pid)});
    else
      ::kill(process->pid, SIGKILL);  // one that nobody watches must not live beside its successor
  }
  return survivors;
}

/// Those of all workers; what cannot be looked into has none.
std::vector<std::string> ProcessLauncher::process_files() const {
  std::vector<std::string> files;
  const auto for_each_in = [](const fs::path& folder, const auto& act) {
    std::error_code error;
    fs::directory_iterator at(folder, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) act(at->path());
  };
  for_each_in(options_.data + "/jobs", [&](const fs::path& job) {
    for_each_in(job, [&](const fs::path& attempt) {
      for_each_in(attempt, [&](const fs::path& file) {
        if (file.native().ends_with(kProcessFile)) files.push_back(file.native());
      });
    });
  });
  return files;
}

/// The process that a file names, when it is still that one.
std::optional<ProcessLauncher::Process> ProcessLauncher::find_survivor(const std::string& path) const {
  std::int64_t pid = 0;
  std::uint64_t started = 0;
  if (!(std::ifstream(path) >> pid >> started) || pid <= 1) return std::nullopt;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  // Asked behind the opening: the pid cannot have gone to another process in between.
  if (pidfd >= 0 && base::is_process_alive(pid, started)) return Process{static_cast<pid_t>(pid), pidfd, false};
  if (pidfd >= 0) ::close(pidfd);
  return std::nullopt;
}

/// What workers of earlier attempts spilled is of no use to anybody; those that were killed have left it behind.
void ProcessLauncher::remove_spilled_state(const WorkerKey& worker) const {
  const std::string job = options_.data + "/jobs/job-" + std::to_string(worker.job.value);
  std::error_code error;
  fs::directory_iterator attempt(job, error);
  for (; !error && attempt != fs::directory_iterator(); attempt.increment(error)) {
    constexpr std::string_view kPrefix = "attempt-";
    const std::string name = attempt->path().filename();
    std::uint32_t number = 0;
    if (!name.starts_with(kPrefix)) continue;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
    if (number == 0 || number >= worker.attempt.value) continue;
    std::error_code gone;
    fs::directory_iterator folder(attempt->path(), gone);
    for (; !gone && folder != fs::directory_iterator(); folder.increment(gone)) {
      std::error_code ignored;  // what cannot be removed is tried again by the next attempt
      fs::remove_all(folder->path() / "state", ignored);
    }
  }
}

void ProcessLauncher::signal(const WorkerKey& worker, int number) {
  if (const auto found = processes_.find(worker); found != processes_.end())
    ::syscall(SYS_pidfd_send_signal, found->second.pidfd, number, nullptr, 0);
}

void ProcessLauncher::terminate(const WorkerKey& worker) { signal(worker, SIGTERM); }

void ProcessLauncher::kill(const WorkerKey& worker) { signal(worker, SIGKILL); }

std::vector<std::pair<WorkerKey, ExitStatus>> ProcessLauncher::reap() {
  std::vector<std::pair<WorkerKey, ExitStatus>> ended;
  for (auto at = processes_.begin(); at != processes_.end();) {
    const auto how = end_of(at->first, at->second);
    if (!how) {
      ++at;
      continue;
    }
    ended.emplace_back(at->first, *how);
    ::close(at->second.pidfd);
    std::error_code ignored;
    fs::remove(path_of(at->first) + std::string(kProcessFile), ignored);
    at = processes_.erase(at);
  }
  return ended;
}

/// Nothing: it has not ended.
std::optional<ExitStatus> ProcessLauncher::end_of(const WorkerKey& worker, const Process& process) const {
  if (process.is_child) {
    int status = 0;
    if (::waitpid(process.pid, &status, WNOHANG) != process.pid) return std::nullopt;
    if (WIFSIGNALED(status)) return ExitStatus{.signal = WTERMSIG(status)};
    return ExitStatus{.code = WEXITSTATUS(status)};
  }
  pollfd ready{process.pidfd, POLLIN, 0};
  if (::poll(&ready, 1, 0) != 1) return std::nullopt;
  // Somebody else's child: what it says itself has to do.
  ExitStatus how;
  if (!(std::ifstream(path_of(worker) + "/exit_code") >> how.code)) how = {.code = -1, .is_guessed = true};
  return how;
}

void ProcessLauncher::log_death(const WorkerKey& worker, const ExitStatus& status) const {
  if (status.signal == 0) return;
  const std::string path = path_of(worker);
  // The worker's own output: it must not be rotated away.
  auto log = base::Logger::to_file({.path = path + ".out", .max_bytes = std::numeric_limits<std::size_t>::max()},
                                   base::LogLevel::info);
  if (!log) return;
  const char* abbreviation = ::sigabbrev_np(status.signal);
  const std::string signal =
      abbreviation != nullptr ? std::string("SIG") + abbreviation : "signal " + std::to_string(status.signal);
  const auto trace = crash_report(path + ".crash").value_or(wire::RecordTrace{});
  (trace.operator_id.empty() ? *log : log->with("operator", trace.operator_id))
      .error("killed by ", signal, trace.origin.empty() ? "" : "; at ", trace.origin,
             trace.record.empty() ? "" : "; record ", trace.record);
}

Leftovers ProcessLauncher::leftovers(const WorkerKey& worker) {
  const std::string path = path_of(worker);
  return {last_lines(tail_of(path + ".out", kMaxLastWordsBytes), kMaxLastWordsLines), crash_report(path + ".crash")};
}

}  // namespace freshet::agent
