#pragma once

#include <freshet/incremental.h>
#include <freshet/spill.h>
#include <freshet/table.h>

namespace freshet::detail {

/// Slots of a table that have to stay in memory for now, because something of them is still to go out.
struct PinnedSlots {
  std::vector<bool> slots{};
  bool are_too_many = false;  ///< they stand in the way of what has to leave: time to let what is pending go out
};

/// A state table of live objects: saves itself step by step while it changes, and gives entries that were not touched
/// lately to a spill store when it is told to; who looks for one that is there gets it back. What an entry is, is up to
/// the classes derived from it. One thread, the task's.
template <class Key, class V>
class LiveTable : public StateTable {
 public:
  using Cells = Table<Key, V>;
  Cells& cells() { return cells_; }
  const Cells& cells() const { return cells_; }

  std::size_t entries() const override { return resident_entries() + spilled_entries_; }
  std::size_t bytes() const override { return cells_.table_bytes() + save_.bytes() + recent_.capacity() * 8; }
  void write(StateWriter& out) const override {
    EntryBytes bytes;
    for (std::uint32_t slot = 0; slot < cells_.slots(); ++slot)
      if (cells_.is_used(slot)) write_slot(slot, out, bytes, false);
    if (spilled_keys_ == 0) return;
    const auto walk = spill_->walk(prefix(), {});
    std::string_view address, packed;
    while (walk->next(address, packed)) for_each_packed(packed, [&](const StateEntry& entry) { out.put(entry); });
  }

  bool read(std::uint64_t key_hash, std::string_view encoded, StateWriter& out) const override {
    Key key{};
    std::uint64_t hash = 0;
    if (!decode_address({.key_hash = key_hash, .key = encoded}, key, hash)) return false;
    EntryBytes bytes;
    if (const std::uint32_t slot = cells_.find(key, hash); slot != Cells::kNone) {
      write_slot(slot, out, bytes, false);
      return true;
    }
    return spilled_keys_ != 0 && read_spilled(key, out);
  }

  void begin_save(StateWriter& out, bool everything) override {
    save_.begin(out, everything, cells_.used_bits());
    if (save_.everything() && spilled_keys_ != 0) saving_spilled_ = spill_->walk(prefix(), {});
  }
  bool wants_everything() const override { return save_.wants_everything(); }
  std::size_t left_to_save() const override { return save_.left_to_save(); }
  bool save_some(std::size_t entries) override {
    for (; saving_spilled_ != nullptr && entries != 0; --entries) {
      std::string_view address, packed;
      if (saving_spilled_->next(address, packed))
        for_each_packed(packed, [&](const StateEntry& entry) { save_.out().put(entry); });
      else
        saving_spilled_.reset();
    }
    return saving_spilled_ == nullptr && save_.go_on(entries, saver());
  }

  bool restore(const StateEntry& entry) override {
    Key key{};
    std::uint64_t hash = 0;
    if (!decode_address(entry, key, hash)) return false;
    (void)look_up(key, hash);  // it may be spilled already
    return take_back(entry, key, hash);
  }

  void spill_to(SpillStore& store, std::uint32_t state) override {
    spill_ = &store;
    save_.spill_to(store);
    for (int shift = 24; shift >= 0; shift -= 8)
      prefix_[3 - shift / 8] = second_prefix_[3 - shift / 8] = static_cast<char>(state >> shift);
  }
  std::size_t resident_bytes() override {
    sample_heap();
    return static_cast<std::size_t>(static_cast<double>(cells_.size()) * (kSlotBytes + average_heap_));
  }
  std::size_t resident_keys() const override { return cells_.size(); }
  std::size_t evict(std::size_t most) override {
    if (spill_ == nullptr || stays_) return 0;
    leaving_.clear();
    std::size_t pinned = 0, seen = 0;
    // Often enough around that all touches are gone; one that was chosen has so many that it is not chosen again.
    const std::size_t around = std::size_t{cells_.slots()} * (kMostTouches + 1);
    for (std::size_t steps = std::min(most * 8 + 64, around); leaving_.size() < most && steps != 0; --steps) {
      if (hand_ >= cells_.slots()) hand_ = 0;
      const std::uint32_t slot = hand_++;
      if (!cells_.is_used(slot)) continue;
      ++seen;
      if (is_pinned(slot)) {
        ++pinned;
        continue;
      }
      if (was_touched(slot)) continue;  // another chance
      put_into_spill(slot);
      touch(slot, kMostTouches);
    }
    if (pinned_ != nullptr) pinned_->are_too_many = leaving_.size() < most && pinned * 2 > seen;
    const bool is_there = spill_->flush();
    for (const Leaving& each : leaving_) {
      touch(each.slot, 0);
      if (is_there) let_go(each);
    }
    return is_there ? leaving_.size() : 0;
  }
  /// Slots of this are not evicted. It outlives the table.
  void pin(PinnedSlots& slots) { pinned_ = &slots; }
  /// From now on nothing is evicted any more.
  void stay() { stays_ = true; }

