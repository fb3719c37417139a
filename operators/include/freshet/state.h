#pragma once

#include <functional>
#include <iterator>

#include <freshet/schema.h>
#include <freshet/table.h>

/// Keyed state: what an operator remembers per key. Handles are members of the operator, `{this, "name"}`; the tables
/// behind them hold live objects; the engine reaches the tables by bytes, through StateTable, to save and restore them.
namespace freshet {

/// A state table of an operator; its address for people is OPERATOR.STATE.
struct StateDeclaration {
  std::string name{};
  std::string kind{};  ///< value, list, map or set
  Schema key{};
  Schema map_key{};  ///< of a map or set; empty kind otherwise
  Schema value{};
  Duration ttl = Duration::max();
  bool queryable = false;
  bool operator==(const StateDeclaration&) const = default;
  FRESHET_RECORD(name, kind, key, map_key, value, ttl, queryable)
};

struct StateOptions {
  Duration ttl = Duration::max();  ///< since the last write, on the processing clock; an older entry reads as absent
  bool queryable = false;
};

/// One entry as bytes. `key` and `map_key` are key encodings (key.h), `value` is msgpack.
struct StateEntry {
  std::uint64_t key_hash = 0;
  std::string_view key{};
  std::string_view map_key{};
  std::string_view value{};
  std::int64_t written_ms = 0;
};

/// Takes the entries of a table, in any order; the views are good during the call.
class StateWriter {
 public:
  virtual ~StateWriter() = default;
  virtual void put(const StateEntry& entry) = 0;
};

/// The state port: a typed table as the engine sees it. One thread, the task's.
class StateTable {
 public:
  virtual ~StateTable() = default;
  virtual StateDeclaration declaration() const = 0;
  virtual std::size_t entries() const = 0;
  virtual std::size_t bytes() const = 0;
  virtual void write(StateWriter& out) const = 0;
  /// False: the bytes are not an entry of this table.
  [[nodiscard]] virtual bool restore(const StateEntry& entry) = 0;

  /// Forgets how to undo the last call, or undoes it. Called between calls, only where undo is on.
  virtual void commit_call() = 0;
  virtual void undo_call() = 0;
};

/// The bytes of an entry's address in storage; frozen, golden test: key group u16 | state id u32, both big-endian |
/// key encoding | namespace (0x00: none; 0x01 + window start and end as keys) | map key encoding.
void append_state_address(ByteBuffer& out, std::uint32_t key_group, std::uint32_t state_id, std::string_view key,
                          std::string_view map_key);
/// Low half of XXH3-64 of "OPERATOR.STATE"; a job in which two collide is refused.
std::uint32_t state_id(std::string_view operator_id, std::string_view state);

namespace detail {

/// The key under which user code runs, and what tables need to serve one call.
struct CallScope {
  std::uint64_t hash = 0;
  std::uint64_t call = 0;            ///< counts calls; tells a table whether what it cached is of this one
  std::int64_t now_ms = 0;           ///< processing time, for TTL
  bool undo = false;                 ///< keep what it takes to undo this call
  std::vector<StateTable*> touched;  ///< by this call; only where undo is on

  void commit() {
    for (auto* table : touched) table->commit_call();
    touched.clear();
  }
  void roll_back() {
    for (auto* table : touched) table->undo_call();
    touched.clear();
  }
};

template <class K>
struct KeyScope : CallScope {
  const K* key = nullptr;
};

template <class V>
struct Stamped {
  V value{};
  std::int64_t written_ms = 0;
};

/// What all keyed tables share: the map from key to a V, TTL, and one cached look-up per call.
template <class K, class V>
class KeyedCells : public StateTable {
 public:
  using Cells = Table<K, Stamped<V>>;
  KeyedCells(std::string name, std::string kind, StateOptions options, KeyScope<K>* scope)
      : name_(std::move(name)), kind_(std::move(kind)), options_(options), scope_(scope) {}

