#include "runtime/job_manager/recoveries.h"

#include <algorithm>

#include "runtime/job_manager/cause.h"

namespace freshet::manager {

void Recoveries::on_failure(base::SteadyTime now) {
  if (!failed_at_) failed_at_ = now;
  forget_at_.reset();
}

bool Recoveries::on_running(base::SteadyTime now) {
  if (!failed_at_) return false;
  ++count_;
  last_took_ = std::chrono::duration_cast<Duration>(now - *failed_at_);
  failed_at_.reset();
  forget_at_ = now + kRemembered;
  return true;
}

bool Recoveries::forget(base::SteadyTime now) {
  if (!forget_at_ || now < *forget_at_) return false;
  forget_at_.reset();
  count_ = 0;
  return true;
}

base::SteadyTime Recoveries::next_deadline(base::SteadyTime fallback) const {
  return forget_at_ ? std::min(fallback, *forget_at_) : fallback;
}

std::string Recoveries::effect() const {
  const std::string count = std::to_string(count_) + (count_ == 1 ? " recovery, in " : " recoveries, the last in ");
  return count + rounded_duration(last_took_) + "; nothing is lost";
}

}  // namespace freshet::manager