  /// Slot of a key, kNone when it has no entry. Gets back what was spilled.
  std::uint32_t look_up(const Key& key, std::uint64_t hash) {
    const std::uint32_t slot = cells_.find(key, hash);
    if (slot != Cells::kNone || spilled_keys_ == 0) return slot;
    return fetch(key, hash);
  }

  /// The same, made when it was not there; `made` tells. While nothing is spilled the table is looked at once.
  std::uint32_t look_up_or_add(const Key& key, std::uint64_t hash, bool& made) {
    made = false;
    if (spilled_keys_ != 0) {
      if (const std::uint32_t slot = look_up(key, hash); slot != Cells::kNone) return slot;
    }
    return cells_.find_or_add(key, hash, made);
  }

  /// The next spilled entry, key and value, of those that were when it was first called. False: there is none.
  /// take(stored, value) for each part of its value; false: it is damaged.
  template <class Entry, class Take>
  bool next_spilled(Entry& entry, std::int64_t& written_ms, Take take) {
    if (spilled_keys_ == 0) return false;
    if (walking_ == nullptr) walking_ = spill_->walk(prefix(), {});
    std::string_view address, packed;
    if (!walking_->next(address, packed)) return false;
    for_each_packed(packed, [&](const StateEntry& stored) {
      std::uint64_t hash = 0;
      if (!decode_address(stored, entry.key, hash) || !take(stored, entry.value)) throw damaged();
      if constexpr (requires { entry.hash; }) entry.hash = hash;
      written_ms = stored.written_ms;
    });
    return true;
  }

 protected:
  /// What StateTable::sweep() does, in steps of one entry. `is_over(slot)` tells whether the entry was written at
  /// `deadline` or before, and if so notes that it goes.
  template <class IsOver>
  void sweep(std::size_t steps, std::int64_t now_ms, std::int64_t deadline, IsOver is_over) {
    for (std::size_t left = steps; left != 0 && cells_.slots() != 0; --left) {
      if (sweep_slot_ >= cells_.slots()) sweep_slot_ = 0;
      if (cells_.is_used(sweep_slot_) && is_over(sweep_slot_)) cells_.erase(sweep_slot_);
      ++sweep_slot_;
    }
    if (spilled_keys_ == 0 || (swept_to_.size() == 0 && now_ms < next_round_ms_)) return;
    spilled_steps_ += steps;
    if (spilled_steps_ >= kSweptAtOnce) sweep_spilled(now_ms, deadline, is_over);
  }
  /// Gives `out` the entries of a slot, or those that have changed since the last save.
  virtual void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool changes_only) const = 0;
  /// What write_slot() calls changes is saved.
  virtual void on_saved(std::uint32_t) {}
  /// A slot, which is in the spill store now, leaves the table.
  virtual void on_evicted(std::uint32_t) {}
  /// A slot is put into the spill store, and was taken from it. Who adds entries of its own there, below
  /// second_prefix(), puts and takes them here.
  virtual void on_put_into_spill(std::uint32_t, SpillStore&) {}
  virtual void on_taken_from_spill(std::uint32_t, SpillStore&) {}
  /// The bytes by which a slot is found again.
  virtual void append_key(ByteBuffer& out, const Key& key) const = 0;
  /// The key of a slot that an entry belongs to. False: it is none of this table.
  virtual bool decode_address(const StateEntry& entry, Key& key, std::uint64_t& hash) const = 0;
  /// Puts an entry into the table, or erases one. `key` is not spilled. False: it is none of this table.
  virtual bool take_back(const StateEntry& entry, const Key& key, std::uint64_t hash) = 0;
  virtual std::size_t resident_entries() const { return cells_.size(); }
  /// What a slot holds on the heap, about, bytes.
  virtual std::size_t heap_of(std::uint32_t slot) const = 0;

