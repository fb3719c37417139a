#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "runtime/cli/terminal.h"

namespace freshet::cli {

/// Everything a verb gets from outside itself: streams, environment, time, interruption. Made once by main(), made of
/// fakes by tests; used by the one thread that runs the verb. Owns none of what it points to.
struct Surroundings {
  std::ostream* out = nullptr;  // results
  std::ostream* err = nullptr;  // everything else
  Terminal terminal;
  /// A variable of the environment; nothing when unset or empty.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  /// Epoch milliseconds.
  std::function<std::int64_t()> now_ms;
  /// Milliseconds of a clock that never jumps, for time-outs.
  std::function<std::int64_t()> steady_ms;
  /// Waits; false when Ctrl-C came, now or since the last pause.
  std::function<bool(std::int64_t milliseconds)> pause;
  /// What is started as `freshet`: inspect-library, job-manager, agent.
  std::string executable = "/proc/self/exe";
};

/// The real ones: std::cout, std::cerr, getenv, the clocks. From here on SIGINT and SIGTERM only make pause() return
/// false; the second one ends the process, so that a verb which does not pause can still be stopped.
Surroundings real_surroundings();

}  // namespace freshet::cli
