#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include <freshet/result.h>
#include "runtime/base/clock.h"

namespace freshet::manager {

enum class RestartKind : std::uint8_t {
  none,          ///< the first failure is the last
  fixed,         ///< so many restarts in all, the same delay before each
  exponential,   ///< for ever, with delays that double; they begin anew after a time without failures
  failure_rate,  ///< for ever, unless there are too many within a time
};
FRESHET_ENUM(RestartKind, none, fixed, exponential, failure_rate)

/// When a job that has failed is started again.
struct RestartPolicy {
  RestartKind kind = RestartKind::failure_rate;
  std::uint32_t restarts = 5;  ///< fixed: in all; failure_rate: within `within`
  Duration within{60'000};     ///< failure_rate
  Duration delay{0};           ///< before each restart; exponential: before the first
  Duration limit{60'000};      ///< exponential: the longest delay, and how long without a failure begins it anew
  bool operator==(const RestartPolicy&) const = default;
  FRESHET_RECORD(kind, restarts, within, delay, limit)
};

/// `none`, `fixed 10 1s`, `exponential 100ms 1min`, `rate 5 60s`, `rate 5 60s 1s`. Error: what is expected.
Result<RestartPolicy> parse_restart_policy(std::string_view text);
/// As parse_restart_policy() reads it.
std::string to_text(const RestartPolicy& policy);

/// Counts the failures of one job. Pure; the job manager's thread.
class RestartStrategy {
 public:
  explicit RestartStrategy(const RestartPolicy& policy) : policy_(policy) {}

  /// An attempt has failed. How long to wait before the next; nothing: there is to be none.
  std::optional<Duration> on_failure(base::SteadyTime now);
  /// The cause of the last `count` failures is gone: they are not held against the job.
  void forgive(std::uint32_t count);
  /// Why there is no other attempt: "5 restarts in 1min (limit 5)"; empty without restarts.
  std::string why_not() const;

 private:
  RestartPolicy policy_;
  std::uint32_t restarts_ = 0;
  Duration next_delay_{0};
  std::optional<base::SteadyTime> last_failure_;
  std::deque<base::SteadyTime> recent_;  // restarts, of failure_rate
};

}  // namespace freshet::manager
