#pragma once

#include <optional>
#include <string>

#include <freshet/record.h>
#include "runtime/base/clock.h"

namespace freshet::manager {

/// How often a job has come up again after failures, until it has run for a while without one. Pure; owned by its job.
class Recoveries {
 public:
  /// A failure is worth telling so long after the job runs again.
  static constexpr Duration kRemembered{600'000};

  /// An attempt has failed, and another will follow.
  void on_failure(base::SteadyTime now);
  /// All tasks run. True: again, after a failure.
  bool on_running(base::SteadyTime now);
  /// True, once: the failures are long enough ago.
  bool forget(base::SteadyTime now);
  /// When forget() is next true, if that is before `fallback`.
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;
  /// "3 recoveries, the last in 0.9 s; nothing is lost"
  std::string effect() const;

 private:
  std::optional<base::SteadyTime> failed_at_;  // not yet up again
  std::optional<base::SteadyTime> forget_at_;
  std::uint32_t count_ = 0;
  Duration last_took_{0};
};

}  // namespace freshet::manager