  std::size_t entries() const override { return cells_.size(); }
  /// Of the table itself; what its values hold on the heap is not counted.
  std::size_t bytes() const override { return cells_.table_bytes(); }
  Cells& cells() { return cells_; }
  /// Where the key of the next call probably is.
  void expect(std::uint32_t slot) { expected_slot_ = slot; }
  const StateOptions& options() const { return options_; }

 protected:
  /// Slot of the current key, or kNone; what has outlived its TTL is gone.
  std::uint32_t find_slot() {
    if (cached_call_ == scope_->call) return cached_slot_;
    const bool as_expected = cells_.holds(expected_slot_, *scope_->key, scope_->hash);
    cached_slot_ = as_expected ? expected_slot_ : cells_.find(*scope_->key, scope_->hash);
    cached_call_ = scope_->call;
    if (cached_slot_ != Cells::kNone && expired(cells_.at(cached_slot_).value)) {
      forget_value(cells_.at(cached_slot_).value.value);
      drop_slot();
    }
    return cached_slot_;
  }
  std::uint32_t make_slot() {
    if (find_slot() == Cells::kNone) {
      bool made = false;
      cached_slot_ = cells_.find_or_add(*scope_->key, scope_->hash, made);
    }
    return cached_slot_;
  }
  void drop_slot() {
    cells_.erase(cached_slot_);
    cached_slot_ = Cells::kNone;
  }
  /// Called before a value is dropped because its time is over.
  virtual void forget_value(const V&) {}
  bool expired(const Stamped<V>& cell) const {
    return options_.ttl != Duration::max() && cell.written_ms + options_.ttl.count() <= scope_->now_ms;
  }
  void touch() {
    if (scope_->touched.empty() || scope_->touched.back() != this) scope_->touched.push_back(this);
  }
  StateDeclaration declare(Schema map_key, Schema value) const {
    return {name_, kind_, schema_of<K>(), std::move(map_key), std::move(value), options_.ttl, options_.queryable};
  }
  bool restore_key(const StateEntry& entry, std::uint32_t& slot) {
    K key{};
    if (!decode_key(entry.key, key)) return false;
    bool made = false;
    slot = cells_.find_or_add(key, entry.key_hash, made);
    cells_.at(slot).value.written_ms = entry.written_ms;
    return true;
  }

  std::string name_;
  std::string kind_;
  StateOptions options_;
  KeyScope<K>* scope_;
  Cells cells_;
  std::uint64_t cached_call_ = ~0ULL;
  std::uint32_t cached_slot_ = Cells::kNone;
  std::uint32_t expected_slot_ = Cells::kNone;
};

/// A value per key, as its handle sees it: without the key's type.
template <class V>
class ValueAccess {
 public:
  virtual ~ValueAccess() = default;
  virtual const V* find() = 0;
  virtual V& get() = 0;
  virtual void clear() = 0;
};

template <class K, class V>
class ValueCells final : public KeyedCells<K, V>, public ValueAccess<V> {
 public:
  using Base = KeyedCells<K, V>;
  ValueCells(std::string name, StateOptions options, KeyScope<K>* scope)
      : Base(std::move(name), "value", options, scope) {}

  const V* find() override {
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? nullptr : &this->cells_.at(slot).value.value;
  }
  V& get() override { return get_cell().value; }
  /// The current key's cell, made when it was not there; counts as a write.
  Stamped<V>& get_cell() {
    if (this->scope_->undo) save();
    const bool begins = initial_ && this->find_slot() == Base::Cells::kNone;
    auto& cell = this->cells_.at(this->make_slot()).value;
    if (begins) cell.value = *initial_;
    cell.written_ms = this->scope_->now_ms;
    return cell;
  }
  /// What a key's value begins as, where that is not V{}.
  void set_initial(V initial) { initial_ = std::move(initial); }
  /// Slot of the cell that get() last answered.
  std::uint32_t current_slot() const { return this->cached_slot_; }
  void clear() override {
    if (this->scope_->undo) save();
    if (this->find_slot() != Base::Cells::kNone) this->drop_slot();
  }

