#pragma once

#include <map>

#include <freshet/stage.h>

/// Stages at the ends of a job: sources, the event time of what they read, and sinks.
namespace freshet {

struct EventTimeOptions {
  Duration max_disorder{0};  ///< how much later than its successors a record may come
  Duration idle_after = 30s;
  Time earliest{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}};  ///< before this it is malformed
};

/// What a sink learns about its place in the job.
struct SinkContext {
  std::string operator_id{};
  std::uint32_t task_index = 0;
  std::uint32_t parallelism = 1;
  bool commits = false;       ///< see StageHost
  std::string run{};          ///< see StageHost
  std::uint32_t attempt = 1;  ///< see StageHost
};

namespace detail {

template <class S>
class TypedSourceStage final : public SourceStage {
  using T = typename S::Output;

 public:
  explicit TypedSourceStage(std::unique_ptr<S> source) : source_(std::move(source)) {
    outputs_.emplace_back("out", std::make_unique<Batch<T>>());
    outputs_.emplace_back("dead_letters", std::make_unique<Batch<DeadLetter>>());
  }
  OperatorBase* author() override { return source_.get(); }
  void open(StageHost& host) override {
    host_ = &host;
    source_->now_value = host.now();
    source_->open();
  }
  void close(bool) override { source_->close(); }
  std::vector<Split> discover() override { return source_->discover(); }
  std::string describe(const std::string& partition, std::uint64_t offset) const override {
    return source_->describe(partition, offset);
  }
  void add_split(SavedSplit added) override {
    added.split.position = std::max(added.split.position, added.split.start);
    splits_.push_back(std::move(added));
  }
  const std::vector<SavedSplit>& splits() const override { return splits_; }
  void save(SnapshotOut& out, std::string_view operator_id) const override {
    out.begin(operator_id, "splits", "");
    ByteBuffer record;
    for (const auto& split : splits_) {
      record.clear();
      encode(record, split);
      out.put(record.view());
    }
  }
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    SavedSplit split;
    if (saved.kind != "splits" || !decode_all(saved.bytes, split)) return false;
    if (scope.owns_partition(split.partition_number)) add_split(std::move(split));
    return true;
  }

  /// Turns among the splits; one that is idle or done is passed over.
  Progress read() override {
    bool idle = false;
    for (std::size_t tried = 0; tried < splits_.size(); ++tried, next_ = (next_ + 1) % splits_.size()) {
      auto& open = splits_[next_];
      if (open.done) continue;
      const Progress progress = read_split(open);
      open.done = progress == Progress::done;
      if (progress == Progress::progress || outputs_[0].size() + outputs_[1].size() != 0) {
        next_ = (next_ + 1) % splits_.size();
        return Progress::progress;
      }
      idle = idle || !open.done;
    }
    return idle ? Progress::idle : Progress::done;
  }

 private:
  Progress read_split(SavedSplit& open) {
    auto& out = static_cast<Batch<T>&>(outputs_[0].batch());
    Out<T> collector;
    collector.bind(out.records);
    collector.bind_positions(open.partition_number, &open.split.position, &out.metas);
    source_->now_value = host_->now();
    Progress progress = Progress::progress;
    try {
      progress = source_->read(open.split, collector);
    } catch (const SourceFailed&) {
      throw;
    } catch (...) {
      FailedRecord failed = describe_current_exception();
      failed.meta.position = {open.partition_number, open.split.position};
      auto& letters = static_cast<Batch<DeadLetter>&>(outputs_[1].batch());
      DeadLetter letter;
      host_->record_failed(failed, letter);
      letters.records.add() = std::move(letter);
      letters.metas.push_back(failed.meta);
    }
    return progress;
  }

  std::unique_ptr<S> source_;
  StageHost* host_ = nullptr;
  std::vector<SavedSplit> splits_;
  std::size_t next_ = 0;
};

