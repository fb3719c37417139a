#pragma once

#include <algorithm>
#include <compare>

#include <freshet/endpoints.h>

/// Sinks of one's own whose results hold every record once, whatever crashes when. Sink (operator.h) is at least once.
/// SinkHarness (sink_harness.h) tests that a class keeps what is asked here.
namespace freshet {

/// Where in the life of a job something was put. The store keeps it with the value and refuses lower ones; an equal one
/// replaces.
struct Version {
  std::uint64_t attempt = 0;  ///< of the job
  std::uint64_t epoch = 0;    ///< newest checkpoint that began before; 0: none in this attempt
  auto operator<=>(const Version&) const = default;
  FRESHET_RECORD(attempt, epoch)
};

/// For stores that keep one T per key: after a crash the same keys are put again, with a greater version. Stands on a
/// stream keyed by K. What a task that is thought dead still puts has a lower version than what took its place.
template <class K, class T>
class UpsertSink : public OperatorBase {
 public:
  using Key = K;
  using Input = T;
  virtual void put(const K& key, const T& record, Version version) = 0;
  /// Behind the puts of up to 1,024 records: the time to send them off together. Nothing need be in the store when this
  /// returns. What it throws fails the job, where what put() throws is the record's error policy.
  virtual void end_batch() {}
  /// What was put is in the store when this returns. At barriers and at the end; what it throws fails the job.
  virtual void flush() {}

  SinkContext place;  // for the engine

 protected:
  const SinkContext& context() const { return place; }
};

/// For stores that can take a piece of work in two steps. write() adds to the piece at hand, unseen; prepare() closes
/// it, so that it survives a crash, and names it; commit() makes it seen. `Pending` is a record, a number or a text:
/// what another instance in another process needs to commit. Names must differ between runs, attempts and tasks: see
/// context().
template <class T, class P>
class TransactionalSink : public OperatorBase {
 public:
  using Input = T;
  using Pending = P;
  static_assert(Value<P>, "what is pending is told by a record (FRESHET_RECORD), a number or a text");
  /// What throws must have added nothing: the record is set aside, or the job restarted, as the error policy says.
  virtual void write(const T& record) = 0;
  /// At barriers, only when there was a write since the last.
  virtual P prepare() = 0;
  /// May come again, also by another task, when it was done before. Throws when it cannot be done: the job is
  /// restarted.
  virtual void commit(const P& pending) = 0;
  /// Gives up what prepared_before() found. Best effort: what it throws is not looked at.
  virtual void abort(const P& /*pending*/) {}
  /// Before the first record: what earlier attempts of this run prepared and nobody committed, as far as the store can
  /// list it; of tasks `t` with t % parallelism equal to the own index only: others commit theirs at their own time.
  virtual std::vector<P> prepared_before() { return {}; }

  SinkContext place;  // for the engine

 protected:
  const SinkContext& context() const { return place; }
};

namespace detail {

template <class S>
concept IsUpsertSink = requires {
  typename S::Key;
}
&&std::is_base_of_v<UpsertSink<typename S::Key, typename S::Input>, S>;

template <class S>
concept IsTransactionalSink = requires {
  typename S::Pending;
}
&&std::is_base_of_v<TransactionalSink<typename S::Input, typename S::Pending>, S>;

inline SinkContext place_of(const StageHost& host) {
  return {host.operator_id, host.task_index, host.parallelism, host.commits, host.run, host.attempt};
}

template <class S>
class UpsertStage final : public UserCodeStage {
  using T = typename S::Input;

