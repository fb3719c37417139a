#include "runtime/cli/surroundings.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

namespace freshet::cli {
namespace {

// A pipe and not a flag: poll() on it sees a signal that came just before the wait.
int interrupt_pipe[2] = {-1, -1};

extern "C" void on_interrupt(int) {
  const char byte = 1;
  // The pipe is empty but for this byte; nothing useful can be done in a handler if it is not written.
  [[maybe_unused]] const ssize_t written = write(interrupt_pipe[1], &byte, 1);
}

std::int64_t steady_ms() {
  const auto since = base::SystemClock().steady().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

bool pause_for(std::int64_t milliseconds) {
  const std::int64_t end_ms = steady_ms() + milliseconds;
  for (;;) {
    const std::int64_t left_ms = std::clamp<std::int64_t>(end_ms - steady_ms(), 0, 3'600'000);
    pollfd ready{interrupt_pipe[0], POLLIN, 0};
    const int count = poll(&ready, 1, static_cast<int>(left_ms));
    if (count > 0) return false;
    if (count == 0 && steady_ms() >= end_ms) return true;
  }
}

void catch_interrupts() {
  CHECK(pipe2(interrupt_pipe, O_CLOEXEC | O_NONBLOCK) == 0, "a process can open a pipe at its start");
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(SIGINT, &action, nullptr) == 0, "SIGINT can be caught");
  CHECK(sigaction(SIGTERM, &action, nullptr) == 0, "SIGTERM can be caught");
}

}  // namespace

Surroundings real_surroundings() {
  catch_interrupts();
  // A reader that goes away (`freshet logs -f | head`) ends the verb by the default action of SIGPIPE; nothing to do.
  Surroundings around;
  around.out = &std::cout;
  around.err = &std::cerr;
  around.terminal = Terminal::of(STDOUT_FILENO, std::getenv("NO_COLOR"), std::getenv("TERM"));
  around.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
  around.now_ms = [] { return base::SystemClock().wall_us() / 1000; };
  around.steady_ms = steady_ms;
  around.pause = pause_for;
  return around;
}

}  // namespace freshet::cli
