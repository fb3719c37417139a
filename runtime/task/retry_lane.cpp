#include "runtime/task/retry_lane.h"

#include <algorithm>
#include <bit>

#include "runtime/base/random.h"

namespace freshet::task {

using freshet::detail::BatchView;

RetryLane::RetryLane(const ErrorPolicy& policy, std::shared_ptr<const freshet::detail::RecordCodec> codec,
                     std::uint64_t seed)
    : Timed(std::move(codec)), policy_(policy), seed_(base::mixed(seed)), batch_(codec_->make_batch()) {}

bool RetryLane::take(const BatchView& view, std::size_t i, FailedRecord& failed, Time now) {
  const std::int64_t now_ms = ms_of(now);
  WaitingRecord record{.meta = view.meta(i), .attempts = 1, .first_ms = now_ms};
  Trying* trying = view.batch == batch_.get() ? &trying_[view.index(i)] : nullptr;
  if (trying != nullptr) {
    record.attempts = trying->attempts + 1;
    if (trying->attempts != 0) record.first_ms = trying->first_ms;
  }
  failed.attempts = record.attempts;
  if (failed.is_final || record.attempts >= policy_.attempts || now_ms - record.first_ms >= policy_.limit.count())
    return false;
  const WaitingKey key = trying != nullptr ? trying->key : new_key(record.meta);
  record.due_ms = next_attempt_ms(key, record, now_ms);
  record.reason = failed.reason;
  record.message = failed.message.substr(0, kMaxMessageBytes);
  record.bytes = bytes_of(view, i);
  if (trying != nullptr)
    trying->again = true;
  else if (policy_.keep_order)
    line_up(key);
  put(key, std::move(record));
  return true;
}

bool RetryLane::take_due(Time now) {
  while (trying_.size() < kTriedAtOnce) {
    const std::uint32_t slot = first_due(ms_of(now));
    if (slot == Cells::kNone) break;
    const WaitingKey key = cells_.at(slot).key;
    know_lines();
    if (policy_.keep_order && lines_.at(key.first).front() != key.second) {
      set_due(slot, kNever);  // it was saved by a lane that kept no order
      continue;
    }
    const WaitingRecord& record = cells_.at(slot).value;
    RecordMeta meta = record.meta;
    meta.position.tried_again = true;
    if (!codec_->read(record.bytes, meta, *batch_)) throw damaged();
    trying_.push_back({key, record.attempts, record.first_ms});
    if (record.attempts != 0) ++attempts_;
    take_out(slot);
  }
  return !trying_.empty();
}

void RetryLane::tried(Time now) {
  for (const Trying& each : trying_) {
    if (each.again || !policy_.keep_order) continue;
    const auto line = lines_.find(each.key.first);
    line->second.pop_front();
    --in_lines_;
    if (line->second.empty()) {
      lines_.erase(line);
      continue;
    }
    const WaitingKey next{each.key.first, line->second.front()};
    const std::uint32_t slot = look_up(next, hash_of(next));
    if (slot == Cells::kNone) throw damaged();
    set_due(slot, ms_of(now));
  }
  trying_.clear();
  batch_->clear();
}

std::size_t RetryLane::first_held_back(const BatchView& view, std::size_t from) {
  know_lines();
  if (lines_.empty()) return view.size;
  while (from < view.size && !lines_.contains(view.meta(from).key_hash)) ++from;
  return from;
}

void RetryLane::take_behind(const BatchView& view, std::size_t i, Time now) {
  WaitingRecord record{.meta = view.meta(i), .first_ms = ms_of(now), .due_ms = kNever};
  record.bytes = bytes_of(view, i);
  const WaitingKey key = new_key(record.meta);
  line_up(key);
  put(key, std::move(record));
}

void RetryLane::take_replayed(WaitingRecord record, Time now) {
  know_lines();
  const WaitingKey key = new_key(record.meta);
  const bool waits_behind = policy_.keep_order && lines_.contains(key.first);
  record.attempts = 0;
  record.first_ms = ms_of(now);
  record.due_ms = waits_behind ? kNever : record.first_ms;
  record.origin.clear();
  if (policy_.keep_order) line_up(key);
  put(key, std::move(record));
}

/// Numbers go on behind all that came back, so that they tell the order also among records of several attempts.
bool RetryLane::restore(const StateEntry& entry) {
  if (!Timed::restore(entry)) return false;
  knows_lines_ = !policy_.keep_order;
  if (entry.erased) return true;
  WaitingKey key;
  std::uint64_t hash = 0;
  if (!decode_address(entry, key, hash)) return false;
  next_number_ = std::max(next_number_, key.second + 1);
  const std::uint32_t slot = cells_.find(key, hash);
  const WaitingRecord& record = cells_.at(slot).value;
  if (!policy_.keep_order && record.due_ms == kNever) set_due(slot, record.first_ms);  // it waits for nobody any more
  return true;
}

void RetryLane::line_up(const WaitingKey& key) {
  know_lines();
  lines_[key.first].push_back(key.second);
  ++in_lines_;
}

/// Entries come back in any order, and some are erased behind their restoring: lines are made when all is there.
void RetryLane::know_lines() {
  if (knows_lines_) return;
  knows_lines_ = true;
  lines_.clear();
  in_lines_ = 0;
  for_each_key([&](const WaitingKey& key, std::size_t) { line_up(key); });
  for (auto& [hash, line] : lines_) line.sort();
}

void RetryLane::put(const WaitingKey& key, WaitingRecord record) { schedule(Timed::put(key, std::move(record))); }

void RetryLane::take_out(std::uint32_t slot) {
  unschedule(slot);
  Timed::take_out(slot);
}

void RetryLane::set_due(std::uint32_t slot, std::int64_t time_ms) {
  before_change(slot);
  cells_.at(slot).value.due_ms = time_ms;
  unschedule(slot);
  schedule(slot);
}

WaitingKey RetryLane::new_key(const RecordMeta& meta) {
  const std::uint64_t number = next_number_++;
  return {is_keyed() ? meta.key_hash : base::mixed(seed_ + number * base::kGoldenRatio), number};
}

/// The first delay doubled with each attempt, four to six fifths of it; at the limit at the latest.
std::int64_t RetryLane::next_attempt_ms(const WaitingKey& key, const WaitingRecord& record, std::int64_t now_ms) const {
  const std::int64_t last_ms = record.first_ms + policy_.limit.count();
  const std::uint32_t doublings = record.attempts - 1;
  const std::int64_t first = std::max<std::int64_t>(policy_.first_delay.count(), 1);
  if (doublings >= static_cast<std::uint32_t>(std::countl_zero(static_cast<std::uint64_t>(first)) - 1)) return last_ms;
  const std::int64_t delay = first << doublings;
  if (delay > policy_.limit.count()) return last_ms;
  const std::uint64_t chance = base::mixed(seed_ ^ hash_of(key) ^ record.attempts) >> 32;  // of 2^32
  const std::int64_t fifth = delay / 5;
  const auto shift = static_cast<std::int64_t>(static_cast<double>(chance) * 0x1p-32 * static_cast<double>(2 * fifth));
  return std::min(now_ms + delay - fifth + shift, last_ms);
}

}  // namespace freshet::task
