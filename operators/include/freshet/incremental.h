#pragma once

#include <algorithm>
#include <bit>

#include <freshet/entry_queue.h>
#include <freshet/key.h>

/// Saving a table step by step while it goes on changing.
namespace freshet::detail {

/// Which slots of a table still have to be saved for the barrier that passed last, and which have changed since. What
/// is saved is the table as it was at the barrier: before a slot that is still to be saved changes, it is saved as it
/// is (its pre-image). Costs two bits a slot, and nothing before the first save. One thread, the task's.
class IncrementalSave {
 public:
  IncrementalSave() = default;
  IncrementalSave(const IncrementalSave&) = delete;
  IncrementalSave& operator=(const IncrementalSave&) = delete;

  /// What is more than a little of what it notes goes there.
  void spill_to(SpillStore& store) {
    noted_.spill_to(store);
    going_out_.spill_to(store);
  }
  /// Something has been saved: changes are noted from now on.
  bool is_on() const { return on_; }
  bool everything() const { return everything_; }
  /// More has been noted than it keeps: the next save has to hold everything.
  bool wants_everything() const { return overflowed_; }
  std::size_t left_to_save() const { return going_out_.size(); }
  /// Where to save to; only while saving. Behind what was noted earlier.
  StateWriter& out() { return going_out_.empty() ? *out_ : behind_; }

  /// A barrier has passed. `used`: which slots hold an entry. What was to be saved before must have been. What was
  /// noted since the barrier before goes out first.
  void begin(StateWriter& out, bool everything, const std::vector<std::uint64_t>& used) {
    out_ = &out;
    everything_ = everything || !on_ || overflowed_;
    on_ = true;
    overflowed_ = false;
    next_ = 0;
    if (everything_) {
      frozen_ = used;
      changed_.assign(used.size(), 0);
    } else {
      changed_.resize(std::max(changed_.size(), used.size()));
      frozen_.swap(changed_);
      changed_.assign(frozen_.size(), 0);
      going_out_.swap(noted_);
    }
    noted_.clear();
  }

  /// save(slot) for up to `entries` of the slots that are left. True: all are saved.
  template <class Save>
  bool go_on(std::size_t entries, Save save) {
    if (out_ == nullptr) return true;
    if (!going_out_.drain(entries, [this](const StateEntry& entry) { out_->put(entry); })) return false;
    for (; next_ < frozen_.size(); ++next_) {
      for (; frozen_[next_] != 0; --entries) {
        if (entries == 0) return false;
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(frozen_[next_]));
        frozen_[next_] &= frozen_[next_] - 1;
        save(static_cast<std::uint32_t>(next_ * 64 + bit));
      }
    }
    out_ = nullptr;
    return true;
  }

  /// Notes that a slot is about to change, or is new; save(slot) when it has to be saved first.
  template <class Save>
  [[gnu::always_inline]] void before_change(std::uint32_t slot, Save save) {
    if (!on_) return;
    if (is_to_be_saved(slot)) [[unlikely]]
      save_first(slot, save);
    if (slot / 64 >= changed_.size()) [[unlikely]]
      make_room(slot);
    changed_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  /// The same before it is erased; whoever erases it then tells what is gone.
  template <class Save>
  void before_erase(std::uint32_t slot, Save save) {
    if (!on_) return;
    if (is_to_be_saved(slot)) save_first(slot, save);
    if (slot / 64 < changed_.size()) changed_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  /// The same before it leaves the table for another place. True: it has changed since the barrier, so what has is to
  /// be noted.
  template <class Save>
  bool before_evict(std::uint32_t slot, Save save) {
    const bool has_changed = slot / 64 < changed_.size() && (changed_[slot / 64] >> (slot % 64) & 1) != 0;
    before_erase(slot, save);
    return on_ && has_changed;
  }
  /// Notes an entry that is to be saved at the next barrier, but will not be in the table.
  void note(const StateEntry& entry) {
    if (overflowed_) return;
    noted_.push(entry);
    if (noted_.memory_bytes() < kMostNotedBytes && noted_.spilled_bytes() < kMostSpilledBytes) return;
    overflowed_ = true;
    noted_.clear();
  }
  /// Notes that there is no entry of this address any more.
  void note_erased(std::uint64_t key_hash, std::string_view key, std::string_view map_key) {
    note({.key_hash = key_hash, .key = key, .map_key = map_key, .erased = true});
  }
  /// Bytes that all this takes.
  std::size_t bytes() const {
    return (frozen_.capacity() + changed_.capacity()) * 8 + noted_.memory_bytes() + going_out_.memory_bytes();
  }

  static constexpr std::size_t kMostNotedBytes = 32u << 20;     ///< in memory
  static constexpr std::size_t kMostSpilledBytes = 512u << 20;  ///< and on disk

 private:
  bool is_to_be_saved(std::uint32_t slot) const {
    return out_ != nullptr && slot / 64 < frozen_.size() && (frozen_[slot / 64] >> (slot % 64) & 1) != 0;
  }
  template <class Save>
  [[gnu::noinline]] void save_first(std::uint32_t slot, Save save) {
    frozen_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    save(slot);
  }
  [[gnu::noinline]] void make_room(std::uint32_t slot) {
    changed_.resize(std::max<std::size_t>(slot / 64 + 1, changed_.size() * 2));
  }
  /// A pre-image waits while older entries do: who restores takes the last of a key's.
  struct Behind final : StateWriter {
    explicit Behind(EntryQueue& queue) : to(queue) {}
    void put(const StateEntry& entry) override { to.push(entry); }
    EntryQueue& to;
  };

  bool on_ = false;
  bool everything_ = false;
  bool overflowed_ = false;
  StateWriter* out_ = nullptr;
  std::size_t next_ = 0;                // word of frozen_ to look at
  std::vector<std::uint64_t> frozen_;   // a bit a slot: to be saved for the barrier that passed last
  std::vector<std::uint64_t> changed_;  // a bit a slot: changed since then
  EntryQueue noted_;                    // since then, in order
  EntryQueue going_out_;                // for the barrier that passed last
  Behind behind_{going_out_};
};

/// A bit a slot: what is to be saved of something that is saved in parts. Costs nothing while there is none.
class ChangedSlots {
 public:
  void note(std::uint32_t slot) {
    if (slot / 64 >= bits_.size()) bits_.resize(slot / 64 + 1);
    bits_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  bool has(std::uint32_t slot) const { return slot / 64 < bits_.size() && (bits_[slot / 64] >> (slot % 64) & 1) != 0; }
  void forget(std::uint32_t slot) {
    if (slot / 64 < bits_.size()) bits_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  void clear() { bits_.clear(); }
  std::size_t bytes() const { return bits_.capacity() * 8; }

 private:
  std::vector<std::uint64_t> bits_;
};

/// The parts of an entry as bytes, in buffers that are used again. What of_…() answers is good until it is asked again.
class EntryBytes {
 public:
  template <class K>
  std::string_view of_key(const K& key) {
    return encoded(key_, key);
  }
  template <class K>
  std::string_view of_map_key(const K& key) {
    return encoded(map_key_, key);
  }
  template <class V>
  std::string_view of_value(const V& value) {
    value_.clear();
    encode(value_, value);
    return value_.view();
  }

 private:
  template <class K>
  static std::string_view encoded(ByteBuffer& buffer, const K& key) {
    buffer.clear();
    encode_key(buffer, key);
    return buffer.view();
  }
  ByteBuffer key_, map_key_, value_;
};

}  // namespace freshet::detail
