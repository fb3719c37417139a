#pragma once

#include <algorithm>
#include <limits>
#include <tuple>

#include <freshet/cells.h>
#include <freshet/emission.h>
#include <freshet/look_ahead.h>
#include <freshet/stage.h>

/// The newest records of each key: their table and the stage of the step `recent`.
namespace freshet::detail {

/// One of the records that recent keeps.
template <class T>
struct Kept {
  std::int64_t time_ms = 0;
  SourcePosition position{};
  std::uint64_t arrival = 0;  ///< greater than that of those the key had before
  T record{};
  FRESHET_RECORD(time_ms, position, arrival, record)
};

/// The records of one key. Each stays in its place until a newer one takes it, so what has changed is little.
template <class T>
class RecentOfKey {
 public:
  std::size_t size() const { return taken_; }
  /// By age, 0 the oldest. Behind order().
  const Kept<T>& by_age(std::size_t age) const { return places_[order_[age]]; }

  /// Takes in a record if one of those that are kept is older, which it puts out, or fewer than `most` are kept. The
  /// place where it stands; kNone: nowhere.
  std::uint32_t insert(const T& record, const RecordMeta& meta, std::size_t most) {
    order();
    const auto is_older = [this](const RecordMeta& a, std::uint32_t place) {
      const Kept<T>& b = places_[place];
      return std::tie(a.event_time_ms, a.position) < std::tie(b.time_ms, b.position);
    };
    const bool is_newest = order_.empty() || !is_older(meta, order_.back());
    const auto at = is_newest ? order_.end() : std::upper_bound(order_.begin(), order_.end(), meta, is_older);
    std::uint32_t place = kNone;
    if (taken_ < most) {
      place = free_place();
      order_.insert(at, place);
      ++taken_;
    } else if (at == order_.begin()) {
      return kNone;
    } else {
      place = order_.front();
      std::rotate(order_.begin(), order_.begin() + 1, at);
      *(at - 1) = place;
    }
    Kept<T>& kept = places_[place];
    kept.time_ms = meta.event_time_ms;
    kept.position = meta.position;
    kept.arrival = ++arrivals_;
    kept.record = record;  // assigned, so that its strings keep their capacity
    return place;
  }

  /// Places are numbered from 0 to places() - 1; some may be free.
  std::uint32_t places() const { return static_cast<std::uint32_t>(places_.size()); }
  bool is_taken(std::uint32_t place) const { return places_[place].time_ms != kFree; }
  const Kept<T>& in(std::uint32_t place) const { return places_[place]; }

  /// Puts one back that was saved. False: it is none.
  bool put_back(std::uint32_t place, std::string_view saved) {
    if (place >= kMostPlaces) return false;
    while (place >= places_.size()) places_.push_back({.time_ms = kFree});
    taken_ += !is_taken(place);
    is_in_order_ = false;
    if (!decode_all(saved, places_[place]) || !is_taken(place)) return false;
    arrivals_ = std::max(arrivals_, places_[place].arrival);
    return true;
  }
  /// A place is free again.
  void free(std::uint32_t place) {
    if (place >= places_.size() || !is_taken(place)) return;
    places_[place] = {.time_ms = kFree};
    --taken_;
    is_in_order_ = false;
  }
  /// Finds out again which is the oldest, where some were put back.
  void order() {
    if (is_in_order_) [[likely]]
      return;
    is_in_order_ = true;
    order_.clear();
    for (std::uint32_t place = 0; place < places(); ++place)
      if (is_taken(place)) order_.push_back(place);
    std::sort(order_.begin(), order_.end(), [this](std::uint32_t one, std::uint32_t other) {
      const Kept<T>& a = places_[one];
      const Kept<T>& b = places_[other];
      return std::tie(a.time_ms, a.position, a.arrival) < std::tie(b.time_ms, b.position, b.arrival);
    });
  }

  std::size_t heap() const {
    std::size_t bytes = places_.capacity() * sizeof(Kept<T>) + order_.capacity() * 4 + changed.bytes();
    if constexpr (!std::is_trivially_copyable_v<T>)
      for (const auto& kept : places_) bytes += heap_bytes(kept.record);
    return bytes;
  }