  /// Saves a slot first, when it has to be.
  auto saver() {
    return [this](std::uint32_t slot) {
      write_slot(slot, save_.out(), bytes_, !save_.everything());
      on_saved(slot);
    };
  }
  /// A slot is about to change, or new.
  [[gnu::always_inline]] void before_change(std::uint32_t slot) {
    if (save_.is_on()) save_.before_change(slot, saver());
  }
  /// That slot was looked at.
  [[gnu::always_inline]] void note_touch(std::uint32_t slot) {
    if (spill_ != nullptr) count_touch(slot);
  }
  [[gnu::noinline]] void count_touch(std::uint32_t slot) {
    make_room_for_touches(slot);
    if (touches_of(slot) != kMostTouches) recent_[slot / 32] += std::uint64_t{1} << (slot % 32 * 2);
  }
  SpillStore* spill() { return spill_; }
  std::size_t spilled_keys() const { return spilled_keys_; }
  /// What entries in the spill store begin with that stand there beside those of the table.
  std::string_view second_prefix() const { return {second_prefix_, sizeof second_prefix_}; }
  static StateLost damaged() { return StateLost("an entry that was spilled to disk came back damaged"); }

  Cells cells_;
  IncrementalSave save_;
  EntryBytes bytes_;

 private:
  /// An entry, and its part of index (7 to 14 bytes), used bits and free list.
  static constexpr double kSlotBytes = sizeof(typename Cells::Entry) + 15;

  /// Entries one behind the other, each behind its length.
  class Packer final : public StateWriter {
   public:
    void put(const StateEntry& entry) override {
      append_packed_entry(bytes, entry);
      ++count;
    }
    ByteBuffer bytes;
    std::size_t count = 0;
  };
  template <class Take>
  static void for_each_packed(std::string_view packed, Take take) {
    StateEntry entry;
    while (!packed.empty()) {
      if (!next_packed_entry(packed, entry)) throw damaged();
      take(entry);
    }
  }

