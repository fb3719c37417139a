#include "runtime/job_manager/letter_changes.h"

#include <algorithm>

namespace freshet::manager {

void LetterChanges::begin(const wire::ChangeLetters& order, std::set<WorkerId> workers) {
  operations_.push_back({.number = order.number, .replays = order.replays});
  if (operations_.size() > kMostRemembered) operations_.pop_front();
  order_ = order;
  waiting_for_ = std::move(workers);
  saved_above_.reset();
}

std::optional<wire::ChangeLetters> LetterChanges::to_repeat(const WorkerKey& worker) const {
  if (!is_open() || !waiting_for_.contains(worker.worker)) return std::nullopt;
  wire::ChangeLetters order = order_;
  order.worker = worker;
  return order;
}

bool LetterChanges::on_changed(const wire::LettersChanged& changed) {
  if (!is_open() || operations_.back().number != changed.number) return false;
  if (waiting_for_.erase(changed.worker.worker) == 0) return false;
  operations_.back().letters += changed.letters;
  letters_ += changed.letters;
  operations_.back().refused += changed.refused;
  return waiting_for_.empty();
}

void LetterChanges::save_above(std::optional<CheckpointId> last) {
  saved_above_ = last;
  // There is nothing to save, or nowhere to.
  if (!last || operations_.back().letters == 0) operations_.back().state = CheckpointState::done;
}

void LetterChanges::on_complete(CheckpointId id) {
  if (!is_open() || !waiting_for_.empty() || !saved_above_ || id <= *saved_above_) return;
  operations_.back().state = CheckpointState::done;
  operations_.back().saved = id;
}

void LetterChanges::end(const std::string& why) {
  if (!is_open()) return;
  operations_.back().state = CheckpointState::failed;
  operations_.back().why = why;
}

const LetterOperation* LetterChanges::find(std::uint64_t number) const {
  const auto found = std::ranges::find(operations_, number, &LetterOperation::number);
  return found == operations_.end() ? nullptr : &*found;
}

}  // namespace freshet::manager