  static constexpr std::uint32_t kNone = 0xffffffff;
  ChangedSlots changed{};  // places

 private:
  static constexpr std::int64_t kFree = std::numeric_limits<std::int64_t>::max();  // no event has this time
  static constexpr std::uint32_t kMostPlaces = 1u << 20;

  std::uint32_t free_place() {
    if (taken_ < places_.size()) {  // seldom: some were given up by an earlier run
      for (std::uint32_t place = 0; place < places(); ++place)
        if (!is_taken(place)) return place;
    }
    places_.emplace_back();
    return places() - 1;
  }
  std::vector<Kept<T>> places_;
  std::vector<std::uint32_t> order_;  // of places that are taken, oldest first
  bool is_in_order_ = true;
  std::size_t taken_ = 0;
  std::uint64_t arrivals_ = 0;
};

/// The records of all keys; each record is an entry of its own, by its place, so a new one is saved alone.
template <class K, class T>
class RecentCells final : public KeyedCells<K, RecentOfKey<T>> {
  using Base = KeyedCells<K, RecentOfKey<T>>;

 public:
  using Cells = typename Base::Cells;
  RecentCells(StateOptions options, KeyScope<K>* scope) : Base("records", "map", options, scope) {}

  /// The records of the key at hand, with one more if it is new enough.
  RecentOfKey<T>& insert(const T& record, const RecordMeta& meta, std::size_t most) {
    auto& recent = this->cells_.at(this->make_slot()).value;
    const std::size_t before = recent.size();
    const std::uint32_t place = recent.insert(record, meta, most);
    count_ += recent.size() - before;
    if (place != RecentOfKey<T>::kNone && this->save_.is_on()) recent.changed.note(place);
    return recent;
  }
  std::uint32_t current_slot() const { return this->cached_slot_; }
  bool next_spilled(typename Cells::Entry& entry, std::int64_t& written_ms) {
    entry.value = {};
    return Base::next_spilled(entry, written_ms, &put_back);
  }

  StateDeclaration declaration() const override {
    return this->declare(schema_of<std::uint32_t>(), schema_of<Kept<T>>());
  }
  void write_blank(ByteBuffer& out) const override { append_blank<Kept<T>>(out); }
  void commit_call() override {}
  void undo_call() override {}

 protected:
  void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool changes_only) const override {
    const auto& recent = this->cells_.at(slot).value;
    std::uint32_t last_taken = RecentOfKey<T>::kNone;
    bool is_stamped = !changes_only || !this->expires();
    for (std::uint32_t place = 0; place < recent.places(); ++place) {
      if (!recent.is_taken(place)) continue;
      last_taken = place;
      if (changes_only && !recent.changed.has(place)) continue;
      put(slot, place, bytes, out);
      is_stamped = true;
    }
    // When a key was written last stands in its entries: one has to tell, also when the record was too old to be kept.
    if (!is_stamped && last_taken != RecentOfKey<T>::kNone) put(slot, last_taken, bytes, out);
  }
  void on_saved(std::uint32_t slot) override { this->cells_.at(slot).value.changed.clear(); }
  void on_evicted(std::uint32_t slot) override { count_ -= this->cells_.at(slot).value.size(); }
  std::size_t resident_entries() const override { return count_; }
  std::size_t heap_of(std::uint32_t slot) const override {
    const auto& entry = this->cells_.at(slot);
    return heap_bytes(entry.key) + entry.value.heap();
  }
  bool take_back(const StateEntry& entry, const K& key, std::uint64_t hash) override {
    const auto slot = this->slot_of(entry, key, hash);
    if (slot == Cells::kNone) return true;  // erased
    auto& recent = this->cells_.at(slot).value;
    const std::size_t before = recent.size();
    const bool is_good = put_back(entry, recent);
    count_ += recent.size() - before;
    if (entry.erased && recent.size() == 0) this->cells_.erase(slot);
    return is_good;
  }
  void forget_slot(std::uint32_t slot) override {
    const auto& cell = this->cells_.at(slot);
    count_ -= cell.value.size();
    if (!this->save_.is_on()) return;
    for (std::uint32_t place = 0; place < cell.value.places(); ++place) {
      if (!cell.value.is_taken(place)) continue;
      this->save_.note_erased(this->cells_.hash_of(cell), this->bytes_.of_key(cell.key),
                              this->bytes_.of_map_key(place));
    }
  }