  std::string_view prefix() const { return {prefix_, sizeof prefix_}; }
  std::string_view address_of(const Key& key) {
    address_.clear();
    address_.append(prefix());
    append_key(address_, key);
    return address_.view();
  }
  /// Without taking it out. Encoded keys end by themselves: none but the key itself begins with it.
  bool read_spilled(const Key& key, StateWriter& out) const {
    try {
      ByteBuffer address;
      address.append(prefix());
      append_key(address, key);
      const auto walk = spill_->walk(address.view(), {});
      std::string_view at, packed;
      if (!walk->next(at, packed) || at != address.view()) return false;
      for_each_packed(packed, [&](const StateEntry& entry) { out.put(entry); });
      return true;
    } catch (const std::exception& error) {
      throw StateLost(error.what());
    }
  }
  bool is_pinned(std::uint32_t slot) const {
    return pinned_ != nullptr && slot < pinned_->slots.size() && pinned_->slots[slot];
  }
  void make_room_for_touches(std::uint32_t slot) {
    if (slot / 32 >= recent_.size()) recent_.resize(std::max<std::size_t>(slot / 32 + 1, recent_.size() * 2));
  }
  void touch(std::uint32_t slot, std::uint64_t times) {
    make_room_for_touches(slot);
    recent_[slot / 32] = (recent_[slot / 32] & ~(kMostTouches << (slot % 32 * 2))) | times << (slot % 32 * 2);
  }
  std::uint64_t touches_of(std::uint32_t slot) const { return recent_[slot / 32] >> (slot % 32 * 2) & kMostTouches; }
  /// Takes one touch away.
  bool was_touched(std::uint32_t slot) {
    if (slot / 32 >= recent_.size() || touches_of(slot) == 0) return false;
    recent_[slot / 32] -= std::uint64_t{1} << (slot % 32 * 2);
    return true;
  }
  struct Leaving {
    std::uint32_t slot;
    std::size_t entries;
  };
  void put_into_spill(std::uint32_t slot) {
    packed_.bytes.clear();
    packed_.count = 0;
    write_slot(slot, packed_, bytes_, false);
    spill_->put(address_of(cells_.at(slot).key), packed_.bytes.view());
    on_put_into_spill(slot, *spill_);
    leaving_.push_back({slot, packed_.count});
  }
  /// The spill store has it.
  void let_go(const Leaving& leaving) {
    if (save_.before_evict(leaving.slot, saver())) {  // it has to reach the next snapshot
      Log log{save_};
      write_slot(leaving.slot, log, bytes_, true);
      on_saved(leaving.slot);
    }
    ++spilled_keys_;
    spilled_entries_ += leaving.entries;
    on_evicted(leaving.slot);
    cells_.erase(leaving.slot);
  }
  std::uint32_t fetch(const Key& key, std::uint64_t hash) {
    try {
      if (!spill_->take(address_of(key), fetched_)) return Cells::kNone;
      --spilled_keys_;
      for_each_packed(fetched_, [&](const StateEntry& entry) {
        --spilled_entries_;
        if (!take_back(entry, key, hash)) throw damaged();
      });
      const std::uint32_t slot = cells_.find(key, hash);
      on_taken_from_spill(slot, *spill_);
      return slot;
    } catch (const std::exception& error) {
      throw StateLost(error.what());
    }
  }
  /// Those that are over come back into the table, and go from there.
  template <class IsOver>
  void sweep_spilled(std::int64_t now_ms, std::int64_t deadline, IsOver is_over) {
    if (swept_to_.size() == 0) next_round_ms_ = now_ms + (now_ms - deadline) / kRoundsPerTtl;
    const auto walk = spill_->walk(prefix(), swept_to_.view());
    std::string_view address, packed;
    for (; spilled_steps_ != 0; --spilled_steps_) {
      if (!walk->next(address, packed)) {
        swept_to_.clear();
        spilled_steps_ = 0;
        return;
      }
      if (spilled_steps_ == 1) {
        swept_to_.clear();
        swept_to_.append(address);
      }
      StateEntry entry;
      if (!next_packed_entry(packed, entry)) throw damaged();
      if (entry.written_ms > deadline) continue;
      Key key{};
      std::uint64_t hash = 0;
      if (!decode_address(entry, key, hash)) throw damaged();
      if (cells_.find(key, hash) != Cells::kNone) continue;  // it was looked for since the walk began
      if (const std::uint32_t slot = fetch(key, hash); slot != Cells::kNone && is_over(slot)) cells_.erase(slot);
    }
  }
  /// One value at a time: the average follows soon enough.
  void sample_heap() {
    for (std::uint32_t tries = 0; tries < 64 && cells_.slots() != 0; ++tries) {
      sampled_ = sampled_ + 1 < cells_.slots() ? sampled_ + 1 : 0;
      if (!cells_.is_used(sampled_)) continue;
      const auto heap = static_cast<double>(heap_of(sampled_));
      average_heap_ += (heap - average_heap_) / static_cast<double>(samples_ < 256 ? ++samples_ : samples_);
      return;
    }
  }

  /// What changed and leaves the table.
  struct Log final : StateWriter {
    explicit Log(IncrementalSave& to) : save(to) {}
    void put(const StateEntry& entry) override { save.note(entry); }
    IncrementalSave& save;
  };

  static constexpr std::uint64_t kMostTouches = 3;
  static constexpr std::size_t kSweptAtOnce = 256;  // spilled entries: beginning a walk costs as much as many steps
  static constexpr std::int64_t kRoundsPerTtl = 8;  // of the sweep over what is spilled, at most

  SpillStore* spill_ = nullptr;
  char prefix_[5] = {};  // the state's number, and 0; then 1
  char second_prefix_[5] = {0, 0, 0, 0, 1};
  std::size_t spilled_keys_ = 0;
  std::size_t spilled_entries_ = 0;
  /// Two bits a slot: how often it was touched, less each time the hand has passed (generalized clock, Smith 1978).
  std::vector<std::uint64_t> recent_;
  std::uint32_t hand_ = 0;
  std::vector<Leaving> leaving_;  // put into the spill store, which has not said yet that it has them
  PinnedSlots* pinned_ = nullptr;
  bool stays_ = false;
  std::unique_ptr<SpillStore::Walk> saving_spilled_;
  std::unique_ptr<SpillStore::Walk> walking_;
  std::uint32_t sweep_slot_ = 0;
  std::size_t spilled_steps_ = 0;   // that the sweep owes
  ByteBuffer swept_to_;             // address; empty: a round begins
  std::int64_t next_round_ms_ = 0;  // begins then at the earliest
  ByteBuffer address_;
  Packer packed_;
  std::string fetched_;
  std::uint32_t sampled_ = 0;
  std::uint32_t samples_ = 0;
  double average_heap_ = 0;
};

}  // namespace freshet::detail