 public:
  explicit UpsertStage(std::unique_ptr<S> sink) : sink_(std::move(sink)) { add_dead_letter_output(); }
  OperatorBase* author() override { return sink_.get(); }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    sink_->place = place_of(host);
    version_.attempt = host.attempt;
    sink_->now_value = host.now();
    sink_->open();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<typename S::Key, T>&>(*view.batch);
    sink_->now_value = host_->now();
    const std::size_t next = for_each_record<T, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          sink_->S::put(in.keys[index], in.records[index], version_);
        },
        [] {});
    sink_->end_batch();
    return next;
  }
  bool finish() override {
    sink_->flush();
    return true;
  }
  void prepare(std::uint64_t checkpoint, SnapshotOut&, std::string_view) override {
    sink_->flush();
    version_.epoch = checkpoint;
  }
  void close(bool) override { sink_->close(); }

 private:
  std::unique_ptr<S> sink_;
  Version version_;
};

/// Without commits there is one piece of work, committed when the job has ended.
template <class S>
class TransactionalStage final : public UserCodeStage {
  using T = typename S::Input;
  using Handle = std::pair<std::uint32_t, typename S::Pending>;  // version of the encoding
  static constexpr std::uint32_t kVersion = 1;
  static constexpr std::size_t kMostPrepared = 256;  // one for each checkpoint in a row that is not completed

 public:
  explicit TransactionalStage(std::unique_ptr<S> sink) : sink_(std::move(sink)) { add_dead_letter_output(); }
  OperatorBase* author() override { return sink_.get(); }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    sink_->place = place_of(host);
    sink_->now_value = host.now();
    sink_->open();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    sink_->now_value = host_->now();
    return for_each_record<T, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          written_ = true;
          sink_->S::write(in.records[view.index(i)]);
        },
        [] {});
  }
  void prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) override {
    if (written_) {
      if (prepared_.size() == kMostPrepared)
        throw std::runtime_error("none of the last " + std::to_string(kMostPrepared) + " checkpoints is complete");
      prepared_.push_back({checkpoint, {kVersion, sink_->prepare()}});
      written_ = false;
    }
    ByteBuffer bytes;
    for (const auto& [of, handle] : prepared_) {
      bytes.clear();
      encode(bytes, handle);
      out.ask_commit(operator_id, bytes.view());
    }
  }
  void commit(std::uint64_t checkpoint) override {
    while (!prepared_.empty() && prepared_.front().first <= checkpoint) {
      sink_->commit(prepared_.front().second.second);
      prepared_.erase(prepared_.begin());
    }
  }
  void recover(const std::vector<std::string>& handles) override {
    std::vector<Handle> complete(handles.size());
    for (std::size_t i = 0; i < handles.size(); ++i) {
      if (!decode_all(handles[i], complete[i]) || complete[i].first != kVersion)
        throw std::runtime_error("the checkpoint holds something to commit that is malformed, or of another version");
    }
    for (const auto& handle : complete) sink_->commit(handle.second);
    for (const auto& pending : sink_->prepared_before()) {
      ByteBuffer bytes;
      encode(bytes, Handle{kVersion, pending});
      if (std::find(handles.begin(), handles.end(), bytes.view()) == handles.end()) give_up(pending);
    }
  }
  void close(bool finished) override {
    if (finished && !host_->commits && written_) sink_->commit(sink_->prepare());
    sink_->close();
  }

 private:
  void give_up(const typename S::Pending& pending) {
    try {
      sink_->abort(pending);
    } catch (...) {  // the author's; what is left over is seen by nobody
    }
  }
  std::unique_ptr<S> sink_;
  bool written_ = false;                                    // since the last prepare
  std::vector<std::pair<std::uint64_t, Handle>> prepared_;  // by checkpoint, not committed yet
};

/// The stage of a sink class, by what it is derived from.
template <class S>
using SinkStageOf = std::conditional_t<IsTransactionalSink<S>, TransactionalStage<S>,
                                       std::conditional_t<IsUpsertSink<S>, UpsertStage<S>, SinkStage<S>>>;

template <class S>
constexpr const char* guarantee_of() {
  return IsTransactionalSink<S> ? "exactly-once (two-phase)"
         : IsUpsertSink<S>      ? "exactly-once (idempotent)"
                                : "at-least-once";
}

}  // namespace detail

}  // namespace freshet
