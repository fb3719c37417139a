#pragma once

#include <freshet/due_queue.h>
#include <freshet/live_table.h>

namespace freshet::detail {

/// A live table some of whose entries are due at a time: finds the earliest. Those in memory stand in a queue by time;
/// those that were spilled stand in the store a second time, in the order of their times, so the next that is due is
/// found without a look at the others. One thread, the task's.
template <class Base, class Key>
class Timed : public Base {
 public:
  using Base::Base;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  std::size_t bytes() const override { return Base::bytes() + due_.bytes(); }
  std::size_t resident_bytes() override { return Base::resident_bytes() + due_.bytes(); }
  /// No entry is due earlier; kNever when none is due.
  std::int64_t next_ms() const { return std::min(due_.empty() ? kNever : due_.first_ms(), spilled_next_ms()); }
  /// The slot of the entry that is due first, if that is at `limit_ms` or before; else Cells::kNone. Gets back what was
  /// spilled.
  std::uint32_t first_due(std::int64_t limit_ms) {
    while (next_ms() <= limit_ms) {
      if (spilled_next_ms() < (due_.empty() ? kNever : due_.first_ms())) {
        bring_back(limit_ms);
        continue;
      }
      const std::uint32_t slot = due_.first_slot();
      const std::int64_t due = due_ms(slot);
      if (due <= due_.first_ms()) return slot;
      due_.set(slot, due);  // it was put off
    }
    return Base::Cells::kNone;
  }

 protected:
  /// When the entry of a slot is due; kNever: not.
  virtual std::int64_t due_ms(std::uint32_t slot) const = 0;
  virtual std::uint64_t hash_of_key(const Key& key) const = 0;

  /// The time at which an entry is due is set, or another now.
  void schedule(std::uint32_t slot) {
    const std::int64_t due = due_ms(slot);
    if (due == kNever)
      due_.erase(slot);
    else
      due_.set_lazily(slot, due);
  }
  /// An entry leaves.
  void unschedule(std::uint32_t slot) { due_.erase(slot); }

  bool take_back(const StateEntry& entry, const Key& key, std::uint64_t hash) override {
    if (entry.erased) {
      if (const auto slot = this->cells_.find(key, hash); slot != Base::Cells::kNone) due_.erase(slot);
      return Base::take_back(entry, key, hash);
    }
    if (!Base::take_back(entry, key, hash)) return false;
    const auto slot = this->cells_.find(key, hash);
    due_.erase(slot);
    schedule(slot);
    return true;
  }
  void on_put_into_spill(std::uint32_t slot, SpillStore& store) override {
    const std::int64_t due = due_ms(slot);
    if (due == kNever) return;
    store.put(address_by_time(due, this->cells_.at(slot).key), "");
    spilled_first_ms_ = std::min(spilled_first_ms_, due);
    if (due <= walked_ms_) walked_to_.clear();
  }
  void on_taken_from_spill(std::uint32_t slot, SpillStore& store) override {
    const std::int64_t due = due_ms(slot);
    std::string nothing;
    if (due != kNever && !store.take(address_by_time(due, this->cells_.at(slot).key), nothing)) throw Base::damaged();
  }
  void on_evicted(std::uint32_t slot) override { due_.erase(slot); }

 private:
  /// Spilled entries that are fetched together.
  static constexpr int kBroughtBack = 256;

  std::int64_t spilled_next_ms() const { return this->spilled_keys() == 0 ? kNever : spilled_first_ms_; }
  std::string_view address_by_time(std::int64_t time_ms, const Key& key) {
    address_.clear();
    address_.append(this->second_prefix());
    encode_key(address_, time_ms);
    encode_key(address_, key);
    return address_.view();
  }
  /// Some of those that were spilled and are due at `limit_ms` or before.
  void bring_back(std::int64_t limit_ms) {
    const auto walk = this->spill()->walk(this->second_prefix(), walked_to_.view());
    std::string_view address, nothing;
    for (int brought = 0; brought < kBroughtBack; ++brought) {
      if (!walk->next(address, nothing)) {
        // Some were put before the place where the walk began; or none of those that were spilled is ever due.
        if (walked_to_.size() == 0) spilled_first_ms_ = kNever;
        walked_to_.clear();
        return;
      }
      std::string_view rest = address.substr(this->second_prefix().size());
      std::int64_t time_ms = 0;
      if (!read_key_part(rest, time_ms)) throw Base::damaged();
      spilled_first_ms_ = time_ms;
      if (time_ms > limit_ms) return;
      if (!read_key_part(rest, key_) || !rest.empty()) throw Base::damaged();
      walked_to_.clear();
      walked_to_.append(address);
      walked_ms_ = time_ms;
      if (this->look_up(key_, hash_of_key(key_)) == Base::Cells::kNone) throw Base::damaged();
      if (this->spilled_keys() == 0) return;
    }
  }

  DueQueue due_;  // slots; none stands later than it is due

  // Those that were spilled.
  std::int64_t spilled_first_ms_ = kNever;  // none is due earlier, while there are some
  ByteBuffer address_;
  Key key_{};
  ByteBuffer walked_to_;        // the address by time that was brought back last; empty: begin at the first
  std::int64_t walked_ms_ = 0;  // its time
};

}  // namespace freshet::detail
