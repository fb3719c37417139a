#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
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

/// One line of the processor's cache in a table's index: up to twelve slots, and a byte of each one's hash, which are
/// compared all at once (F14, Bronson and Shi 2019).
struct alignas(64) IndexBucket {
  static constexpr unsigned kSlots = 12;
  std::array<std::uint8_t, kSlots> tags{};  // 0: free
  std::uint8_t passed = 0;                  // keys that stand further on because it was full; 255: so many or more
  std::array<std::uint8_t, 3> unused{};
  std::array<std::uint32_t, kSlots> slots{};

  static std::uint8_t tag_of(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 24) | 0x80; }
  /// A bit for each place with this tag.
  [[gnu::always_inline]] unsigned with(std::uint8_t tag) const {
#if defined(__SSE2__)
    const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
    const __m128i equal = _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(equal)) & ((1u << kSlots) - 1);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < kSlots; ++i) bits |= static_cast<unsigned>(tags[i] == tag) << i;
    return bits;
#endif
  }
};

/// Hash table whose values stay where they are: the index holds slot numbers, the values lie in chunks. So a reference
/// into it is good until its entry is erased, growing moves four bytes an entry, and walking it in slot order can stop
/// and go on. The index is of buckets; who finds no place in its own goes to the next that has one, and is counted in
/// those it passed, so that nothing is left behind when an entry is erased.
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
  [[gnu::always_inline]] bool is_used(std::uint32_t slot) const { return (used_[slot / 64] >> (slot % 64) & 1) != 0; }
  /// The same as bits, 64 slots a number, lowest first.
  const std::vector<std::uint64_t>& used_bits() const { return used_; }
  [[gnu::always_inline]] Entry& at(std::uint32_t slot) { return chunks_[chunk_of(slot)][slot - first_of(slot)]; }
  [[gnu::always_inline]] const Entry& at(std::uint32_t slot) const {
    return chunks_[chunk_of(slot)][slot - first_of(slot)];
  }
  static std::uint64_t hash_of(const Entry& entry) {
    if constexpr (kKeepsHash)
      return entry.hash;
    else
      return key_hash(entry.key);
  }

  std::uint32_t find(const K& key, std::uint64_t hash) const {
    const std::uint8_t tag = IndexBucket::tag_of(hash);
    for (std::size_t tried = 0, bucket = hash & mask_; tried < index_.size(); ++tried, bucket = (bucket + 1) & mask_) {
      const IndexBucket& here = index_[bucket];
      for (unsigned found = here.with(tag); found != 0; found &= found - 1) {
        const std::uint32_t slot = here.slots[static_cast<unsigned>(std::countr_zero(found))];
        if (at(slot).key == key) return slot;
      }
      if (here.passed == 0) break;
    }
    return kNone;
  }

  /// The slot of `key`, made with V{} when it was not there; `made` tells.
  std::uint32_t find_or_add(const K& key, std::uint64_t hash, bool& made) {
    std::uint32_t slot = find(key, hash);
    made = slot == kNone;
    if (!made) return slot;
    if (size_ + 1 > index_.size() * kMostPerBucket) grow();
    slot = take_slot();
    Entry& entry = at(slot);
    if constexpr (kKeepsHash) entry.hash = hash;
    entry.key = key;
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ++size_;
    put_into_index(hash, slot);
    return slot;
  }

  void erase(std::uint32_t slot) {
    Entry& entry = at(slot);
    take_out_of_index(hash_of(entry), slot);
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
    const IndexBucket& here = index_[hash & mask_];
    unsigned found = here.with(IndexBucket::tag_of(hash));
    if (found == 0) return kNone;
    const std::uint32_t first = here.slots[static_cast<unsigned>(std::countr_zero(found))];
    prefetch(at(first));
    while ((found &= found - 1) != 0) {  // seldom: another key of the same tag
      prefetch(at(here.slots[static_cast<unsigned>(std::countr_zero(found))]));
    }
    return first;
  }
  [[gnu::always_inline]] bool holds(std::uint32_t slot, const K& key, [[maybe_unused]] std::uint64_t hash) const {
    if (slot == kNone) return false;
    const Entry& entry = at(slot);
    if constexpr (kKeepsHash)
      return entry.hash == hash && entry.key == key;
    else
      return entry.key == key && (key != K{} || is_used(slot));  // an erased entry's key is K{}
  }

  /// Bytes of the table itself; what its values hold on the heap is not counted.
  std::size_t table_bytes() const { return index_.capacity() * sizeof(IndexBucket) + capacity_ * sizeof(Entry); }

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
  /// So many keys in a bucket on average, then the index grows: one bucket of eight is full then, and some keys are not
  /// in their own.
  static constexpr std::size_t kMostPerBucket = 9;

  /// Its first line of the cache, and the one that it may reach into.
  [[gnu::always_inline]] static void prefetch(const Entry& entry) {
    __builtin_prefetch(&entry, 1);
    if constexpr (64 % sizeof(Entry) != 0)
      __builtin_prefetch(reinterpret_cast<const char*>(&entry) + std::min<std::size_t>(sizeof(Entry) - 1, 64), 1);
  }
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
    Index old(std::max<std::size_t>(1, index_.size() * 2));
    old.swap(index_);
    mask_ = index_.size() - 1;
    for (const IndexBucket& bucket : old) {
      for (unsigned i = 0; i < IndexBucket::kSlots; ++i)
        if (bucket.tags[i] != 0) put_into_index(hash_of(at(bucket.slots[i])), bucket.slots[i]);
    }
  }
  void put_into_index(std::uint64_t hash, std::uint32_t slot) {
    for (std::size_t bucket = hash & mask_;; bucket = (bucket + 1) & mask_) {
      IndexBucket& here = index_[bucket];
      if (const unsigned free = here.with(0); free != 0) {
        const auto place = static_cast<unsigned>(std::countr_zero(free));
        here.tags[place] = IndexBucket::tag_of(hash);
        here.slots[place] = slot;
        return;
      }
      if (here.passed != kUncounted) ++here.passed;
    }
  }
  void take_out_of_index(std::uint64_t hash, std::uint32_t slot) {
    for (std::size_t bucket = hash & mask_;; bucket = (bucket + 1) & mask_) {
      IndexBucket& here = index_[bucket];
      for (unsigned found = here.with(IndexBucket::tag_of(hash)); found != 0; found &= found - 1) {
        const auto place = static_cast<unsigned>(std::countr_zero(found));
        if (here.slots[place] != slot) continue;
        here.tags[place] = 0;
        return;
      }
      if (here.passed != kUncounted) --here.passed;
    }
  }

  static constexpr std::uint8_t kUncounted = 255;
  using Index = std::vector<IndexBucket, TableAllocator<IndexBucket>>;
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
