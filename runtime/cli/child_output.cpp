#include "runtime/cli/child_output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/base/check.h"
#include "runtime/cli/pidfd.h"
#include "runtime/cli/process.h"

namespace freshet::cli {
namespace {

/// A pipe whose ends close with it.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{};
    CHECK(pipe2(ends.data(), O_CLOEXEC) == 0, "the process may open a pipe");
    read_end = ends[0];
    write_end = ends[1];
    fcntl(read_end, F_SETFL, O_NONBLOCK);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_write_end();
    close(read_end);
  }
  void close_write_end() {
    if (write_end >= 0) close(write_end);
    write_end = -1;
  }
};

enum class Drained { kEmpty, kEnded };

/// Reads what is there. Bytes over `limit` are dropped, and `text` then is one longer than the limit.
Drained drain(int descriptor, std::string& text, std::size_t limit) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count == 0) return Drained::kEnded;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? Drained::kEmpty : Drained::kEnded;
    const std::size_t room = limit + 1 - std::min(text.size(), limit + 1);
    text.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
    if (text.size() > limit) return Drained::kEmpty;  // the caller looks at the limit before it reads on
  }
}

ChildOutput collect(pid_t pid, Pipe& output, Pipe& errors, const ChildLimits& limits, const Surroundings& around) {
  ChildOutput result;
  const int handle = pidfd_open(pid, 0);
  CHECK(handle >= 0, "a child that was not waited for can be opened");
  const std::int64_t end_ms = around.steady_ms() + limits.timeout_ms;
  std::array<pollfd, 3> ready{{{output.read_end, POLLIN, 0}, {errors.read_end, POLLIN, 0}, {handle, POLLIN, 0}}};
  // The child's own end is waited for, not the end of the pipes: what it started may hold them open for ever.
  bool ended = false;
  bool killed = false;
  while (!ended) {
    const std::int64_t left = killed ? -1 : std::max<std::int64_t>(0, end_ms - around.steady_ms());
    if (poll(ready.data(), ready.size(), static_cast<int>(std::min<std::int64_t>(left, 3'600'000))) < 0) continue;
    ended = ready[2].revents != 0;
    if (drain(output.read_end, result.output, limits.output_bytes) == Drained::kEnded) ready[0].fd = -1;
    if (drain(errors.read_end, result.errors, limits.error_bytes) == Drained::kEnded) ready[1].fd = -1;
    if (result.errors.size() > limits.error_bytes) result.errors.resize(limits.error_bytes);
    const bool too_much = result.output.size() > limits.output_bytes;
    if (killed || (ended && !too_much)) continue;
    if (too_much || around.steady_ms() >= end_ms) {
      result.end = too_much ? ChildOutput::End::kTooMuchOutput : ChildOutput::End::kTimedOut;
      pidfd_send_signal(handle, SIGKILL, nullptr, 0);
      killed = true;
      ready[0].fd = ready[1].fd = -1;
    }
  }
  close(handle);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (killed) return result;
  result.end = WIFSIGNALED(status) ? ChildOutput::End::kSignalled : ChildOutput::End::kExited;
  result.number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace

Result<ChildOutput> run_child(const std::vector<std::string>& arguments, const ChildLimits& limits,
                              const Surroundings& around) {
  Pipe output;
  Pipe errors;
  SpawnOptions options;
  options.executable = around.executable;
  options.arguments = arguments;
  options.output = output.write_end;
  options.errors = errors.write_end;
  const auto pid = spawn(options);
  if (!pid) return pid.failure();
  output.close_write_end();
  errors.close_write_end();
  return collect(*pid, output, errors, limits, around);
}

}  // namespace freshet::cli
