#pragma once

#include <freshet/live_table.h>

/// Cells: the typed tables behind the state handles of an operator, one per kind of state. They know the key under
/// which user code runs, expire what has outlived its TTL, and can undo what a call changed. One thread, the task's.
namespace freshet {

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

/// What all keyed tables share: the map from key to a V, TTL, and one cached look-up per call.
template <class K, class V>
class KeyedCells : public LiveTable<K, V> {
  using Base = LiveTable<K, V>;

 public:
  using Cells = Table<K, V>;
  KeyedCells(std::string name, std::string kind, StateOptions options, KeyScope<K>* scope)
      : name_(std::move(name)), kind_(std::move(kind)), options_(options), scope_(scope) {}

  /// Of the table itself; what its values hold on the heap is not counted.
  std::size_t bytes() const override { return Base::bytes() + written_ms_.capacity() * sizeof(written_ms_.front()); }
  /// Where the key of the next call probably is.
  void expect(std::uint32_t slot) { expected_slot_ = slot; }
  const StateOptions& options() const { return options_; }
  /// Whether an entry is still to be read: it has not outlived its TTL.
  bool is_live(std::uint32_t slot) const { return !expires() || is_live_at(written_ms_[slot]); }
  bool is_live_at(std::int64_t written_ms) const {
    return !expires() || written_ms + options_.ttl.count() > scope_->now_ms;
  }
  void sweep(std::size_t records, std::int64_t now_ms) override {
    if (!expires()) return;
    const std::int64_t deadline = now_ms - options_.ttl.count();
    Base::sweep(records * 2, now_ms, deadline, [this, deadline](std::uint32_t slot) {
      if (written_ms_[slot] > deadline) return false;
      before_erase(slot);
      return true;
    });
  }
  std::size_t evict(std::size_t entries) override {
    cached_call_ = ~0ULL;
    return Base::evict(entries);
  }

 protected:
  bool expires() const { return options_.ttl != Duration::max(); }
  /// Notes that a slot is written now.
  void stamp(std::uint32_t slot, std::int64_t ms) {
    if (!expires()) return;
    if (slot >= written_ms_.size()) written_ms_.resize(std::max<std::size_t>(slot + 1, written_ms_.size() * 2));
    written_ms_[slot] = ms;
  }
  std::int64_t stamp_of(std::uint32_t slot) const { return expires() ? written_ms_[slot] : StateEntry::kNoStamp; }

  /// Slot of the current key, or kNone; what has outlived its TTL is gone.
  [[gnu::always_inline]] std::uint32_t find_slot() {
    if (cached_call_ == scope_->call) return cached_slot_;
    const bool as_expected = this->cells_.holds(expected_slot_, *scope_->key, scope_->hash);
    cached_slot_ = as_expected ? expected_slot_ : look_up_unexpected();
    cached_call_ = scope_->call;
    if (cached_slot_ == Cells::kNone) return cached_slot_;
    this->note_touch(cached_slot_);
    if (!is_live(cached_slot_)) drop_slot();
    return cached_slot_;
  }
  /// The current key's slot, made when it was not there; counts as a write.
  [[gnu::always_inline]] std::uint32_t make_slot() {
    if (find_slot() == Cells::kNone) [[unlikely]]
      add_slot();
    this->before_change(cached_slot_);
    stamp(cached_slot_, scope_->now_ms);
    return cached_slot_;
  }
  [[gnu::noinline]] void add_slot() {
    bool made = false;
    cached_slot_ = this->cells_.find_or_add(*scope_->key, scope_->hash, made);
    this->note_touch(cached_slot_);
  }
  [[gnu::noinline]] std::uint32_t look_up_unexpected() { return this->look_up(*scope_->key, scope_->hash); }
  void drop_slot() {
    before_erase(cached_slot_);
    this->cells_.erase(cached_slot_);
    cached_slot_ = Cells::kNone;
  }
  void before_erase(std::uint32_t slot) {
    this->save_.before_erase(slot, this->saver());
    forget_slot(slot);
  }
  /// A slot goes: notes what was in it as erased.
  virtual void forget_slot(std::uint32_t slot) = 0;
  void touch() {
    if (scope_->touched.empty() || scope_->touched.back() != this) scope_->touched.push_back(this);
  }
  StateDeclaration declare(Schema map_key, Schema value) const {
    return {name_, kind_, schema_of<K>(), std::move(map_key), std::move(value), options_.ttl, options_.queryable};
  }
  void append_key(ByteBuffer& out, const K& key) const override { encode_key(out, key); }
  bool decode_address(const StateEntry& entry, K& key, std::uint64_t& hash) const override {
    hash = entry.key_hash;
    return decode_key(entry.key, key);
  }
  /// The slot of an entry that comes back; of an erased one kNone, where there is none.
  std::uint32_t slot_of(const StateEntry& entry, const K& key, std::uint64_t hash) {
    if (entry.erased) return this->cells_.find(key, hash);
    bool made = false;
    const auto slot = this->cells_.find_or_add(key, hash, made);
    stamp(slot, entry.written_ms);
    return slot;
  }

  std::string name_;
  std::string kind_;
  StateOptions options_;
  KeyScope<K>* scope_;
  std::uint64_t cached_call_ = ~0ULL;
  std::uint32_t cached_slot_ = Cells::kNone;
  std::uint32_t expected_slot_ = Cells::kNone;