  StateDeclaration declaration() const override { return this->declare({}, schema_of<V>()); }
  void write(StateWriter& out) const override {
    ByteBuffer key, value;
    for (std::uint32_t slot = 0; slot < this->cells_.slots(); ++slot) {
      if (!this->cells_.is_used(slot)) continue;
      const auto& entry = this->cells_.at(slot);
      key.clear();
      value.clear();
      encode_key(key, entry.key);
      encode(value, entry.value.value);
      out.put({entry.hash, key.view(), {}, value.view(), entry.value.written_ms});
    }
  }
  bool restore(const StateEntry& entry) override {
    std::uint32_t slot = 0;
    return this->restore_key(entry, slot) && decode_all(entry.value, this->cells_.at(slot).value.value);
  }

  void commit_call() override { saved_ = false; }
  void undo_call() override {
    if (!saved_) return;
    saved_ = false;
    if (before_)
      this->cells_.at(this->make_slot()).value = std::move(*before_);
    else if (this->find_slot() != Base::Cells::kNone)
      this->drop_slot();
  }

 private:
  void save() {
    if (saved_) return;
    this->touch();
    const auto slot = this->find_slot();
    before_.reset();
    if (slot != Base::Cells::kNone) before_ = this->cells_.at(slot).value;
    saved_ = true;
  }
  bool saved_ = false;
  std::optional<Stamped<V>> before_;
  std::optional<V> initial_;
};

template <class V>
class ListAccess {
 public:
  virtual ~ListAccess() = default;
  virtual const std::vector<V>& get() = 0;
  virtual void push_back(V value) = 0;
  virtual void clear() = 0;
};

template <class K, class V>
class ListCells final : public KeyedCells<K, std::vector<V>>, public ListAccess<V> {
 public:
  using Base = KeyedCells<K, std::vector<V>>;
  ListCells(std::string name, StateOptions options, KeyScope<K>* scope)
      : Base(std::move(name), "list", options, scope) {}

  const std::vector<V>& get() override {
    static const std::vector<V> empty;
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? empty : this->cells_.at(slot).value.value;
  }
  void push_back(V value) override {
    if (this->scope_->undo) save();
    auto& cell = this->cells_.at(this->make_slot()).value;
    cell.value.push_back(std::move(value));
    cell.written_ms = this->scope_->now_ms;
  }
  void clear() override {
    const auto slot = this->find_slot();
    if (slot == Base::Cells::kNone) return;
    if (this->scope_->undo) {
      save();
      if (existed_ && !cleared_) cleared_ = std::move(this->cells_.at(slot).value.value);
    }
    this->drop_slot();
  }

  StateDeclaration declaration() const override { return this->declare({}, schema_of<std::vector<V>>()); }
  void write(StateWriter& out) const override {
    ByteBuffer key, value;
    for (std::uint32_t slot = 0; slot < this->cells_.slots(); ++slot) {
      if (!this->cells_.is_used(slot)) continue;
      const auto& entry = this->cells_.at(slot);
      key.clear();
      value.clear();
      encode_key(key, entry.key);
      encode(value, entry.value.value);
      out.put({entry.hash, key.view(), {}, value.view(), entry.value.written_ms});
    }
  }
  bool restore(const StateEntry& entry) override {
    std::uint32_t slot = 0;
    return this->restore_key(entry, slot) && decode_all(entry.value, this->cells_.at(slot).value.value);
  }
  void commit_call() override {
    saved_ = false;
    cleared_.reset();
  }
  void undo_call() override {
    if (!saved_) return;
    if (existed_) {
      auto& cell = this->cells_.at(this->make_slot()).value;
      if (cleared_) cell.value = std::move(*cleared_);
      cell.value.resize(size_before_);
      cell.written_ms = written_before_;
    } else if (this->find_slot() != Base::Cells::kNone) {
      this->drop_slot();
    }
    commit_call();
  }

