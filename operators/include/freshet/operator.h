#pragma once

#include <stdexcept>

#include <freshet/map_cells.h>

/// Operators written as classes. State, side outputs and counters are members, `{this, "name"}`: known, and checked,
/// before the job starts. One instance runs one task; its methods are called by that task's thread only.
namespace freshet {

/// Throw this (or anything else) from an operator: the error policy decides what becomes of the record. Never retried.
/// `reason` is a short code to count by; `record` replaces the record in the dead letter, for text that became none.
struct RejectRecord : std::runtime_error {
  explicit RejectRecord(const std::string& message, std::string why = "rejected", std::string text = {})
      : std::runtime_error(message), reason(std::move(why)), record(std::move(text)) {}
  std::string reason;
  std::string record;
};
/// Retried if the policy allows.
struct TryAgain : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throw this from a source that cannot go on: the medium fails, a file is not the one that was there. The job fails
/// and is restarted; nothing is dead-lettered.
struct SourceFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class OperatorBase;
class TimerBase;

/// A named output beside the main one; read with `stream.side(&Op::member)`.
class SideOutputBase {
 public:
  virtual ~SideOutputBase() = default;
  const std::string& name() const { return name_; }
  virtual Schema schema() const = 0;
  virtual std::unique_ptr<detail::BatchBase> make_batch() const = 0;
  virtual void bind(detail::BatchBase& batch) = 0;
  /// Gives what was emitted since the last call its meta; or takes it back.
  virtual void complete(const RecordMeta& meta) = 0;
  virtual void roll_back() = 0;

 protected:
  explicit SideOutputBase(std::string_view name) : name_(name) {}

 private:
  std::string name_;
};

/// A number an operator counts up; shown in status and metrics. Written by the task, read by the reporter when it
/// stands still.
class Counter {
 public:
  template <class Op>
  Counter(Op* op, std::string_view name);
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  void add(std::uint64_t n = 1) { value_ += n; }
  std::uint64_t value() const { return value_; }
  /// For the engine: what a call that throws counted does not count.
  void commit() { committed_ = value_; }
  void roll_back() { value_ = committed_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::uint64_t value_ = 0;
  std::uint64_t committed_ = 0;
};

class OperatorBase {
 public:
  OperatorBase() = default;
  OperatorBase(const OperatorBase&) = delete;
  OperatorBase& operator=(const OperatorBase&) = delete;
  virtual ~OperatorBase() = default;
  /// Before the first record, after state is restored. May throw: the job then fails with the message.
  virtual void open() {}
  /// After the last record, also when the job is cancelled.
  virtual void close() {}

  // For the engine.
  std::vector<std::pair<std::string, StateTable*>> states;
  std::vector<SideOutputBase*> side_outputs;
  std::vector<Counter*> counters;
  std::vector<TimerBase*> timers;
  bool side_emitted = false;
  Time watermark_value = Time::min();
  Time now_value{};

 protected:
  /// No record with an event time before this is expected any more; Time::min() until anything is known.
  Time watermark() const { return watermark_value; }
  /// Processing time.
  Time now() const { return now_value; }
};

/// Works on records without a key. `process` may emit any number of records; what it throws has no effect.
template <class In, class R>
class Operator : public OperatorBase {
 public:
  using Input = In;
  using Output = R;
  virtual void process(const In& record, Out<R>& out) = 0;
  /// After the last record of a stream that ends.
  virtual void finish(Out<R>&) {}
};

/// Works under the key of its stream: state handles and key() are those of the record at hand.
template <class K, class In, class R>
class KeyedOperator : public Operator<In, R> {
 public:
  using Key = K;
  // For the engine.
  detail::KeyScope<K> key_scope;
  const RecordMeta* record_meta = nullptr;  // of the record at hand, or of the timer
  /// A timer's call threw, and left no effect; the timer is gone, and what it stood for is set aside.
  virtual void after_undone_timer() {}

 protected:
  const K& key() const { return *key_scope.key; }
  /// Event time of the record at hand; where a timer of the event clock calls, its time. Time::min(): there is none.
  Time event_time() const { return record_meta == nullptr ? Time::min() : Time(Duration(record_meta->event_time_ms)); }
  /// Where the record at hand came from, as far as that is known.
  SourcePosition record_position() const { return record_meta == nullptr ? SourcePosition{} : record_meta->position; }
};

template <class Op>
Counter::Counter(Op* op, std::string_view name) : name_(name) {
  op->OperatorBase::counters.push_back(this);
}

/// One T per key.
template <class T>
class ValueState {
 public:
  template <class Op>
  ValueState(Op* op, std::string_view name, StateOptions options = {}) {
    auto cells = std::make_unique<detail::ValueCells<typename Op::Key, T>>(std::string(name), options, &op->key_scope);
    op->OperatorBase::states.emplace_back(name, cells.get());
    cells_ = std::move(cells);
  }
  /// Null when the key has none.
  const T* find() const { return cells_->find(); }
  /// Made when it was not there. The reference is good until the call returns; reading through it counts as a write.
  T& get() { return cells_->get(); }
  void set(T value) { cells_->get() = std::move(value); }
  void clear() { cells_->clear(); }

