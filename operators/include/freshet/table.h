#pragma once

#include <algorithm>
#include <bit>

#include <freshet/batch.h>

namespace freshet::detail {

/// Open-addressing hash table whose values stay where they are: the index holds slot numbers, the values lie in chunks.
/// So a reference into it is good until its entry is erased, growing moves eight bytes an entry, and walking it in slot
/// order can stop and go on. Linear probing, load at most 7/8, tombstone-free erase (backward shift, Knuth 6.4 R).
/// Not thread-safe.
template <class K, class V>
class Table {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Entry {
    std::uint64_t hash = 0;
    K key{};
    V value{};
    bool used = false;
  };

  std::size_t size() const { return size_; }
  /// One past the greatest slot ever used: walk 0 … slots() and skip those not `used`.
  std::uint32_t slots() const { return slots_; }
  Entry& at(std::uint32_t slot) { return chunks_[chunk_of(slot)][slot - first_of(slot)]; }
  const Entry& at(std::uint32_t slot) const { return chunks_[chunk_of(slot)][slot - first_of(slot)]; }

  std::uint32_t find(const K& key, std::uint64_t hash) const {
    if (index_.empty()) return kNone;
    for (std::size_t at_index = hash & mask_;; at_index = (at_index + 1) & mask_) {
      const Cell cell = index_[at_index];
      if (cell.slot == kNone) return kNone;
      if (cell.tag == tag_of(hash) && at(cell.slot).key == key) return cell.slot;
    }
  }

  /// The slot of `key`, made with V{} when it was not there; `made` tells.
  std::uint32_t find_or_add(const K& key, std::uint64_t hash, bool& made) {
    if ((size_ + 1) * 8 > index_.size() * 7) grow();
    for (std::size_t at_index = hash & mask_;; at_index = (at_index + 1) & mask_) {
      Cell& cell = index_[at_index];
      if (cell.slot == kNone) {
        cell = {tag_of(hash), take_slot()};
        Entry& entry = at(cell.slot);
        entry.hash = hash;
        entry.key = key;
        entry.used = true;
        ++size_;
        made = true;
        return cell.slot;
      }
      if (cell.tag == tag_of(hash) && at(cell.slot).key == key) {
        made = false;
        return cell.slot;
      }
    }
  }

  void erase(std::uint32_t slot) {
    Entry& entry = at(slot);
    std::size_t hole = entry.hash & mask_;
    while (index_[hole].slot != slot) hole = (hole + 1) & mask_;
    for (std::size_t next = (hole + 1) & mask_; index_[next].slot != kNone; next = (next + 1) & mask_) {
      const std::size_t home = at(index_[next].slot).hash & mask_;
      if (((next - home) & mask_) < ((next - hole) & mask_)) continue;
      index_[hole] = index_[next];
      hole = next;
    }
    index_[hole] = {};
    entry.used = false;
    entry.key = K{};
    entry.value = V{};
    free_.push_back(slot);
    --size_;
  }

  void clear() { *this = Table(); }

  /// Asks the processor for the index line, and then for the entry, that `hash` will touch.
  void prefetch_index(std::uint64_t hash) const {
    if (!index_.empty()) __builtin_prefetch(&index_[hash & mask_]);
  }
  void prefetch_entry(std::uint64_t hash) const {
    if (index_.empty()) return;
    const Cell cell = index_[hash & mask_];
    if (cell.slot != kNone) __builtin_prefetch(&at(cell.slot), 1);
  }

  /// Bytes of the table itself; what its values hold on the heap is not counted.
  std::size_t table_bytes() const {
    return index_.capacity() * sizeof(Cell) + capacity_ * sizeof(Entry);
  }

 private:
  /// Chunks begin small and double, since some tables hold three entries (a map per key), up to this many entries each.
  static constexpr std::uint32_t kChunk = 1024;
  static constexpr std::uint32_t kFirstChunk = 8;
  static constexpr std::uint32_t kGrowingChunks = std::bit_width(kChunk / kFirstChunk);  // together kChunk entries
  static std::uint32_t chunk_of(std::uint32_t slot) {
    if (slot >= kChunk) return slot / kChunk + kGrowingChunks - 1;
    return static_cast<std::uint32_t>(std::bit_width(slot / kFirstChunk));
  }
  /// The first slot of the chunk in which `slot` lies.
  static std::uint32_t first_of(std::uint32_t slot) {
    if (slot >= kChunk) return slot & ~(kChunk - 1);
    return slot < kFirstChunk ? 0 : std::bit_floor(slot);
  }
  struct Cell {
    std::uint32_t tag = 0;
    std::uint32_t slot = kNone;
  };
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  std::uint32_t take_slot() {
    if (!free_.empty()) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (slots_ == capacity_) {
      const std::uint32_t entries = std::clamp(slots_, kFirstChunk, kChunk);
      chunks_.push_back(std::make_unique<Entry[]>(entries));
      capacity_ += entries;
    }
    return slots_++;
  }

  void grow() {
    std::vector<Cell> old(std::max<std::size_t>(16, index_.size() * 2));
    old.swap(index_);
    mask_ = index_.size() - 1;
    for (const Cell cell : old) {
      if (cell.slot == kNone) continue;
      std::size_t at_index = at(cell.slot).hash & mask_;
      while (index_[at_index].slot != kNone) at_index = (at_index + 1) & mask_;
      index_[at_index] = cell;
    }
  }

  std::vector<Cell> index_;
  std::size_t mask_ = 0;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t slots_ = 0;
  std::uint32_t capacity_ = 0;  // entries of all chunks
  std::size_t size_ = 0;
};

}  // namespace freshet::detail
