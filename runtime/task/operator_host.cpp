#include "runtime/task/operator_host.h"

namespace freshet::task {

namespace {

constexpr std::size_t kMaxLetterBytes = 4096;

void cut(std::string& text) {
  if (text.size() > kMaxLetterBytes) text.resize(kMaxLetterBytes);
}

}  // namespace

OperatorHost::OperatorHost(const Setup& setup, const base::Clock& clock,
                           std::shared_ptr<const PartitionTable> partitions, TaskListener& listener)
    : clock_(clock),
      partitions_(std::move(partitions)),
      listener_(listener),
      policy_(setup.policy),
      brake_(setup.policy.pause_above) {
  operator_id = setup.operator_id;
  task_index = setup.task_index;
  parallelism = setup.parallelism;
  key_groups = setup.key_groups;
  next_letter_id = setup.first_letter_id;
  commits = setup.commits;
  run = setup.run;
  attempt = setup.attempt;
  sets_aside = policy_.sets_aside(setup.is_source);
  refresh(clock_.wall());
}

void OperatorHost::keep_failed_in(RetryLane& lane) {
  lane_ = &lane;
  ends_behind_kept = lane.keeps_order();
}

bool OperatorHost::keep_failed(FailedRecord& failed) {
  if (lane_ == nullptr || !keeps_failed || !lane_->take(*at_hand.view, at_hand.index, failed, now_)) return false;
  ++errors;
  return true;
}

void OperatorHost::record_failed(FailedRecord failed, DeadLetter& letter) {
  ++errors;
  const bool is_kept = failed.is_at_hand && keeps_failed && letters_ != nullptr;
  cut(failed.record);
  if (!sets_aside) {
    TaskFailure failure(operator_id, failed.reason, failed.message);
    failure.origin = describe(failed.meta.position);
    failure.record = std::move(failed.record);
    throw failure;
  }
  ++dead_letters;
  letter = {.id = next_letter_id++,
            .operator_id = operator_id,
            .reason = std::move(failed.reason),
            .message = std::move(failed.message),
            .origin = describe(failed.meta.position),
            .record = std::move(failed.record),
            .attempts = failed.attempts,
            .at = now_};
  if (is_kept) letters_->keep(*at_hand.view, at_hand.index, letter);
  last_letter_ = letter;
  listener_.on_dead_letter(letter);
}

void OperatorHost::check_brake(std::uint64_t records) {
  if (!sets_aside || brake_told_) return;
  brake_.observe(clock_.steady(), records, dead_letters);
  if (!brake_.pulled()) return;
  brake_told_ = true;
  listener_.on_brake_pulled(operator_id, brake_.share(), last_letter_);
}

}  // namespace freshet::task