 private:
  std::unique_ptr<detail::ValueAccess<T>> cells_;
};

/// A list of T per key, in the order of push_back.
template <class T>
class ListState {
 public:
  template <class Op>
  ListState(Op* op, std::string_view name, StateOptions options = {}) {
    auto cells = std::make_unique<detail::ListCells<typename Op::Key, T>>(std::string(name), options, &op->key_scope);
    op->OperatorBase::states.emplace_back(name, cells.get());
    cells_ = std::move(cells);
  }
  void push_back(T value) { cells_->push_back(std::move(value)); }
  const std::vector<T>& get() const { return cells_->get(); }
  void clear() { cells_->clear(); }

 private:
  std::unique_ptr<detail::ListAccess<T>> cells_;
};

/// A map per key. References into it are good until the call returns or their entry is erased; order is not defined.
template <class MapKey, class V>
class MapState {
 public:
  static_assert(KeyValue<MapKey>, "a map key is made of integers, strings, enums and times");
  template <class Op>
  MapState(Op* op, std::string_view name, StateOptions options = {}) {
    auto cells =
        std::make_unique<detail::MapCells<typename Op::Key, MapKey, V>>(std::string(name), options, &op->key_scope);
    op->OperatorBase::states.emplace_back(name, cells.get());
    cells_ = std::move(cells);
  }
  const V* find(const MapKey& key) const {
    auto* entries = cells_->entries_of_key();
    if (entries == nullptr) return nullptr;
    const auto slot = entries->find(key, key_hash(key));
    return slot == Entries::kNone ? nullptr : &entries->at(slot).value;
  }
  V& operator[](const MapKey& key) { return cells_->at_or_make(key); }
  bool erase(const MapKey& key) { return cells_->erase(key); }
  std::size_t size() const {
    auto* entries = cells_->entries_of_key();
    return entries == nullptr ? 0 : entries->size();
  }
  void clear() { cells_->clear(); }

  /// Gives std::pair<const MapKey&, const V&>.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::pair<const MapKey&, const V&>;
    using difference_type = std::ptrdiff_t;
    Iterator(const detail::Table<MapKey, V>* entries, std::uint32_t slot) : entries_(entries), slot_(slot) { skip(); }
    value_type operator*() const { return {entries_->at(slot_).key, entries_->at(slot_).value}; }
    Iterator& operator++() {
      ++slot_;
      skip();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return slot_ == other.slot_; }

   private:
    void skip() {
      while (entries_ != nullptr && slot_ < entries_->slots() && !entries_->is_used(slot_)) ++slot_;
    }
    const detail::Table<MapKey, V>* entries_;
    std::uint32_t slot_;
  };
  Iterator begin() const { return {cells_->entries_of_key(), 0}; }
  Iterator end() const {
    auto* entries = cells_->entries_of_key();
    return {entries, entries == nullptr ? 0 : entries->slots()};
  }

 private:
  using Entries = detail::Table<MapKey, V>;
  std::unique_ptr<detail::MapAccess<MapKey, V>> cells_;
};

template <class T>
class SideOutput final : public SideOutputBase {
 public:
  template <class Op>
  SideOutput(Op* op, std::string_view name) : SideOutputBase(name), owner_(op) {
    op->OperatorBase::side_outputs.push_back(this);
  }
  SideOutput(const SideOutput&) = delete;
  SideOutput& operator=(const SideOutput&) = delete;
  void emit(const T& record) {
    batch_->records.add() = record;
    owner_->side_emitted = true;
  }

  Schema schema() const override { return schema_of<T>(); }
  std::unique_ptr<detail::BatchBase> make_batch() const override { return std::make_unique<detail::Batch<T>>(); }
  void bind(detail::BatchBase& batch) override { batch_ = static_cast<detail::Batch<T>*>(&batch); }
  void complete(const RecordMeta& meta) override { batch_->metas.resize(batch_->records.size(), meta); }
  void roll_back() override { batch_->records.truncate(batch_->metas.size()); }

 private:
  OperatorBase* owner_;
  detail::Batch<T>* batch_ = nullptr;
};

// --- sources and sinks of one's own ---------------------------------------------------------------------------------

/// A stretch of a partition to read, [start, end) in the source's own counting; `position` is where to go on.
struct Split {
  std::string partition{};
  std::uint64_t start = 0, end = ~0ULL;
  std::uint64_t position = 0;
  FRESHET_RECORD(partition, start, end, position)
};

/// What a step did: something; nothing, for want of input; nothing, for want of room; and it never will again.
enum class [[nodiscard]] Progress : std::uint8_t{progress, idle, blocked, done};

/// Reads splits; the engine keeps their positions. `read` never waits: it emits some records, until `out.full()` at the
/// latest, advancing `split.position` before each emit (the position then names the record), and says what it did;
/// `done` when the split is at its end. What it throws is a malformed record, dead-lettered by default, unless it is
/// SourceFailed; what it emitted before stands. now() is that of the call.
template <class T>
class Source : public OperatorBase {
 public:
  using Output = T;
  virtual std::vector<Split> discover() = 0;
  virtual Progress read(Split& split, Out<T>& out) = 0;
  /// Says where a record came from, for people.
  virtual std::string describe(const std::string& partition, std::uint64_t position) const {
    return partition + ", position " + std::to_string(position);
  }
};

/// At least once: records may come again after a failure.
template <class T>
class Sink : public OperatorBase {
 public:
  using Input = T;
  virtual void write(const T& record) = 0;
  virtual void flush() {}
};

}  // namespace freshet
