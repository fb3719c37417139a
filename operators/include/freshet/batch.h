#pragma once

#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

#include <freshet/key.h>

/// Batches: how records travel inside a worker. Slots are reused, so strings keep their capacity and a steady stream
/// allocates nothing. A batch belongs to one thread at a time.
namespace freshet {

/// Where a record came from: the job-wide number of a partition (0: unknown) and the place in it, for files the 1-based
/// line. `operator<` is arrival order as far as positions tell.
struct SourcePosition {
  constexpr SourcePosition() = default;
  constexpr SourcePosition(std::uint32_t of_partition, std::uint64_t at) : partition(of_partition), offset(at) {}
  std::uint32_t partition = 0;
  bool tried_again = false;  ///< it, or what it came of, has been in a retry lane; no part of the place
  std::uint64_t offset = 0;
  bool operator==(const SourcePosition& other) const { return partition == other.partition && offset == other.offset; }
  auto operator<=>(const SourcePosition& other) const {
    return std::tie(partition, offset) <=> std::tie(other.partition, other.offset);
  }
  FRESHET_RECORD(partition, offset)
};

/// What the engine knows of a record beside its value.
struct RecordMeta {
  static constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
  std::int64_t event_time_ms = kNoTime;
  std::uint64_t key_hash = 0;
  SourcePosition position{};
};

namespace detail {

/// A vector whose slots survive clear(): what was there is overwritten, not destroyed.
template <class T>
class Column {
 public:
  struct Slot {  // a vector of bool would have no references
    T value{};
  };
  Column() = default;
  Column(Column&& other) noexcept { *this = std::move(other); }
  Column& operator=(Column&& other) noexcept {
    slots_ = std::exchange(other.slots_, {});
    first_ = std::exchange(other.first_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    max_slots_ = other.max_slots_;
    return *this;
  }

  /// A slot that may hold an earlier value.
  T& add() {
    if (size_ == capacity_) [[unlikely]]
      grow();
    return first_[size_++].value;
  }
  /// Room for `count` more, behind the last: fill some, from the first on, then take them in by truncate().
  Slot* room(std::size_t count) {
    if (capacity_ - size_ < count) {
      slots_.resize(std::max(size_ + count, capacity_ * 2));
      note_slots();
    }
    return first_ + size_;
  }
  /// Beyond this many slots add() throws std::length_error.
  void limit_slots(std::size_t slots) { max_slots_ = std::max<std::size_t>(1, slots); }
  T& operator[](std::size_t i) { return first_[i].value; }
  const T& operator[](std::size_t i) const { return first_[i].value; }
  T& back() { return first_[size_ - 1].value; }
  std::size_t size() const { return size_; }
  /// To a size that there is room for.
  void truncate(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }
  /// Gives memory back after an outburst.
  void shrink(std::size_t slots) {
    if (slots_.size() <= slots) return;
    slots_.resize(slots);
    slots_.shrink_to_fit();
    note_slots();
  }

 private:
  void grow() {
    if (size_ >= max_slots_)
      throw std::length_error("one call emitted more than " + std::to_string(max_slots_) +
                              " records; emit in several calls, or raise max_overflow_bytes");
    slots_.emplace_back();
    note_slots();
  }
  void note_slots() {
    first_ = slots_.data();
    capacity_ = slots_.size();
  }
  std::vector<Slot> slots_;
  Slot* first_ = nullptr;  // of slots_, so that the loops over records need not ask it
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t max_slots_ = (std::size_t{1} << 30) / sizeof(T);
};

/// Heap bytes a value holds beside its own size; what a batch of it weighs is accounted with this.
template <Value T>
std::size_t heap_bytes(const T& value) {
  std::size_t bytes = 0;
  if constexpr (std::same_as<T, std::string>) {
    if (value.capacity() >= sizeof(std::string) / 2) bytes += value.capacity();
  } else if constexpr (IsVector<T>) {
    bytes += value.capacity() * sizeof(typename T::value_type);
    if constexpr (!std::is_trivially_copyable_v<typename T::value_type>)
      for (const auto& element : value) bytes += heap_bytes(element);
  } else if constexpr (IsOptional<T>) {
    if (value) bytes += heap_bytes(*value);
  } else if constexpr (IsTuple<T>) {
    std::apply([&](const auto&... part) { ((bytes += heap_bytes(part)), ...); }, value);
  } else if constexpr (Record<T>) {
    if constexpr (!std::is_trivially_copyable_v<T>)
      for_each_field<T>([&](const auto& field) { bytes += heap_bytes(value.*(field.pointer)); });
    if constexpr (requires { value.unlisted_bytes(); }) bytes += value.unlisted_bytes();
  }
  return bytes;
}

/// Metas of the batch that records came from, which outlives what borrows them.
struct BorrowedMetas {
  const RecordMeta* metas = nullptr;
  const std::uint32_t* places = nullptr;  ///< which of them; null: from the first on
  std::size_t size = 0;

  const RecordMeta& operator[](std::size_t i) const { return metas[places == nullptr ? i : places[i]]; }
};

/// A batch without its record type.
class BatchBase {
 public:
  virtual ~BatchBase() = default;
  virtual void clear() = 0;
  /// About what it weighs in memory, bytes.
  virtual std::size_t weight() const = 0;
  /// What its records may weigh, bytes; heap memory of their values is not counted.
  virtual void limit_bytes(std::size_t bytes) = 0;

  std::size_t size() const { return borrowed_.size + metas.size(); }
  /// Its own; empty while they are borrowed.
  std::vector<RecordMeta> metas;

