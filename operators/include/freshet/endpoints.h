#pragma once

#include <freshet/event_time.h>

/// Stages at the ends of a job: sources and sinks.
namespace freshet {

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

/// Any source of T.
template <class T>
class SourceStageOf : public SourceStage {
 public:
  /// From now on its records have an event time, and it makes watermarks.
  void set_event_time(EventTime<T> event_time) { event_time_ = std::move(event_time); }

 protected:
  std::optional<EventTime<T>> event_time_;
};

template <class S>
class TypedSourceStage final : public SourceStageOf<typename S::Output> {
  using T = typename S::Output;

 public:
  explicit TypedSourceStage(std::unique_ptr<S> source) : source_(std::move(source)) {
    this->outputs_.emplace_back("out", std::make_unique<Batch<T>>());
    this->outputs_.emplace_back("dead_letters", std::make_unique<Batch<DeadLetter>>());
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
    if (this->event_time_) this->event_time_->save(out, operator_id);
  }
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    if (this->event_time_ && this->event_time_->restore(saved, scope)) return true;
    if (saved.kind == "newest") return true;  // it had an event time then
    SavedSplit split;
    if (saved.kind != "splits" || !decode_all(saved.bytes, split)) return false;
    if (scope.owns_partition(split.partition_number)) add_split(std::move(split));
    return true;
  }

  bool is_idle() const override { return this->event_time_ && this->event_time_->is_idle(splits_); }
  bool tells_each_watermark() const override { return this->event_time_ && this->event_time_->each_record(); }
  std::optional<Time> made_watermark() const override {
    return this->event_time_ ? std::optional(this->event_time_->watermark(splits_)) : std::nullopt;
  }

  /// Turns among the splits; one that is idle or done is passed over.
  Progress read() override {
    bool idle = false;
    for (std::size_t tried = 0; tried < splits_.size(); ++tried, next_ = (next_ + 1) % splits_.size()) {
      auto& open = splits_[next_];
      if (open.done) continue;
      const Progress progress = read_split(open);
      open.done = progress == Progress::done;
      if (progress == Progress::progress || this->outputs_[0].size() + this->outputs_[1].size() != 0) {
        next_ = (next_ + 1) % splits_.size();
        return Progress::progress;
      }
      idle = idle || !open.done;
    }
    return idle ? Progress::idle : Progress::done;
  }

 private:
  Progress read_split(SavedSplit& open) {
    auto& out = static_cast<Batch<T>&>(this->outputs_[0].batch());
    const std::size_t before = out.size();
    Out<T> collector;
    collector.bind(out.records);
    if (tells_each_watermark()) collector.limit(1);
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
      set_aside(failed);
    }
    if (this->event_time_) {
      this->event_time_->polled(open, out.size() != before || progress == Progress::progress, source_->now_value);
      this->event_time_->stamp(out, before, open.partition_number, [&](std::size_t i) {
        FailedRecord failed{.reason = "malformed: event time", .message = this->event_time_->reason(out.records[i])};
        append_json(failed.record, out.records[i]);
        failed.meta = out.metas[i];
        set_aside(failed);
      });
    }
    return progress;
  }
  void set_aside(const FailedRecord& failed) {
    auto& letters = static_cast<Batch<DeadLetter>&>(this->outputs_[1].batch());
    DeadLetter letter;
    host_->record_failed(failed, letter);
    letters.records.add() = std::move(letter);
    letters.metas.push_back(failed.meta);
  }

  std::unique_ptr<S> source_;
  StageHost* host_ = nullptr;
  std::vector<SavedSplit> splits_;
  std::size_t next_ = 0;
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
