#include "runtime/job_manager/checkpoint_verifier.h"

#include <algorithm>

#include "runtime/job_manager/readable_storage.h"

namespace freshet::manager {

CheckpointVerifier::~CheckpointVerifier() { stopping_ = true; }

std::optional<std::uint64_t> CheckpointVerifier::begin(JobId job, CheckpointId checkpoint) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::count(verifications_, false, &Verification::is_over) >= std::ptrdiff_t{kMaxWaiting})
      return std::nullopt;
    if (verifications_.size() >= kMaxKept) verifications_.pop_front();
    Verification verification;
    verification.number = ++last_;
    verification.job = job;
    verification.checkpoint = checkpoint;
    verifications_.push_back(std::move(verification));
  }
  if (!thread_) thread_ = std::make_unique<base::BackgroundThread>("verify");
  thread_->post([this, number = last_, job, checkpoint] { verify(number, job, checkpoint); });
  return last_;
}

std::optional<CheckpointVerifier::Verification> CheckpointVerifier::find(JobId job, std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(verifications_, number, &Verification::number);
  if (found == verifications_.end() || found->job != job) return std::nullopt;
  return *found;
}

void CheckpointVerifier::verify(std::uint64_t number, JobId job, CheckpointId checkpoint) {
  ReadableStorage storage(storage_, [this] { return stopping_.load(); });
  Verification found;
  const auto is_there = [&] {
    const auto listed = checkpoint::list_checkpoints(storage, job);
    if (!listed) found.why = listed.error().message;
    const bool there = listed && std::ranges::find(*listed, checkpoint) != listed->end();
    if (listed && !there) found.why = "it is no longer there";
    return there;
  };
  if (is_there()) {
    if (const auto manifest = checkpoint::load_manifest(storage, job, checkpoint); !manifest) {
      found.damages = {{checkpoint::manifest_name(job, checkpoint), manifest.error().message}};
    } else {
      found.damages = checkpoint::verify_checkpoint(storage, *manifest);
      for (const auto& snapshot : manifest->snapshots) {
        found.files += snapshot.name.empty() ? 0 : 1;
        found.bytes += snapshot.bytes;
      }
    }
    // It may have been deleted while it was read.
    if (!found.damages.empty() && !is_there()) found.damages.clear();
  }
  if (stopping_) found.why = "the job manager ends";
  if (found.damages.size() > kMaxDamages) {
    found.more_damages = found.damages.size() - kMaxDamages;
    found.damages.resize(kMaxDamages);
  }
  const std::lock_guard lock(mutex_);
  const auto here = std::ranges::find(verifications_, number, &Verification::number);
  if (here == verifications_.end()) return;
  found.number = number;
  found.job = job;
  found.checkpoint = checkpoint;
  found.is_over = true;
  *here = std::move(found);
}

}  // namespace freshet::manager
