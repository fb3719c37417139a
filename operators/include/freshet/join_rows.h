#pragma once

#include <freshet/cells.h>
#include <freshet/rows_of_key.h>
#include <freshet/timed.h>

/// The state tables of joins.
namespace freshet::detail {

/// The records of all keys as a state table; what is due of it, JoinRows adds.
template <class K, class T>
class RowCells : public KeyedCells<K, RowsOfKey<T>> {
  using Base = KeyedCells<K, RowsOfKey<T>>;

 public:
  using Cells = typename Base::Cells;
  RowCells(std::string name, std::string kind, KeyScope<K>* scope)
      : Base(std::move(name), std::move(kind), StateOptions{}, scope) {}
  StateDeclaration declaration() const override {
    return this->declare(schema_of<std::uint32_t>(), schema_of<JoinRow<T>>());
  }
  void write_blank(ByteBuffer& out) const override { append_blank<JoinRow<T>>(out); }
  void commit_call() override {}
  void undo_call() override {}

 protected:
  /// A row that came and went between two barriers is in none of them, and nothing is said of it.
  void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool changes_only) const override {
    const auto& rows = this->cells_.at(slot).value;
    if (changes_only) {
      for (const std::uint32_t place : rows.changed())
        if (rows.is_taken(place) || rows.is_saved(place)) put(slot, place, bytes, out);
    } else {
      for (std::uint32_t place = 0; place < rows.places(); ++place)
        if (rows.is_taken(place)) put(slot, place, bytes, out);
    }
  }
  void on_saved(std::uint32_t slot) override { this->cells_.at(slot).value.note_saved(this->save_.everything()); }
  void on_evicted(std::uint32_t slot) override { count_ -= this->cells_.at(slot).value.size(); }
  std::size_t resident_entries() const override { return count_; }
  std::size_t heap_of(std::uint32_t slot) const override {
    const auto& entry = this->cells_.at(slot);
    return heap_bytes(entry.key) + entry.value.heap();
  }
  bool take_back(const StateEntry& entry, const K& key, std::uint64_t hash) override {
    std::uint32_t place = 0;
    if (!decode_key(entry.map_key, place)) return false;
    const auto slot = this->slot_of(entry, key, hash);
    if (slot == Cells::kNone) return true;  // erased
    auto& rows = this->cells_.at(slot).value;
    const std::size_t before = rows.size();
    bool is_good = true;
    if (entry.erased)
      rows.free(place);
    else
      is_good = rows.put_back(place, entry.value);
    count_ += rows.size() - before;
    return is_good;
  }
  void forget_slot(std::uint32_t slot) override {
    const auto& entry = this->cells_.at(slot);
    count_ -= entry.value.size();
    if (!this->save_.is_on()) return;
    for (std::uint32_t place = 0; place < entry.value.places(); ++place) {
      if (!entry.value.is_saved(place)) continue;
      this->save_.note_erased(this->cells_.hash_of(entry), this->bytes_.of_key(entry.key),
                              this->bytes_.of_map_key(place));
    }
  }
  std::size_t count_ = 0;  // rows of all keys in memory

 private:
  void put(std::uint32_t slot, std::uint32_t place, EntryBytes& bytes, StateWriter& out) const {
    const auto& entry = this->cells_.at(slot);
    const bool is_there = entry.value.is_taken(place);
    out.put({.key_hash = this->cells_.hash_of(entry),
             .key = bytes.of_key(entry.key),
             .map_key = bytes.of_map_key(place),
             .value = is_there ? bytes.of_value(entry.value.row(place)) : std::string_view(),
             .written_ms = this->stamp_of(slot),
             .erased = !is_there});
  }
};

/// The same, each record due at its time plus `keep`, which may be negative; kNever: not by itself. A key without
/// records is forgotten, and its memory goes to the next.
template <class K, class T>
class JoinRows final : public Timed<RowCells<K, T>, K> {
  using Base = Timed<RowCells<K, T>, K>;

 public:
  using Cells = typename Base::Cells;
  using Rows = RowsOfKey<T>;
  JoinRows(std::string name, std::string kind, std::int64_t keep_ms, KeyScope<K>* scope)
      : Base(std::move(name), std::move(kind), scope), keep_ms_(keep_ms) {}

