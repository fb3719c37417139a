#pragma once

#include <freshet/live_table.h>
#include <freshet/snapshot.h>

/// Emission: when the changed values of keyed state go out.
namespace freshet {

enum class EmissionKind : std::uint8_t { each_change, every, at_end };

/// When a changed key's newest value goes out.
struct Emission {
  EmissionKind kind = EmissionKind::each_change;
  Duration interval{};
};
/// At once, with every record.
inline Emission each_change() { return {}; }
/// The newest value of each key that changed, at this interval of processing time, and at the end of the stream. Sooner
/// when what is waiting to go out takes up the memory that state may have (`--state-memory`).
inline Emission every(Duration interval) { return {EmissionKind::every, interval}; }
/// One value per key when the stream ends.
inline Emission at_end() { return {EmissionKind::at_end, {}}; }

namespace detail {

/// Walks the changed keys, or all keys, and emits each one's value; stops when the output is full and goes on later.
class Emitter {
 public:
  explicit Emitter(Emission emission) : emission_(emission) {}
  const Emission& emission() const { return emission_; }
  void start(Time now) { next_ = now + emission_.interval; }
  Time next_due() const {
    if (emission_.kind != EmissionKind::every) return Time::max();
    if (changed_.empty()) return Time::max();
    return draining_ != 0 || pending_.are_too_many ? Time::min() : next_;
  }

  [[gnu::always_inline]] void note_change(std::uint32_t slot) {
    if (emission_.kind == EmissionKind::every) note_pending(slot);
  }

  /// emit(entry) for each changed key. True: all are out.
  template <class Cells, class Full, class Emit>
  bool emit_changed(Cells& cells, Time now, Full full, Emit emit) {
    for (; draining_ < changed_.size(); ++draining_) {
      if (full()) return false;
      const std::uint32_t slot = changed_[draining_];
      pending_.slots[slot] = false;
      if (cells.is_used(slot)) emit(cells.at(slot));  // else it has expired since
    }
    changed_.clear();
    draining_ = 0;
    pending_.are_too_many = false;
    start(now);
    return true;
  }

  /// The changed keys that have not gone out, for a snapshot; and back.
  template <class Cells>
  void save(SnapshotOut& out, std::string_view operator_id, const Cells& cells) const {
    out.begin(operator_id, "changed", "");
    ByteBuffer key;
    for (std::size_t i = draining_; i < changed_.size(); ++i) {
      if (!cells.is_used(changed_[i])) continue;
      key.clear();
      encode_key(key, cells.at(changed_[i]).key);
      out.put(key.view());
    }
  }
  /// False: the record is not of save().
  template <class K, class KeyedCells>
  [[nodiscard]] bool restore(const SavedRecord& saved, const RestoreScope& scope, KeyedCells& table) {
    K key{};
    if (saved.kind != "changed" || !decode_key(saved.bytes, key)) return false;
    const auto hash = key_hash(key);
    if (!scope.owns_key(hash)) return true;
    if (const auto slot = table.look_up(key, hash); slot != KeyedCells::Cells::kNone) note_change(slot);
    return true;
  }

  /// emit(entry) for each key of a table of cells that is live; nothing of it is evicted from then on. True: all are
  /// out.
  template <class KeyedCells, class Full, class Emit>
  bool emit_all(KeyedCells& table, Full full, Emit emit) {
    table.stay();
    auto& cells = table.cells();
    for (; cursor_ < cells.slots(); ++cursor_) {
      if (full()) return false;
      if (cells.is_used(cursor_) && table.is_live(cursor_)) emit(cells.at(cursor_));
    }
    typename KeyedCells::Cells::Entry entry;
    std::int64_t written_ms = 0;
    while (!full()) {
      if (!table.next_spilled(entry, written_ms)) return true;
      if (table.is_live_at(written_ms)) emit(entry);
    }
    return false;
  }
  /// Slots whose values have changed and have not gone out.
  PinnedSlots& pending() { return pending_; }

 private:
  void note_pending(std::uint32_t slot) {
    auto& is_changed = pending_.slots;
    if (slot >= is_changed.size()) is_changed.resize(std::max<std::size_t>(slot + 1, is_changed.size() * 2));
    if (is_changed[slot]) return;
    is_changed[slot] = true;
    changed_.push_back(slot);
  }

  Emission emission_;
  std::vector<std::uint32_t> changed_;  // slots, each once
  PinnedSlots pending_;                 // the same by slot
  std::size_t draining_ = 0;
  std::uint32_t cursor_ = 0;
  Time next_{};
};

}  // namespace detail

}  // namespace freshet
