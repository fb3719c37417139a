#pragma once

#include <cstdint>
#include <functional>

#include "runtime/cli/result.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

enum class Waited { kReached, kTimedOut, kInterrupted };

inline constexpr std::int64_t kFirstPollMs = 10;
/// Polling more rarely saves nothing a job manager would notice; polling more often does not show people more.
inline constexpr std::int64_t kLastPollMs = 250;
inline constexpr std::int64_t kForever = -1;

/// Asks `reached` at once and then at growing intervals until it says true, fails, `limit_ms` are over or Ctrl-C comes.
Result<Waited> wait_until(const Surroundings& around, std::int64_t limit_ms,
                          const std::function<Result<bool>()>& reached);

}  // namespace freshet::cli