 private:
  std::vector<std::int64_t> written_ms_;  // by slot; empty where nothing expires
};

/// See StateTable::write_blank().
template <Value V>
void append_blank(ByteBuffer& out) {
  V blank{};
  if constexpr (IsVector<V>) blank.emplace_back();
  encode(out, blank);
}

/// A table whose entries are what is stored: one of them a key.
template <class K, class V>
class WholeCells : public KeyedCells<K, V> {
  using Base = KeyedCells<K, V>;

 public:
  using Base::Base;

  void write_blank(ByteBuffer& out) const override { append_blank<V>(out); }
  bool next_spilled(typename Base::Cells::Entry& entry, std::int64_t& written_ms) {
    const auto decode_value = [](const StateEntry& stored, V& value) { return decode_all(stored.value, value); };
    return Base::next_spilled(entry, written_ms, decode_value);
  }

 protected:
  void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool) const override {
    const auto& entry = this->cells_.at(slot);
    out.put({.key_hash = this->cells_.hash_of(entry),
             .key = bytes.of_key(entry.key),
             .value = bytes.of_value(entry.value),
             .written_ms = this->stamp_of(slot)});
  }
  bool take_back(const StateEntry& entry, const K& key, std::uint64_t hash) override {
    const auto slot = this->slot_of(entry, key, hash);
    if (!entry.erased) return decode_all(entry.value, this->cells_.at(slot).value);
    if (slot != Base::Cells::kNone) this->cells_.erase(slot);
    return true;
  }
  std::size_t heap_of(std::uint32_t slot) const override {
    return heap_bytes(this->cells_.at(slot).key) + heap_bytes(this->cells_.at(slot).value);
  }
  void forget_slot(std::uint32_t slot) override {
    if (!this->save_.is_on()) return;
    const auto& entry = this->cells_.at(slot);
    this->save_.note_erased(this->cells_.hash_of(entry), this->bytes_.of_key(entry.key), {});
  }
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
class ValueCells final : public WholeCells<K, V>, public ValueAccess<V> {
 public:
  using Base = WholeCells<K, V>;
  ValueCells(std::string name, StateOptions options, KeyScope<K>* scope)
      : Base(std::move(name), "value", options, scope) {}

  const V* find() override {
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? nullptr : &this->cells_.at(slot).value;
  }
  [[gnu::always_inline]] V& get() override {
    if (this->scope_->undo) save();
    const bool begins = initial_ && this->find_slot() == Base::Cells::kNone;
    V& value = this->cells_.at(this->make_slot()).value;
    if (begins) value = *initial_;
    return value;
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
  void commit_call() override { saved_ = false; }
  void undo_call() override {
    if (!saved_) return;
    saved_ = false;
    if (existed_) {
      const auto slot = this->make_slot();
      this->cells_.at(slot).value = std::move(before_);
      this->stamp(slot, written_before_);
    } else if (this->find_slot() != Base::Cells::kNone) {
      this->drop_slot();
    }
  }

 private:
  void save() {
    if (saved_) return;
    this->touch();
    const auto slot = this->find_slot();
    existed_ = slot != Base::Cells::kNone;
    if (existed_) {
      before_ = this->cells_.at(slot).value;  // assigned, so that its strings keep their capacity
      written_before_ = this->stamp_of(slot);
    }
    saved_ = true;
  }
  bool saved_ = false;  // then the three below say what was before this call's first change
  bool existed_ = false;
  V before_{};
  std::int64_t written_before_ = 0;
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
class ListCells final : public WholeCells<K, std::vector<V>>, public ListAccess<V> {
 public:
  using Base = WholeCells<K, std::vector<V>>;
  ListCells(std::string name, StateOptions options, KeyScope<K>* scope)
      : Base(std::move(name), "list", options, scope) {}

  const std::vector<V>& get() override {
    static const std::vector<V> empty;
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? empty : this->cells_.at(slot).value;
  }
  void push_back(V value) override {
    if (this->scope_->undo) save();
    this->cells_.at(this->make_slot()).value.push_back(std::move(value));
  }
  void clear() override {
    const auto slot = this->find_slot();
    if (slot == Base::Cells::kNone) return;
    this->before_change(slot);
    if (this->scope_->undo) {
      save();
      if (existed_ && !cleared_) cleared_ = std::move(this->cells_.at(slot).value);
    }
    this->drop_slot();
  }

  StateDeclaration declaration() const override { return this->declare({}, schema_of<std::vector<V>>()); }
  void commit_call() override {
    saved_ = false;
    cleared_.reset();
  }
  void undo_call() override {
    if (!saved_) return;
    if (existed_) {
      const auto slot = this->make_slot();
      auto& list = this->cells_.at(slot).value;
      if (cleared_) list = std::move(*cleared_);
      list.resize(size_before_);
      this->stamp(slot, written_before_);
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
    size_before_ = this->cells_.at(slot).value.size();
    written_before_ = this->stamp_of(slot);
  }
  bool saved_ = false;  // then the three below say what was before this call's first change
  bool existed_ = false;
  std::size_t size_before_ = 0;
  std::int64_t written_before_ = 0;
  std::optional<std::vector<V>> cleared_;  // the list as this call cleared it, what it had pushed included
};

}  // namespace detail

}  // namespace freshet
