#pragma once

#include <algorithm>
#include <unordered_map>

#include <freshet/graph.h>
#include <freshet/stage.h>
#include <freshet/timed.h>

#include "runtime/task/waiting_records.h"

namespace freshet::task {

/// The records of one operator that failed and are tried again later, beside those that come: after a time that doubles
/// with each attempt, and differs by up to a fifth so that what failed together does not come back together. State like
/// any other: saved at each checkpoint, moved with its keys, given to the spill store when memory is short.
///
/// With keep_order, records whose key has one waiting line up behind it, which takes some hundred bytes of memory a key
/// and eight a record, wherever the records are. One thread, the task's.
class RetryLane final : public freshet::detail::Timed<WaitingRecords, WaitingKey> {
 public:
  /// Records that are tried again in one go.
  static constexpr std::size_t kTriedAtOnce = 64;
  /// What they may take in memory, bytes. The operator takes nothing in as long as it is more.
  static constexpr std::size_t kMostBytes = 256u << 20;

  /// `seed`: no two lanes of a job's life have the same.
  RetryLane(const ErrorPolicy& policy, std::shared_ptr<const freshet::detail::RecordCodec> codec, std::uint64_t seed);

  /// Takes a record on which the operator threw; `failed` gets the number of attempts made. False: it has had all its
  /// attempts, or is not to be tried again.
  [[nodiscard]] bool take(const freshet::detail::BatchView& view, std::size_t i, FailedRecord& failed, Time now);

  /// Takes out some of the records that are due: they are in batch() then, until tried(). False: none is due.
  [[nodiscard]] bool take_due(Time now);
  const freshet::detail::BatchBase& batch() const { return *batch_; }
  /// All of batch() have been processed, or were taken again.
  void tried(Time now);

  bool keeps_order() const { return policy_.keep_order; }
  /// The first record from `from` on that has to wait for another of its key; view.size when there is none.
  std::size_t first_held_back(const freshet::detail::BatchView& view, std::size_t from);
  void take_behind(const freshet::detail::BatchView& view, std::size_t i, Time now);
  /// Takes a dead letter, to be tried as often as a record that has just come; behind others of its key.
  void take_replayed(WaitingRecord record, Time now);

  bool empty() const { return entries() == 0 && trying_.empty(); }
  bool is_full() { return entries() >= policy_.max_waiting || resident_bytes() + line_bytes() >= kMostBytes; }
  /// When take_due() has something to take; Time::max(): never.
  Time next_due() const { return next_ms() == kNever ? Time::max() : Time(Duration(next_ms())); }
  /// Attempts made after the first, of all records.
  std::uint64_t attempts() const { return attempts_; }

  std::size_t bytes() const override { return Timed::bytes() + line_bytes(); }
  bool restore(const StateEntry& entry) override;

 protected:
  std::int64_t due_ms(std::uint32_t slot) const override { return cells_.at(slot).value.due_ms; }
  std::uint64_t hash_of_key(const WaitingKey& key) const override { return hash_of(key); }

 private:
  struct Trying {
    WaitingKey key{};
    std::uint32_t attempts = 0;
    std::int64_t first_ms = 0;
    bool again = false;  ///< it failed, and waits again
  };
  /// Numbers of waiting records of a key, in order.
  class Line {
   public:
    void push_back(std::uint64_t number) { numbers_.push_back(number); }
    std::uint64_t front() const { return numbers_[first_]; }
    void pop_front() {
      if (++first_ * 2 < numbers_.size()) return;
      numbers_.erase(numbers_.begin(), numbers_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    bool empty() const { return first_ == numbers_.size(); }
    void sort() { std::sort(numbers_.begin(), numbers_.end()); }

   private:
    std::vector<std::uint64_t> numbers_;
    std::size_t first_ = 0;
  };
  /// What a line takes beside its numbers: it, its place among the lines, and a block of numbers.
  static constexpr std::size_t kLineBytes = 128;

  void put(const WaitingKey& key, WaitingRecord record);
  void take_out(std::uint32_t slot);
  void set_due(std::uint32_t slot, std::int64_t time_ms);
  WaitingKey new_key(const RecordMeta& meta);
  std::int64_t next_attempt_ms(const WaitingKey& key, const WaitingRecord& record, std::int64_t now_ms) const;
  std::size_t line_bytes() const { return lines_.size() * kLineBytes + in_lines_ * sizeof(std::uint64_t); }
  void line_up(const WaitingKey& key);
  void know_lines();

  const ErrorPolicy policy_;
  const std::uint64_t seed_;
  const std::unique_ptr<freshet::detail::BatchBase> batch_;
  std::vector<Trying> trying_;  // by place in batch_
  std::uint64_t next_number_ = 0;
  std::uint64_t attempts_ = 0;
  std::unordered_map<std::uint64_t, Line> lines_;  // by key hash; only where order is kept
  std::size_t in_lines_ = 0;                       // numbers
  bool knows_lines_ = true;                        // false: something came back since
};

}  // namespace freshet::task
