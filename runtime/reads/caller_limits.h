#pragma once

#include <map>
#include <mutex>
#include <string>

#include "runtime/base/clock.h"

namespace freshet::reads {

/// A token bucket for each caller: so many keys a second, and as many at once after a pause. Callers name themselves,
/// so there may be any number of them: those beyond `most_callers` at a time share one bucket. Any thread.
class CallerLimits {
 public:
  struct Options {
    double per_second = 5'000;  ///< keys; 0: no limit
    std::size_t most_callers = 10'000;
  };
  CallerLimits(Options options, const base::Clock& clock) : options_(options), clock_(clock) {}

  /// False: the caller has to wait. `keys` is at least 1; more than fit a full bucket are taken from a full one.
  [[nodiscard]] bool take(const std::string& caller, std::size_t keys);
  std::size_t callers() const;

 private:
  struct Bucket {
    double tokens = 0;
    base::SteadyTime filled{};
  };
  Bucket& bucket_of(const std::string& caller, base::SteadyTime now);
  void fill(Bucket& bucket, base::SteadyTime now) const;

  const Options options_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // once a request
  std::map<std::string, Bucket> buckets_;
  Bucket others_;
  base::SteadyTime next_cleaning_{};
};

}  // namespace freshet::reads
