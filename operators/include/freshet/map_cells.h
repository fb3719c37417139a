#pragma once

#include <freshet/cells.h>

/// The table behind a map state: a map for each key, changes noted entry by entry. One thread, the task's.
namespace freshet::detail {

template <class MapKey, class V>
class MapAccess {
 public:
  using Entries = Table<MapKey, V>;
  virtual ~MapAccess() = default;
  /// The current key's entries; null when there are none.
  virtual Entries* entries_of_key() = 0;
  virtual V& at_or_make(const MapKey& key) = 0;
  virtual bool erase(const MapKey& key) = 0;
  virtual void clear() = 0;
};

/// The map of one key.
template <class MapKey, class V>
struct MapOfKey {
  Table<MapKey, V> entries;
  ChangedSlots changed;  // since it was saved
};

template <class K, class MapKey, class V>
class MapCells final : public KeyedCells<K, MapOfKey<MapKey, V>>, public MapAccess<MapKey, V> {
 public:
  using Entries = Table<MapKey, V>;
  using Base = KeyedCells<K, MapOfKey<MapKey, V>>;
  MapCells(std::string name, StateOptions options, KeyScope<K>* scope) : Base(std::move(name), "map", options, scope) {}

  Entries* entries_of_key() override {
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? nullptr : &this->cells_.at(slot).value.entries;
  }
  V& at_or_make(const MapKey& key) override {
    if (this->scope_->undo) save();
    auto& map = this->cells_.at(this->make_slot()).value;
    bool made = false;
    const auto inner = map.entries.find_or_add(key, key_hash(key), made);
    if (this->save_.is_on()) map.changed.note(inner);
    V& value = map.entries.at(inner).value;
    if (this->scope_->undo) undo_.push_back({key, made ? std::nullopt : std::optional<V>(value)});
    count_ += made;
    return value;
  }
  bool erase(const MapKey& key) override {
    auto* entries = entries_of_key();
    if (entries == nullptr) return false;
    const auto slot = entries->find(key, key_hash(key));
    if (slot == Entries::kNone) return false;
    this->before_change(this->cached_slot_);
    if (this->scope_->undo) {
      save();
      undo_.push_back({key, std::move(entries->at(slot).value)});
    }
    auto& cell = this->cells_.at(this->cached_slot_);
    if (this->save_.is_on()) {
      cell.value.changed.forget(slot);
      this->save_.note_erased(this->cells_.hash_of(cell), this->bytes_.of_key(cell.key), this->bytes_.of_map_key(key));
    }
    entries->erase(slot);
    --count_;
    if (entries->size() == 0) this->drop_slot();
    return true;
  }
  void clear() override {
    auto* entries = entries_of_key();
    if (entries == nullptr) return;
    this->before_change(this->cached_slot_);
    if (this->scope_->undo) {
      save();
      for (std::uint32_t slot = 0; slot < entries->slots(); ++slot) {
        if (!entries->is_used(slot)) continue;
        auto& entry = entries->at(slot);
        undo_.push_back({entry.key, std::move(entry.value)});
      }
    }
    this->drop_slot();
  }

  StateDeclaration declaration() const override { return this->declare(schema_of<MapKey>(), schema_of<V>()); }
  void write_blank(ByteBuffer& out) const override { append_blank<V>(out); }
  void commit_call() override {
    undo_.clear();
    saved_ = false;
  }
  void undo_call() override {
    if (!std::exchange(saved_, false)) return;
    auto undo = std::exchange(undo_, {});
    const bool on = std::exchange(this->scope_->undo, false);
    for (auto step = undo.rbegin(); step != undo.rend(); ++step) {
      if (step->before)
        at_or_make(step->key) = std::move(*step->before);
      else
        erase(step->key);
    }
    this->scope_->undo = on;
    if (const auto slot = this->find_slot(); slot != Base::Cells::kNone) this->stamp(slot, written_before_);
  }

