#pragma once

#include <bit>

#include <freshet/live_table.h>

namespace freshet::detail {

/// A table of what is noted under a key and, below it, an inner key: one number each, in ms. Saved pair by pair, so one
/// change among a million pairs of a key is one entry. One thread, the task's.
template <class K, class M>
class PairTable : public LiveTable<std::pair<K, M>, std::int64_t> {
  using Base = LiveTable<std::pair<K, M>, std::int64_t>;

 public:
  using Pair = std::pair<K, M>;
  using Cells = typename Base::Cells;

  static std::uint64_t hash_of(std::uint64_t key_hash_value, const M& inner) {
    // Turned: a stream keyed by the inner key itself has the same hash twice.
    return (key_hash_value ^ std::rotl(key_hash(inner), 23)) * 0x9e3779b97f4a7c15ULL;
  }
  void write_blank(ByteBuffer& out) const override { encode(out, std::int64_t{}); }

 protected:
  /// When the entry of a slot was last written, or StateEntry::kNoStamp.
  virtual std::int64_t written_ms(std::uint32_t slot) const = 0;

  void write_slot(std::uint32_t slot, StateWriter& out, EntryBytes& bytes, bool) const override {
    const auto& entry = this->cells_.at(slot);
    out.put({.key_hash = key_hash(entry.key.first),
             .key = bytes.of_key(entry.key.first),
             .map_key = bytes.of_map_key(entry.key.second),
             .value = bytes.of_value(entry.value),
             .written_ms = written_ms(slot)});
  }
  std::size_t heap_of(std::uint32_t slot) const override {
    const Pair& key = this->cells_.at(slot).key;
    return heap_bytes(key.first) + heap_bytes(key.second);
  }
  void append_key(ByteBuffer& out, const Pair& key) const override {
    encode_key(out, key.first);
    encode_key(out, key.second);
  }
  bool decode_address(const StateEntry& entry, Pair& key, std::uint64_t& hash) const override {
    if (!decode_key(entry.key, key.first) || !decode_key(entry.map_key, key.second)) return false;
    hash = hash_of(entry.key_hash, key.second);
    return true;
  }
  bool take_back(const StateEntry& entry, const Pair& key, std::uint64_t hash) override {
    if (entry.erased) {
      if (const auto slot = this->cells_.find(key, hash); slot != Cells::kNone) this->cells_.erase(slot);
      return true;
    }
    bool made = false;
    return decode_all(entry.value, this->cells_.at(this->cells_.find_or_add(key, hash, made)).value);
  }
  /// Notes that a slot goes; who calls it then erases it.
  void note_erase(std::uint32_t slot) {
    this->save_.before_erase(slot, this->saver());
    if (!this->save_.is_on()) return;
    const auto& entry = this->cells_.at(slot);
    this->save_.note_erased(key_hash(entry.key.first), this->bytes_.of_key(entry.key.first),
                            this->bytes_.of_map_key(entry.key.second));
  }
};

}  // namespace freshet::detail