  /// While it is empty: has the metas of others, so that nothing is copied where each record gives one.
  void borrow_metas(const BorrowedMetas& borrowed) { borrowed_ = borrowed; }
  const BorrowedMetas& borrowed_metas() const { return borrowed_; }
  /// What is borrowed becomes its own.
  void own_metas() {
    for (std::size_t i = 0; i < borrowed_.size; ++i) metas.push_back(borrowed_[i]);
    borrowed_ = {};
  }

 protected:
  void clear_metas() {
    metas.clear();
    borrowed_ = {};
  }

 private:
  BorrowedMetas borrowed_;
};

template <class T>
class Batch : public BatchBase {
 public:
  void clear() override {
    if (records.size() > kKeptSlots) records.shrink(kKeptSlots);
    records.clear();
    clear_metas();
  }
  std::size_t weight() const override {
    std::size_t bytes = size() * (sizeof(T) + sizeof(RecordMeta));
    if constexpr (!std::is_trivially_copyable_v<T>)
      for (std::size_t i = 0; i < size(); ++i) bytes += heap_bytes(records[i]);
    return bytes;
  }

  void limit_bytes(std::size_t bytes) override { records.limit_slots(bytes / (sizeof(T) + sizeof(RecordMeta))); }

  Column<T> records;

 protected:
  static constexpr std::size_t kKeptSlots = 4096;
};

/// A batch of a keyed stream: each record with its key.
template <class K, class T>
class KeyedBatch final : public Batch<T> {
 public:
  void clear() override {
    if (keys.size() > this->kKeptSlots) keys.shrink(this->kKeptSlots);
    Batch<T>::clear();
    keys.clear();
  }
  Column<K> keys;
};

/// `void` stands for "no key".
template <class K, class T>
struct BatchFor {
  using type = KeyedBatch<K, T>;
};
template <class T>
struct BatchFor<void, T> {
  using type = Batch<T>;
};
template <class K, class T>
using BatchOf = typename BatchFor<K, T>::type;

/// Some records of a batch, in order; how a filter passes on what it kept without copying. The batch outlives the view,
/// and gets no records meanwhile.
struct BatchView {
  const BatchBase* batch = nullptr;
  const std::uint32_t* selection = nullptr;  ///< indices into the batch; null: all
  std::uint32_t size = 0;

  BatchView() = default;
  BatchView(const BatchBase& all) : BatchView(all, nullptr, static_cast<std::uint32_t>(all.size())) {}
  /// `selected_places`: those of the metas, where the batch borrows them by place.
  BatchView(const BatchBase& of, const std::uint32_t* selected, std::uint32_t count,
            const std::uint32_t* selected_places = nullptr)
      : batch(&of), selection(selected), size(count) {
    const BorrowedMetas& borrowed = of.borrowed_metas();
    metas_ = borrowed.size == 0 ? of.metas.data() : borrowed.metas;
    places_ = borrowed.places == nullptr ? selected : selected == nullptr ? borrowed.places : selected_places;
  }

  std::uint32_t index(std::size_t i) const {
    return selection == nullptr ? static_cast<std::uint32_t>(i) : selection[i];
  }
  const RecordMeta& meta(std::size_t i) const { return metas_[places_ == nullptr ? i : places_[i]]; }
  /// Those of records [from, to), to be borrowed.
  BorrowedMetas metas_of(std::size_t from, std::size_t to) const {
    if (places_ != nullptr) return {metas_, places_ + from, to - from};
    return {metas_ + from, nullptr, to - from};
  }

 private:
  const RecordMeta* metas_ = nullptr;
  const std::uint32_t* places_ = nullptr;  // among them, by record of the view; null: one after the other
};

}  // namespace detail

template <std::size_t N>
struct StreamName {
  char text[N]{};
  constexpr StreamName(const char (&name)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i];
  }
};

/// Records that a batch holds before it is passed on. What one call emits beyond it is kept (overflow, accounted).
inline constexpr std::size_t kBatchRecords = 1024;

/// Where an operator puts its records. `name` tells several outputs of one function apart. Used during the call only.
template <class T, StreamName name = "out">
class Out {
 public:
  void emit(const T& record) {
    records_->add() = record;
    note_position();
  }
  void emit(T&& record) {
    records_->add() = std::move(record);
    note_position();
  }
  /// A record to fill in, valid until the next emit or add. It may hold an earlier record's values: set every field.
  /// Its strings keep their capacity, so filling it in place allocates nothing.
  T& add() {
    T& record = records_->add();
    note_position();
    return record;
  }
  /// Takes back the record emitted or added last; for sources that find it malformed halfway.
  void take_back() {
    records_->truncate(records_->size() - 1);
    if (position_ != nullptr) metas_->pop_back();
  }
  /// True when a source should return and let what it emitted go on its way.
  bool full() const { return records_->size() >= limit_; }

  // For the engine.
  void bind(detail::Column<T>& records) { records_ = &records; }
  void limit(std::size_t records) { limit_ = records; }
  void bind_positions(std::uint32_t partition, const std::uint64_t* position, std::vector<RecordMeta>* metas) {
    partition_ = partition;
    position_ = position;
    metas_ = metas;
  }

 private:
  void note_position() {
    if (position_ != nullptr) metas_->push_back({.position = {partition_, *position_}});
  }
  detail::Column<T>* records_ = nullptr;
  const std::uint64_t* position_ = nullptr;  // of the split being read; sources only
  std::vector<RecordMeta>* metas_ = nullptr;
  std::uint32_t partition_ = 0;
  std::size_t limit_ = kBatchRecords;
};

}  // namespace freshet
