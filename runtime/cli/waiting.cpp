#include "runtime/cli/waiting.h"

#include <algorithm>

namespace freshet::cli {

Result<Waited> wait_until(const Surroundings& around, std::int64_t limit_ms,
                          const std::function<Result<bool>()>& reached) {
  const std::int64_t begin = around.steady_ms();
  for (std::int64_t interval = kFirstPollMs;; interval = std::min(interval * 3 / 2, kLastPollMs)) {
    const auto now_reached = reached();
    if (!now_reached) return now_reached.failure();
    if (*now_reached) return Waited::kReached;
    if (limit_ms != kForever && around.steady_ms() - begin >= limit_ms) return Waited::kTimedOut;
    if (!around.pause(interval)) return Waited::kInterrupted;
  }
}

}  // namespace freshet::cli