 protected:
  void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool changes_only) const override {
    const auto& map = this->cells_.at(slot).value;
    std::uint32_t last_used = Entries::kNone;
    bool is_stamped = !changes_only || !this->expires();
    for (std::uint32_t inner = 0; inner < map.entries.slots(); ++inner) {
      if (!map.entries.is_used(inner)) continue;
      last_used = inner;
      if (changes_only && !map.changed.has(inner)) continue;
      put(slot, inner, bytes, out);
      is_stamped = true;
    }
    // When a map was written stands in its entries: one has to tell, also when all that were written are gone again.
    if (!is_stamped && last_used != Entries::kNone) put(slot, last_used, bytes, out);
  }
  void on_saved(std::uint32_t slot) override { this->cells_.at(slot).value.changed.clear(); }
  void on_evicted(std::uint32_t slot) override { count_ -= this->cells_.at(slot).value.entries.size(); }
  std::size_t resident_entries() const override { return count_; }
  std::size_t heap_of(std::uint32_t slot) const override {
    const auto& map = this->cells_.at(slot).value;
    const std::size_t bytes = map.entries.table_bytes() + map.changed.bytes();
    const std::uint32_t looked_at = std::min<std::uint32_t>(map.entries.slots(), 16);
    std::size_t heap = 0;
    for (std::uint32_t inner = 0; inner < looked_at; ++inner)
      if (map.entries.is_used(inner))
        heap += heap_bytes(map.entries.at(inner).key) + heap_bytes(map.entries.at(inner).value);
    return looked_at == 0 ? bytes : bytes + heap * map.entries.slots() / looked_at;
  }
  bool take_back(const StateEntry& entry, const K& key, std::uint64_t hash) override {
    MapKey map_key{};
    if (!decode_key(entry.map_key, map_key)) return false;
    const auto slot = this->slot_of(entry, key, hash);
    if (slot == Base::Cells::kNone) return true;  // erased
    auto& entries = this->cells_.at(slot).value.entries;
    if (entry.erased) {
      const auto inner = entries.find(map_key, key_hash(map_key));
      if (inner == Entries::kNone) return true;
      entries.erase(inner);
      --count_;
      if (entries.size() == 0) this->cells_.erase(slot);
      return true;
    }
    bool made = false;
    const auto inner = entries.find_or_add(map_key, key_hash(map_key), made);
    count_ += made;
    return decode_all(entry.value, entries.at(inner).value);
  }
  void forget_slot(std::uint32_t slot) override {
    auto& cell = this->cells_.at(slot);
    const auto& entries = cell.value.entries;
    count_ -= entries.size();
    if (!this->save_.is_on()) return;
    for (std::uint32_t inner = 0; inner < entries.slots(); ++inner) {
      if (!entries.is_used(inner)) continue;
      this->save_.note_erased(this->cells_.hash_of(cell), this->bytes_.of_key(cell.key),
                              this->bytes_.of_map_key(entries.at(inner).key));
    }
  }

 private:
  void put(std::uint32_t slot, std::uint32_t inner, EntryBytes& bytes, StateWriter& out) const {
    const auto& cell = this->cells_.at(slot);
    const auto& entry = cell.value.entries.at(inner);
    out.put({.key_hash = this->cells_.hash_of(cell),
             .key = bytes.of_key(cell.key),
             .map_key = bytes.of_map_key(entry.key),
             .value = bytes.of_value(entry.value),
             .written_ms = this->stamp_of(slot)});
  }
  void save() {
    if (saved_) return;
    this->touch();
    saved_ = true;
    if (const auto slot = this->find_slot(); slot != Base::Cells::kNone) written_before_ = this->stamp_of(slot);
  }
  struct UndoStep {
    MapKey key;
    std::optional<V> before;
  };
  bool saved_ = false;
  std::int64_t written_before_ = 0;  // when the map was last written before this call
  std::vector<UndoStep> undo_;
  std::size_t count_ = 0;
};

}  // namespace freshet::detail
