#include "runtime/reads/caller_limits.h"

#include <algorithm>

namespace freshet::reads {

bool CallerLimits::take(const std::string& caller, std::size_t keys) {
  if (options_.per_second <= 0) return true;
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  Bucket& bucket = bucket_of(caller, now);
  fill(bucket, now);
  const double wanted = std::min(static_cast<double>(keys), std::max(1.0, options_.per_second));
  if (bucket.tokens < wanted) return false;
  bucket.tokens -= wanted;
  return true;
}

std::size_t CallerLimits::callers() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

void CallerLimits::fill(Bucket& bucket, base::SteadyTime now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.filled = now;
  bucket.tokens = std::min(std::max(1.0, options_.per_second), bucket.tokens + seconds * options_.per_second);
}

CallerLimits::Bucket& CallerLimits::bucket_of(const std::string& caller, base::SteadyTime now) {
  if (const auto found = buckets_.find(caller); found != buckets_.end()) return found->second;
  const double full = std::max(1.0, options_.per_second);
  if (buckets_.size() >= options_.most_callers && now >= next_cleaning_) {
    // Who has not asked for a while has a full bucket, as a new one has.
    std::erase_if(buckets_, [&](const auto& each) {
      Bucket bucket = each.second;
      fill(bucket, now);
      return bucket.tokens >= full;
    });
    next_cleaning_ = now + std::chrono::seconds(1);
  }
  if (buckets_.size() >= options_.most_callers) return others_;
  return buckets_.try_emplace(caller, Bucket{full, now}).first->second;
}

}  // namespace freshet::reads
