#include "runtime/job_manager/checkpoint_verifier.h"

#include <algorithm>

#include "runtime/checkpoint/state_inventory.h"
#include "runtime/reads/readable_storage.h"

namespace freshet::manager {
namespace {

/// Whether the checkpoint is in the storage; when that is not known, `why` says so.
bool is_there(checkpoint::CheckpointStorage& storage, JobId job, CheckpointId checkpoint, std::string& why) {
  const auto listed = checkpoint::list_checkpoints(storage, job);
  if (!listed) why = listed.error().message;
  const bool there = listed && std::ranges::find(*listed, checkpoint) != listed->end();
  if (listed && !there) why = "it is no longer there";
  return there;
}

/// The newest that is complete; 0: there is none.
Result<CheckpointId> newest_complete(checkpoint::CheckpointStorage& storage, JobId job) {
  const auto listed = checkpoint::list_checkpoints(storage, job);
  if (!listed) return listed.error();
  for (auto id = listed->rbegin(); id != listed->rend(); ++id) {
    const auto manifest = checkpoint::load_manifest(storage, job, *id);
    if (manifest && manifest->kind == checkpoint::ManifestKind::complete) return *id;
  }
  return CheckpointId{};
}

Status compare_with(checkpoint::CheckpointStorage& storage, const CheckpointVerifier::Successor& successor,
                    CheckpointVerifier::Verification& found) {
  const auto manifest = checkpoint::load_manifest(storage, found.job, found.checkpoint);
  if (!manifest) return manifest.error();
  const auto saved = checkpoint::read_state_inventory(storage, *manifest);
  if (!saved) return saved.error();
  found.revision = manifest->revision;
  std::vector<dag::SavedOperator> operators;
  for (const auto& [id, is_source, states] : *saved) {
    operators.push_back({id, is_source, {}});
    for (const auto& state : states) operators.back().states.push_back(state.declaration);
  }
  for (auto& comparison : dag::compare(operators, successor.graph, successor.dropped))
    found.operators.push_back({std::move(comparison)});
  for (std::size_t i = 0; i < saved->size(); ++i) {  // those that were saved come first, in their order
    for (const auto& state : (*saved)[i].states) {
      found.operators[i].entries += state.entries;
      found.operators[i].bytes += state.bytes;
    }
  }
  return {};
}

}  // namespace

CheckpointVerifier::~CheckpointVerifier() { stopping_ = true; }

std::optional<std::uint64_t> CheckpointVerifier::begin(JobId job, CheckpointId checkpoint) {
  Verification wanted;
  wanted.job = job;
  wanted.checkpoint = checkpoint;
  return add(std::move(wanted), [this](Verification& found) { verify(found); });
}

std::optional<std::uint64_t> CheckpointVerifier::begin_comparison(JobId job, CheckpointId checkpoint,
                                                                  Successor successor) {
  Verification wanted;
  wanted.job = job;
  wanted.checkpoint = checkpoint;
  wanted.compares = true;
  return add(std::move(wanted),
             [this, successor = std::move(successor)](Verification& found) { compare(found, successor); });
}

std::optional<std::uint64_t> CheckpointVerifier::add(Verification wanted, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::count(verifications_, false, &Verification::is_over) >= std::ptrdiff_t{kMaxWaiting})
      return std::nullopt;
    if (verifications_.size() >= kMaxKept) verifications_.pop_front();
    wanted.number = ++last_;
    verifications_.push_back(wanted);
  }
  if (!thread_) thread_ = std::make_unique<base::BackgroundThread>("verify");
  thread_->post([this, found = std::move(wanted), work = std::move(work)]() mutable {
    work(found);
    keep(std::move(found));
  });
  return last_;
}

std::optional<CheckpointVerifier::Verification> CheckpointVerifier::find(JobId job, std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(verifications_, number, &Verification::number);
  if (found == verifications_.end() || found->job != job) return std::nullopt;
  return *found;
}

void CheckpointVerifier::verify(Verification& found) const {
  reads::ReadableStorage storage(storage_, [this] { return stopping_.load(); });
  if (!is_there(storage, found.job, found.checkpoint, found.why)) return;
  if (const auto manifest = checkpoint::load_manifest(storage, found.job, found.checkpoint); !manifest) {
    found.damages = {{checkpoint::manifest_name(found.job, found.checkpoint), manifest.error().message}};
  } else {
    found.damages = checkpoint::verify_checkpoint(storage, *manifest);
    for (const auto& snapshot : manifest->snapshots) {
      found.files += snapshot.name.empty() ? 0 : 1;
      found.bytes += snapshot.bytes;
    }
  }
  // It may have been deleted while it was read.
  if (!found.damages.empty() && !is_there(storage, found.job, found.checkpoint, found.why)) found.damages.clear();
}

void CheckpointVerifier::compare(Verification& found, const Successor& successor) const {
  reads::ReadableStorage storage(storage_, [this] { return stopping_.load(); });
  const bool wants_newest = found.checkpoint.value == 0;
  for (int deleted = 0; deleted < kMaxDeleted && !stopping_; ++deleted) {
    found.why.clear();
    if (wants_newest) {
      const auto newest = newest_complete(storage, found.job);
      if (!newest) found.why = newest.error().message;
      if (newest && newest->value == 0) found.why = "it has no complete checkpoint";
      if (!found.why.empty()) return;
      found.checkpoint = *newest;
    }
    const Status done = compare_with(storage, successor, found);
    if (done) return;
    found.why = done.error().message;
    std::string gone;
    if (is_there(storage, found.job, found.checkpoint, gone)) return;
    found.why = gone;
    if (!wants_newest) return;
  }
}

void CheckpointVerifier::keep(Verification found) {
  if (stopping_) found.why = "the job manager ends";
  if (found.damages.size() > kMaxDamages) {
    found.more_damages = found.damages.size() - kMaxDamages;
    found.damages.resize(kMaxDamages);
  }
  found.is_over = true;
  const std::lock_guard lock(mutex_);
  const auto here = std::ranges::find(verifications_, found.number, &Verification::number);
  if (here != verifications_.end()) *here = std::move(found);
}

}  // namespace freshet::manager