 private:
  void save() {
    if (saved_) return;
    this->touch();
    saved_ = true;
    const auto slot = this->find_slot();
    existed_ = slot != Base::Cells::kNone;
    if (!existed_) return;
    size_before_ = this->cells_.at(slot).value.value.size();
    written_before_ = this->cells_.at(slot).value.written_ms;
  }
  bool saved_ = false;  // then the three below say what was before this call's first change
  bool existed_ = false;
  std::size_t size_before_ = 0;
  std::int64_t written_before_ = 0;
  std::optional<std::vector<V>> cleared_;  // the list as this call cleared it, what it had pushed included
};

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

template <class K, class MapKey, class V>
class MapCells final : public KeyedCells<K, Table<MapKey, V>>, public MapAccess<MapKey, V> {
 public:
  using Entries = Table<MapKey, V>;
  using Base = KeyedCells<K, Entries>;
  MapCells(std::string name, StateOptions options, KeyScope<K>* scope) : Base(std::move(name), "map", options, scope) {}

  Entries* entries_of_key() override {
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? nullptr : &this->cells_.at(slot).value.value;
  }
  V& at_or_make(const MapKey& key) override {
    if (this->scope_->undo) save();
    auto& cell = this->cells_.at(this->make_slot()).value;
    bool made = false;
    V& value = cell.value.at(cell.value.find_or_add(key, key_hash(key), made)).value;
    if (this->scope_->undo) undo_.push_back({key, made ? std::nullopt : std::optional<V>(value)});
    count_ += made;
    cell.written_ms = this->scope_->now_ms;
    return value;
  }
  bool erase(const MapKey& key) override {
    auto* entries = entries_of_key();
    if (entries == nullptr) return false;
    const auto slot = entries->find(key, key_hash(key));
    if (slot == Entries::kNone) return false;
    if (this->scope_->undo) {
      save();
      undo_.push_back({key, std::move(entries->at(slot).value)});
    }
    entries->erase(slot);
    --count_;
    if (entries->size() == 0) this->drop_slot();
    return true;
  }
  void clear() override {
    auto* entries = entries_of_key();
    if (entries == nullptr) return;
    if (this->scope_->undo) {
      save();
      for (std::uint32_t slot = 0; slot < entries->slots(); ++slot) {
        if (!entries->is_used(slot)) continue;
        auto& entry = entries->at(slot);
        undo_.push_back({entry.key, std::move(entry.value)});
      }
    }
    count_ -= entries->size();
    this->drop_slot();
  }

  std::size_t entries() const override { return count_; }
  StateDeclaration declaration() const override { return this->declare(schema_of<MapKey>(), schema_of<V>()); }
  void write(StateWriter& out) const override {
    ByteBuffer key, map_key, value;
    for (std::uint32_t slot = 0; slot < this->cells_.slots(); ++slot) {
      if (!this->cells_.is_used(slot)) continue;
      const auto& cell = this->cells_.at(slot);
      key.clear();
      encode_key(key, cell.key);
      const auto& entries = cell.value.value;
      for (std::uint32_t inner = 0; inner < entries.slots(); ++inner) {
        if (!entries.is_used(inner)) continue;
        const auto& entry = entries.at(inner);
        map_key.clear();
        value.clear();
        encode_key(map_key, entry.key);
        encode(value, entry.value);
        out.put({cell.hash, key.view(), map_key.view(), value.view(), cell.value.written_ms});
      }
    }
  }
  bool restore(const StateEntry& entry) override {
    MapKey map_key{};
    std::uint32_t slot = 0;
    if (!decode_key(entry.map_key, map_key) || !this->restore_key(entry, slot)) return false;
    auto& entries = this->cells_.at(slot).value.value;
    bool made = false;
    const auto inner = entries.find_or_add(map_key, key_hash(map_key), made);
    count_ += made;
    return decode_all(entry.value, entries.at(inner).value);
  }
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
    if (const auto slot = this->find_slot(); slot != Base::Cells::kNone)
      this->cells_.at(slot).value.written_ms = written_before_;
  }

 protected:
  void forget_value(const Entries& entries) override { count_ -= entries.size(); }

 private:
  void save() {
    if (saved_) return;
    this->touch();
    saved_ = true;
    if (const auto slot = this->find_slot(); slot != Base::Cells::kNone)
      written_before_ = this->cells_.at(slot).value.written_ms;
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

}  // namespace detail

}  // namespace freshet
