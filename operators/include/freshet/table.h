#pragma once

#include <algorithm>
#include <bit>
#include <memory>

#include <freshet/batch.h>

namespace freshet::detail {

/// Memory for tables: from two megabytes on it asks for large pages, so that fewer look-ups have to find their page
/// first. Where the system gives none, or the host below it, tables work all the same. Aligned to 64 bytes at least.
/// Throws std::bad_alloc.
void* allocate_table(std::size_t bytes);
void free_table(void* memory, std::size_t bytes);

template <class T>
struct TableAllocator {
  using value_type = T;
  TableAllocator() = default;
  template <class U>
  TableAllocator(const TableAllocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_table(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) { free_table(memory, count * sizeof(T)); }
  bool operator==(const TableAllocator&) const = default;
};

/// Open-addressing hash table whose values stay where they are: the index holds slot numbers, the values lie in chunks.
/// So a reference into it is good until its entry is erased, growing moves eight bytes an entry, and walking it in slot
/// order can stop and go on. Linear probing, load at most 7/8, tombstone-free erase (backward shift, Knuth 6.4 R).
/// Which slots are in use stands beside the entries, so that a small entry fits one line of the processor's cache.
/// Entries whose hash is quickly had again from the key do not keep it: half the memory to fetch for a number and its
/// count. Not thread-safe.
template <class K, class V, bool kKeepsHash = !kHashedAgain<K>>
class Table {
  struct KeptHash {
    std::uint64_t hash = 0;
  };
  struct NoHash {};
  struct Fields : std::conditional_t<kKeepsHash, KeptHash, NoHash> {
    K key{};
    V value{};
  };
  /// Entries of 16, 32 or 64 bytes do not straddle two lines of the cache.
  static constexpr std::size_t kAlignment = sizeof(Fields) % 64 == 0   ? 64
                                            : sizeof(Fields) % 32 == 0 ? 32
                                            : sizeof(Fields) % 16 == 0 ? 16
                                                                       : alignof(Fields);

 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct alignas(kAlignment) Entry : Fields {};

  std::size_t size() const { return size_; }
  /// One past the greatest slot ever used: walk 0 … slots() and skip those that are not used.
  std::uint32_t slots() const { return slots_; }
  bool is_used(std::uint32_t slot) const { return (used_[slot / 64] >> (slot % 64) & 1) != 0; }
  /// The same as bits, 64 slots a number, lowest first.
  const std::vector<std::uint64_t>& used_bits() const { return used_; }
  Entry& at(std::uint32_t slot) { return chunks_[chunk_of(slot)][slot - first_of(slot)]; }
  const Entry& at(std::uint32_t slot) const { return chunks_[chunk_of(slot)][slot - first_of(slot)]; }
  static std::uint64_t hash_of(const Entry& entry) {
    if constexpr (kKeepsHash)
      return entry.hash;
    else
      return key_hash(entry.key);
  }

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
        if constexpr (kKeepsHash) entry.hash = hash;
        entry.key = key;
        used_[cell.slot / 64] |= std::uint64_t{1} << (cell.slot % 64);
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
    std::size_t hole = hash_of(entry) & mask_;
    while (index_[hole].slot != slot) hole = (hole + 1) & mask_;
    for (std::size_t next = (hole + 1) & mask_; index_[next].slot != kNone; next = (next + 1) & mask_) {
      const std::size_t home = hash_of(at(index_[next].slot)) & mask_;
      if (((next - home) & mask_) < ((next - hole) & mask_)) continue;
      index_[hole] = index_[next];
      hole = next;
    }
    index_[hole] = {};
    used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    if constexpr (kKeepsHash) entry.hash = ~entry.hash;  // holds no key, not even the one it begins with
    renew(entry.key);
    renew(entry.value);
    free_.push_back(slot);
    --size_;
  }

  void clear() { *this = Table(); }

  /// Asks memory for the index line that a key of this hash begins at. Inline always: g++ 12 takes a function that only
  /// prefetches for one without effect, and drops calls to it.
  [[gnu::always_inline]] void prefetch_index(std::uint64_t hash) const {
    if (!index_.empty()) __builtin_prefetch(&index_[hash & mask_]);
  }
  /// Where a key of this hash probably is, or kNone; asks memory for the entry. `holds` tells later whether it is
  /// there.
  [[gnu::always_inline]] std::uint32_t prefetch_entry(std::uint64_t hash) const {
    if (index_.empty()) return kNone;
    for (std::size_t at_index = hash & mask_;; at_index = (at_index + 1) & mask_) {
      const Cell cell = index_[at_index];
      if (cell.slot == kNone) return kNone;
      if (cell.tag != tag_of(hash)) continue;
      __builtin_prefetch(&at(cell.slot), 1);
      return cell.slot;
    }
  }
  bool holds(std::uint32_t slot, const K& key, [[maybe_unused]] std::uint64_t hash) const {
    if (slot == kNone) return false;
    const Entry& entry = at(slot);
    if constexpr (kKeepsHash)
      return entry.hash == hash && entry.key == key;
    else
      return entry.key == key && (key != K{} || is_used(slot));  // an erased entry's key is K{}
  }

  /// Bytes of the table itself; what its values hold on the heap is not counted.
  std::size_t table_bytes() const { return index_.capacity() * sizeof(Cell) + capacity_ * sizeof(Entry); }

 private:
  /// Chunks begin small and double, since some tables hold three entries (a map per key), up to what fits a large page.
  static constexpr std::uint32_t kFirstChunk = 8;
  static constexpr std::uint32_t kChunk =
      std::max(kFirstChunk * 2, static_cast<std::uint32_t>(std::bit_floor((std::size_t{2} << 20) / sizeof(Entry))));
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

  /// Anew, not assigned to: a text would keep what it has on the heap.
  template <class T>
  static void renew(T& object) {
    std::destroy_at(&object);
    std::construct_at(&object);
  }
  std::uint32_t take_slot() {
    if (!free_.empty()) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (slots_ == capacity_) {
      const std::uint32_t entries = std::clamp(slots_, kFirstChunk, kChunk);
      chunks_.emplace_back(entries);
      capacity_ += entries;
      used_.resize((capacity_ + 63) / 64);
    }
    return slots_++;
  }

  void grow() {
    Index old(std::max<std::size_t>(16, index_.size() * 2));
    old.swap(index_);
    mask_ = index_.size() - 1;
    for (const Cell cell : old) {
      if (cell.slot == kNone) continue;
      std::size_t at_index = hash_of(at(cell.slot)) & mask_;
      while (index_[at_index].slot != kNone) at_index = (at_index + 1) & mask_;
      index_[at_index] = cell;
    }
  }

  using Index = std::vector<Cell, TableAllocator<Cell>>;
  Index index_;
  std::size_t mask_ = 0;
  std::vector<std::vector<Entry, TableAllocator<Entry>>> chunks_;
  std::vector<std::uint64_t> used_;  // a bit a slot
  std::vector<std::uint32_t> free_;
  std::uint32_t slots_ = 0;
  std::uint32_t capacity_ = 0;  // entries of all chunks
  std::size_t size_ = 0;
};

}  // namespace freshet::detail