/// Gives records their event time and refuses those before `earliest`. Its watermark is behind the greatest time that
/// each partition has shown, by the disorder allowed.
template <class T>
class EventTimeStage final : public UserCodeStage {
 public:
  EventTimeStage(Time T::*field, EventTimeOptions options) : field_(field), options_(options) {
    outputs_.emplace_back("out", std::make_unique<Batch<T>>());
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    auto& out = static_cast<Batch<T>&>(outputs_[0].batch());
    return for_each_record<T, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          const Time time = in.records[index].*field_;
          if (time < options_.earliest) refuse(time);
          out.records.add() = in.records[index];
          out.metas.push_back(in.metas[index]);
          out.metas.back().event_time_ms = time.time_since_epoch().count();
          advance(in.metas[index].position.partition, time);
        },
        [] {});
  }
  void save(SnapshotOut& out, std::string_view operator_id) const override {
    out.begin(operator_id, "newest", "");
    ByteBuffer record;
    for (const auto& [partition, time] : newest_) {
      record.clear();
      encode(record, std::pair(partition, time));
      out.put(record.view());
    }
  }
  /// A partition that another task reads from now on would hold the watermark for ever.
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    std::pair<std::uint32_t, Time> newest;
    if (saved.kind != "newest" || !decode_all(saved.bytes, newest)) return false;
    if (!scope.owns_partition(newest.first)) return true;
    auto& time = newest_.try_emplace(newest.first, newest.second).first->second;
    time = std::max(time, newest.second);
    return true;
  }
  /// Time::min() until every partition seen has shown a time.
  std::optional<Time> made_watermark() const override {
    Time lowest = Time::max();
    for (const auto& [partition, time] : newest_) lowest = std::min(lowest, time);
    return newest_.empty() ? Time::min() : lowest - options_.max_disorder;
  }

 private:
  void refuse(Time time) const {
    std::string text;
    append_time(text, time);
    throw RejectRecord("event time " + text + " is before the earliest allowed", "malformed: event time");
  }
  void advance(std::uint32_t partition, Time time) {
    if (last_ == nullptr || last_partition_ != partition) {
      last_ = &newest_.try_emplace(partition, Time::min()).first->second;
      last_partition_ = partition;
    }
    if (time > *last_) *last_ = time;
  }
  Time T::*field_;
  EventTimeOptions options_;
  std::map<std::uint32_t, Time> newest_;
  Time* last_ = nullptr;
  std::uint32_t last_partition_ = 0;
};

/// Writes rows of some medium: what files::csv, files::jsonl and console make. `K` is void on a stream without a key.
template <class K, class T>
class RowWriter {
 public:
  using Key = std::conditional_t<std::is_void_v<K>, char, K>;
  virtual ~RowWriter() = default;
  virtual void open(const SinkContext& context) = 0;
  /// `key` is null on a stream without a key.
  virtual void write(const Key* key, const T& record) = 0;
  /// No row comes any more, but maybe barriers and commits.
  virtual void end() {}
  /// The stream ended: what was written is to stay. Without it, nothing of it may look finished. Not called when the
  /// context says `commits`: then these do it, as told at Stage.
  virtual void finish() = 0;
  virtual void prepare(std::uint64_t /*checkpoint*/, SnapshotOut&, std::string_view /*operator_id*/) {}
  virtual void commit(std::uint64_t /*checkpoint*/) {}
  virtual void recover(const std::vector<std::string>& /*handles*/) {}
  virtual std::uint64_t uncommitted_bytes() const { return 0; }
};

template <class K, class T>
class RowSinkStage final : public UserCodeStage {
 public:
  explicit RowSinkStage(std::unique_ptr<RowWriter<K, T>> writer) : writer_(std::move(writer)) {
    add_dead_letter_output();
  }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    writer_->open({host.operator_id, host.task_index, host.parallelism, host.commits, host.run, host.attempt});
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, T>&>(*view.batch);
    return for_each_record<T, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          if constexpr (std::is_void_v<K>)
            writer_->write(nullptr, in.records[index]);
          else
            writer_->write(&in.keys[index], in.records[index]);
        },
        [] {});
  }
  bool finish() override {
    writer_->end();
    return true;
  }
  void prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) override {
    writer_->prepare(checkpoint, out, operator_id);
  }
  void commit(std::uint64_t checkpoint) override { writer_->commit(checkpoint); }
  void recover(const std::vector<std::string>& handles) override { writer_->recover(handles); }
  std::uint64_t uncommitted_bytes() const override { return writer_ == nullptr ? 0 : writer_->uncommitted_bytes(); }
  void close(bool finished) override {
    if (finished && !host_->commits) writer_->finish();
    writer_.reset();
  }

 private:
  std::unique_ptr<RowWriter<K, T>> writer_;
};

/// Stands in for a sink in tests: keeps what arrives.
template <class T>
class CollectStage final : public UserCodeStage {
 public:
  explicit CollectStage(std::shared_ptr<std::vector<T>> records) : records_(std::move(records)) {
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (std::size_t i = from; i < view.size; ++i) records_->push_back(in.records[view.index(i)]);
    return view.size;
  }

 private:
  std::shared_ptr<std::vector<T>> records_;  // shared with the test
};

/// A sink of the author's own.
template <class S>
class SinkStage final : public UserCodeStage {
  using T = typename S::Input;

 public:
  explicit SinkStage(std::unique_ptr<S> sink) : sink_(std::move(sink)) { add_dead_letter_output(); }
  OperatorBase* author() override { return sink_.get(); }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    sink_->now_value = host.now();
    sink_->open();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    sink_->now_value = host_->now();
    return for_each_record<T, Emits::one_at_most>(
        view, from, [&](std::size_t i) { sink_->S::write(in.records[view.index(i)]); }, [] {});
  }
  bool finish() override {
    sink_->flush();
    return true;
  }
  /// What came before the barrier does not come again: it must have left the sink.
  void prepare(std::uint64_t, SnapshotOut&, std::string_view) override { sink_->flush(); }
  void close(bool) override { sink_->close(); }

 private:
  std::unique_ptr<S> sink_;
};

}  // namespace detail

}  // namespace freshet