  /// Those of the key at hand, in order; null when there are none.
  Rows* find() {
    const auto slot = this->find_slot();
    if (slot == Cells::kNone) return nullptr;
    Rows& rows = this->cells_.at(slot).value;
    rows.order();
    return &rows;
  }
  /// Of the key at hand: throws where one more would be too many.
  void check_room() {
    if (const Rows* rows = find(); rows != nullptr) rows->check_room();
  }
  void insert(const T& record, const RecordMeta& meta, bool has_partner) {
    const auto slot = this->make_slot();
    Rows& rows = this->cells_.at(slot).value;
    if (rows.places() == 0 && !unused_.empty()) {
      rows = std::move(unused_.back());
      unused_.pop_back();
    }
    rows.insert(record, meta, has_partner, this->save_.is_on());
    ++this->count_;
    this->schedule(slot);
  }
  /// A row of the key at hand, which find() answered.
  void note_partner(std::uint32_t place) {
    this->before_change(this->cached_slot_);
    this->cells_.at(this->cached_slot_).value.note_partner(place, this->save_.is_on());
  }
  /// Removes rows that are due at `limit_ms` or before, after leave(key, hash, row) of each, at most `most`, which it
  /// counts down. False: there may be more, or leave() said false, and that row stays.
  template <class Leave>
  bool remove_due(std::int64_t limit_ms, std::size_t& most, Leave leave) {
    for (;;) {
      if (most == 0) return false;
      const std::uint32_t slot = this->first_due(limit_ms);
      if (slot == Cells::kNone) return true;
      --most;  // also for a key of which nothing is due after all
      const auto& entry = this->cells_.at(slot);
      const bool is_done = remove_while(slot, most, [&](const JoinRow<T>& row) {
        if (row.time_ms + keep_ms_ > limit_ms) return Fate::stays_with_later;
        return leave(entry.key, Cells::hash_of(entry), row) ? Fate::goes : Fate::stays;
      });
      if (!is_done) return false;
    }
  }
  /// Removes those of the key at hand that are over, at most `most`, which it counts down. False: there may be more.
  template <class IsOver>
  bool remove_over(std::size_t& most, IsOver is_over) {
    const auto slot = this->find_slot();
    if (slot == Cells::kNone) return true;
    return remove_while(
        slot, most, [&](const JoinRow<T>& row) { return is_over(row.time_ms) ? Fate::goes : Fate::stays_with_later; });
  }

 protected:
  std::int64_t due_ms(std::uint32_t slot) const override {
    return keep_ms_ == Base::kNever ? Base::kNever : this->cells_.at(slot).value.first_ms() + keep_ms_;
  }
  std::uint64_t hash_of_key(const K& key) const override { return key_hash(key); }
  bool take_back(const StateEntry& entry, const K& key, std::uint64_t hash) override {
    const bool is_good = RowCells<K, T>::take_back(entry, key, hash);
    const auto slot = this->cells_.find(key, hash);
    if (slot == Cells::kNone) return is_good;
    this->unschedule(slot);
    if (this->cells_.at(slot).value.size() == 0)
      this->cells_.erase(slot);
    else
      this->schedule(slot);
    return is_good;
  }
  void forget_slot(std::uint32_t slot) override {
    this->unschedule(slot);
    RowCells<K, T>::forget_slot(slot);
  }
  void on_evicted(std::uint32_t slot) override {
    RowCells<K, T>::on_evicted(slot);
    Base::on_evicted(slot);
  }
  /// By the same time it is found there again.
  void on_put_into_spill(std::uint32_t slot, SpillStore& store) override {
    this->cells_.at(slot).value.order();
    Base::on_put_into_spill(slot, store);
  }

 private:
  enum class Fate : std::uint8_t { goes, stays, stays_with_later };
  static constexpr std::size_t kMostUnused = 1024;
  static constexpr std::uint32_t kMostPlacesUnused = 8;

  /// False: it did not come to the row that stays_with_later.
  template <class Decide>
  bool remove_while(std::uint32_t slot, std::size_t& most, Decide decide) {
    this->before_change(slot);
    Rows& rows = this->cells_.at(slot).value;
    rows.order();
    Fate fate = Fate::goes;
    while (rows.size() != 0 && (fate = decide(rows.first())) == Fate::goes) {
      rows.remove_first(this->save_.is_on());
      --this->count_;
      if (most == 0) {
        fate = Fate::stays;
        break;
      }
      --most;
    }
    if (rows.size() != 0) {
      this->schedule(slot);
      return fate != Fate::stays;
    }
    forget(slot);
    return true;
  }
  void forget(std::uint32_t slot) {
    Rows& rows = this->cells_.at(slot).value;
    this->before_erase(slot);
    if (rows.places() <= kMostPlacesUnused && unused_.size() < kMostUnused) {
      rows.recycle();
      unused_.push_back(std::move(rows));
    }
    this->cells_.erase(slot);
    this->cached_call_ = ~0ULL;
  }

  const std::int64_t keep_ms_;
  std::vector<Rows> unused_;
};

/// When the next window of a key is over in which it has records of either stream: its end, in ms.
template <class K>
class JoinWindows final : public Timed<WholeCells<K, std::int64_t>, K> {
  using Base = Timed<WholeCells<K, std::int64_t>, K>;

 public:
  using Cells = typename Base::Cells;
  JoinWindows(std::string kind, KeyScope<K>* scope) : Base("windows", std::move(kind), StateOptions{}, scope) {}
  StateDeclaration declaration() const override { return this->declare({}, schema_of<std::int64_t>()); }
  void commit_call() override {}
  void undo_call() override {}

  /// The key at hand has a window with this end.
  void note(std::int64_t end) {
    if (const auto slot = this->find_slot(); slot != Cells::kNone && this->cells_.at(slot).value <= end) return;
    set(end);
  }
  /// The window of the key at hand that ends first is now this.
  void set(std::int64_t end) {
    const auto slot = this->make_slot();
    this->cells_.at(slot).value = end;
    this->schedule(slot);
  }
  /// The key at hand has no more windows.
  void erase() {
    if (this->find_slot() != Cells::kNone) this->drop_slot();
    this->cached_call_ = ~0ULL;
  }

 protected:
  std::int64_t due_ms(std::uint32_t slot) const override { return this->cells_.at(slot).value - 1; }
  std::uint64_t hash_of_key(const K& key) const override { return key_hash(key); }
  void forget_slot(std::uint32_t slot) override {
    this->unschedule(slot);
    Base::forget_slot(slot);
  }
};

}  // namespace freshet::detail
