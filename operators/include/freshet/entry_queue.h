#pragma once

#include <freshet/codec.h>
#include <freshet/snapshot.h>
#include <freshet/spill.h>

namespace freshet::detail {

/// Entries that wait to be saved, first in, first out. What is more than kInMemory goes to the spill store, where there
/// is one. One thread, the task's.
class EntryQueue {
 public:
  static constexpr std::size_t kInMemory = 64u << 10;

  /// From now on; the store outlives this.
  void spill_to(SpillStore& store) { store_ = &store; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void push(const StateEntry& entry) {
    append_packed_entry(tail_, entry);
    ++size_;
    if (tail_.size() < kInMemory || store_ == nullptr) return;
    if (spilled_ == nullptr) spilled_ = store_->open_queue();
    if (!spilled_->push(tail_.view())) return;
    spilled_bytes_ += tail_.size();
    tail_.clear();
  }
  /// put(entry) for up to `entries` of them, which it counts down. True: there are no more.
  template <class Put>
  bool drain(std::size_t& entries, Put put) {
    StateEntry entry;
    for (; entries != 0; --entries) {
      if (head_at_ == head_.size() && !next_block()) return true;
      std::string_view rest = std::string_view(head_).substr(head_at_);
      if (!next_packed_entry(rest, entry)) throw StateLost("what waited on disk to be saved came back damaged");
      head_at_ = head_.size() - rest.size();
      --size_;
      put(entry);
    }
    return empty();
  }
  void clear() {
    if (spilled_ != nullptr) spilled_->clear();
    size_ = spilled_bytes_ = head_at_ = 0;
    head_ = {};
    tail_ = {};
  }
  void swap(EntryQueue& other) {
    std::swap(store_, other.store_);
    std::swap(spilled_, other.spilled_);
    std::swap(size_, other.size_);
    std::swap(spilled_bytes_, other.spilled_bytes_);
    head_.swap(other.head_);
    std::swap(head_at_, other.head_at_);
    std::swap(tail_, other.tail_);
  }
  /// What waits of it in memory, and on disk, bytes.
  std::size_t memory_bytes() const { return tail_.capacity() + head_.capacity(); }
  std::size_t spilled_bytes() const { return spilled_bytes_; }

 private:
  bool next_block() {
    head_at_ = 0;
    if (spilled_bytes_ != 0 && pop()) return true;
    head_.assign(tail_.view());
    tail_.clear();
    return !head_.empty();
  }
  bool pop() {
    try {
      if (!spilled_->pop(head_)) throw std::runtime_error("what waited on disk to be saved is not there");
    } catch (const std::exception& error) {
      throw StateLost(error.what());
    }
    spilled_bytes_ -= head_.size();
    return true;
  }

  SpillStore* store_ = nullptr;
  std::unique_ptr<SpillStore::Queue> spilled_;  // older than what is in the tail
  std::size_t size_ = 0;                        // entries, wherever they are
  std::size_t spilled_bytes_ = 0;
  std::string head_;  // the block that is being read; the oldest
  std::size_t head_at_ = 0;
  ByteBuffer tail_;
};

}  // namespace freshet::detail