 private:
  static bool put_back(const StateEntry& entry, RecentOfKey<T>& recent) {
    std::uint32_t place = 0;
    if (!decode_key(entry.map_key, place)) return false;
    if (!entry.erased) return recent.put_back(place, entry.value);
    recent.free(place);
    return true;
  }
  void put(std::uint32_t slot, std::uint32_t place, EntryBytes& bytes, StateWriter& out) const {
    const auto& cell = this->cells_.at(slot);
    out.put({.key_hash = this->cells_.hash_of(cell),
             .key = bytes.of_key(cell.key),
             .map_key = bytes.of_map_key(place),
             .value = bytes.of_value(cell.value.in(place)),
             .written_ms = this->stamp_of(slot)});
  }
  std::size_t count_ = 0;  // records of all keys in memory
};

/// The newest records of each key, by event time, then by arrival: where positions are known they decide, so the result
/// does not depend on how many tasks read the input.
template <class K, class T>
class RecentStage final : public UserCodeStage {
 public:
  RecentStage(std::size_t count, Emission emission, StateOptions options)
      : count_(count), emitter_(emission), cells_(options, &scope_) {
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, T>>());
    add_dead_letter_output();
    cells_.pin(emitter_.pending());
  }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"records", &cells_}}; }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    emitter_.start(host.now());
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const KeyedBatch<K, T>&>(*view.batch);
    scope_.now_ms = host_->now().time_since_epoch().count();
    cells_.sweep(view.size, scope_.now_ms);
    LookAhead look_ahead(cells_.cells(), view, from);
    return for_each_record<T>(
        view, from,
        [&](std::size_t i) {
          cells_.expect(look_ahead.slot(i));
          const auto index = view.index(i);
          scope_.key = &in.keys[index];
          scope_.hash = view.meta(i).key_hash;
          ++scope_.call;
          auto& recent = cells_.insert(in.records[index], view.meta(i), count_);
          emitter_.note_change(cells_.current_slot());
          if (emitter_.emission().kind == EmissionKind::each_change) put(in.keys[index], recent, scope_.hash);
        },
        [] {});
  }
  void save(SnapshotOut& out, std::string_view operator_id) const override {
    emitter_.save(out, operator_id, cells_.cells());
  }
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    return emitter_.template restore<K>(saved, scope, cells_);
  }
  Time next_due() const override { return emitter_.next_due(); }
  bool emit_due() override {
    return emitter_.emit_changed(
        cells_.cells(), host_->now(), [&] { return outputs_full(); }, emit());
  }
  bool finish() override {
    if (emitter_.emission().kind == EmissionKind::every) return emit_due();
    if (emitter_.emission().kind == EmissionKind::each_change) return true;
    scope_.now_ms = host_->now().time_since_epoch().count();
    return emitter_.emit_all(
        cells_, [&] { return outputs_full(); }, emit());
  }

 private:
  auto emit() {
    return [this](auto& entry) { put(entry.key, entry.value, cells_.cells().hash_of(entry)); };
  }
  /// Newest first. One key's records go out together, beyond the batch's room if need be.
  void put(const K& key, RecentOfKey<T>& recent, std::uint64_t hash) {
    auto& out = static_cast<KeyedBatch<K, T>&>(outputs_[0].batch());
    recent.order();
    const std::size_t behind = recent.size() - std::min(count_, recent.size());  // kept by a job that kept more
    for (std::size_t age = recent.size(); age-- != behind;) {
      const auto& kept = recent.by_age(age);
      out.records.add() = kept.record;
      out.keys.add() = key;
      out.metas.push_back({kept.time_ms, hash, kept.position});
    }
  }
  std::size_t count_;
  Emitter emitter_;
  KeyScope<K> scope_;
  RecentCells<K, T> cells_;
};

}  // namespace freshet::detail
