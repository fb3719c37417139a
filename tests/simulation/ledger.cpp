#include "tests/simulation/ledger.h"

namespace freshet::sim {

void Ledger::on_attempt(Attempt attempt, CheckpointId restore) {
  const auto [began, is_new] = began_with_.try_emplace(attempt, restore);
  if (began->second != restore)
    wrong_("attempt " + std::to_string(attempt.value) + " begins with checkpoints " +
           std::to_string(began->second.value) + " and " + std::to_string(restore.value));
  if (is_new && restore.value != 0 && !handles_.contains(restore))
    wrong_("attempt " + std::to_string(attempt.value) + " begins with checkpoint " + std::to_string(restore.value) +
           ", which never completed");
}

void Ledger::on_inject(Term term, Attempt attempt, CheckpointId checkpoint) {
  const auto [known, is_new] = injected_.try_emplace(checkpoint, term, attempt);
  if (!is_new && known->second != std::pair(term, attempt))
    wrong_("checkpoint " + std::to_string(checkpoint.value) + " is given out twice: in term " +
           std::to_string(known->second.first.value) + " and in term " + std::to_string(term.value));
}

void Ledger::on_published(const checkpoint::Manifest& manifest) {
  auto& handles = handles_[manifest.checkpoint];
  for (const auto& handle : manifest.handles) handles.insert(handle.handle);
  named_.insert(handles.begin(), handles.end());
  open_.clear();
  newest_ = handles.size();
  for (const auto& handle : handles)
    if (!committed_.contains(handle)) open_.insert(handle);
}

void Ledger::on_commit(Attempt attempt, const std::string& handle) {
  if (!named_.contains(handle)) wrong_(handle + " is committed, and no complete checkpoint names it");
  for (auto newer = began_with_.upper_bound(attempt); newer != began_with_.end(); ++newer) {
    ++late_;
    if (committed_.contains(handle)) break;
    const auto held = handles_.find(newer->second);
    if (held == handles_.end() || !held->second.contains(handle))
      wrong_(handle + " is committed by attempt " + std::to_string(attempt.value) + " after attempt " +
             std::to_string(newer->first.value) + " has begun without it");
  }
  committed_.insert(handle);
  open_.erase(handle);
}

}  // namespace freshet::sim
