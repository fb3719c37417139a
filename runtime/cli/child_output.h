#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cli/result.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

struct ChildLimits {
  std::int64_t timeout_ms = 10'000;
  std::size_t output_bytes = std::size_t{16} << 20;
  /// Of stderr only the beginning is kept: the first complaint is the cause of the others.
  std::size_t error_bytes = std::size_t{64} << 10;
};

/// How a child process ended and what it wrote.
struct ChildOutput {
  enum class End { kExited, kSignalled, kTimedOut, kTooMuchOutput };
  End end = End::kExited;
  int number = 0;  // exit code or signal
  std::string output;
  std::string errors;
};

/// Runs `arguments` (argv[0] included) with around.executable and collects what it writes. Returns when the child has
/// ended, or has been killed at a limit. kFailed: it could not be started.
Result<ChildOutput> run_child(const std::vector<std::string>& arguments, const ChildLimits& limits,
                              const Surroundings& around);

}  // namespace freshet::cli
