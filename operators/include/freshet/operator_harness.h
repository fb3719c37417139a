#pragma once

#include <functional>
#include <memory>

#include <freshet/transforms.h>

/// Tests one operator without a job: gives it records, watermarks and crashes, and collects what it emits.
namespace freshet {

namespace detail {

/// The engine's services, in a test.
class HarnessHost final : public StageHost {
 public:
  Time now() const override { return now_value; }
  std::string describe(const SourcePosition& position) const override {
    return "harness, record " + std::to_string(position.offset);
  }
  void record_failed(FailedRecord failed, DeadLetter& letter) override {
    if (!sets_aside) throw std::runtime_error(failed.reason + ": " + failed.message + " on " + failed.record);
    letter = {.id = ++letters,
              .operator_id = operator_id,
              .reason = failed.reason,
              .message = failed.message,
              .origin = describe(failed.meta.position),
              .record = failed.record,
              .attempts = failed.attempts,
              .at = now_value};
  }
  Time now_value{};
  std::uint64_t letters = 0;
};

template <class Op>
struct KeyOfOperator {
  using type = void;
};
template <class Op>
requires requires { typename Op::Key; }
struct KeyOfOperator<Op> {
  using type = typename Op::Key;
};

/// Entries of a table, as bytes that outlive it.
class SavedTable final : public StateWriter {
 public:
  void put(const StateEntry& entry) override {
    entries_.push_back({entry.key_hash, std::string(entry.key), std::string(entry.map_key), std::string(entry.value),
                        entry.written_ms});
  }
  bool restore_to(StateTable& table) const {
    bool good = true;
    for (const auto& entry : entries_)
      good = table.restore({entry.key_hash, entry.key, entry.map_key, entry.value, entry.written_ms}) && good;
    return good;
  }

 private:
  struct Saved {
    std::uint64_t key_hash;
    std::string key, map_key, value;
    std::int64_t written_ms;
  };
  std::vector<Saved> entries_;
};

}  // namespace detail

/// `Op` is an operator class; `args` go to its constructor, again at each restore. Not thread-safe.
template <class Op>
class OperatorHarness {
  using K = typename detail::KeyOfOperator<Op>::type;
  using In = typename Op::Input;
  using R = typename Op::Output;
  static constexpr bool kKeyed = !std::is_void_v<K>;
  using AnyKey = std::conditional_t<kKeyed, K, std::uint8_t>;

 public:
  template <class... Args>
  explicit OperatorHarness(Args... args) : make_([args...] { return std::make_unique<Op>(args...); }) {
    host_.operator_id = "operator";
    start();
  }
  /// How a record's key is found: a member or a function. Before the first push of a keyed operator.
  template <class KeyOf>
  OperatorHarness& key_by(KeyOf of) {
    key_of_ = [of](const In& record) { return AnyKey(std::invoke(of, record)); };
    return *this;
  }
  /// Which field is the event time of a record; without, records have none.
  OperatorHarness& event_time(Time In::*field) {
    time_ = field;
    return *this;
  }
  /// From now on records that it throws on are set aside (see dead_letters) instead of thrown out of push.
  OperatorHarness& set_aside() {
    host_.sets_aside = true;
    return *this;
  }
  OperatorHarness& push(const In& record) {
    detail::BatchOf<K, In> batch;
    batch.records.add() = record;
    batch.metas.push_back({.position = {1, ++pushed_}});
    if (time_ != nullptr) batch.metas[0].event_time_ms = (record.*time_).time_since_epoch().count();
    if constexpr (kKeyed) {
      batch.keys.add() = key_of_(record);
      batch.metas[0].key_hash = key_hash(batch.keys[0]);
    }
    const detail::BatchView view(batch);
    for (std::size_t from = 0; from < 1;) {
      from = stage_->process(0, view, from);
      collect();
    }
    return emit_due();
  }
  OperatorHarness& watermark(Time time) {
    watermark_ = std::max(watermark_, time);
    stage_->on_watermark(watermark_);
    return emit_due();
  }
  /// Moves the processing clock.
  OperatorHarness& advance(Time now) {
    host_.now_value = now;
    return emit_due();
  }
  /// The end of the stream.
  OperatorHarness& finish() {
    watermark(Time::max());
    while (!stage_->finish()) collect();
    collect();
    return *this;
  }
  /// Saves the state, timers included, makes a new instance and restores it: what a crash right after a checkpoint
  /// does.
  OperatorHarness& crash_and_restore() {
    std::vector<detail::SavedTable> saved;
    for (const auto& [name, table] : op_->OperatorBase::states) table->write(saved.emplace_back());
    start();
    for (std::size_t i = 0; i < saved.size(); ++i) {
      if (!saved[i].restore_to(*op_->OperatorBase::states[i].second))
        throw std::runtime_error("state " + op_->OperatorBase::states[i].first + " could not be restored");
    }
    return watermark(watermark_);
  }
  /// What was emitted since the last take.
  std::vector<R> take() { return std::exchange(emitted_, {}); }
  template <class S, class Owner>
  requires std::derived_from<Op, Owner> std::vector<S> take(SideOutput<S> Owner::*side) {
    auto& batch = static_cast<detail::Batch<S>&>(stage_->outputs()[side_index(&((*op_).*side))].batch());
    std::vector<S> records;
    for (std::size_t i = 0; i < batch.size(); ++i) records.push_back(batch.records[i]);
    batch.clear();
    return records;
  }
  std::vector<DeadLetter> dead_letters() { return std::exchange(letters_, {}); }
  /// The operator with its state handles under `key`.
  Op& at_key(const AnyKey& key) requires kKeyed {
    shown_key_ = key;
    op_->key_scope.key = &shown_key_;
    op_->key_scope.hash = key_hash(shown_key_);
    ++op_->key_scope.call;
    return *op_;
  }

 private:
  void start() {
    auto op = make_();
    op_ = op.get();
    stage_ = std::make_unique<detail::OperatorStage<K, Op>>(std::move(op));
    stage_->open(host_);
  }
  OperatorHarness& emit_due() {
    while (stage_->next_due() <= host_.now_value && !stage_->emit_due()) collect();
    collect();
    return *this;
  }
  std::size_t side_index(const SideOutputBase* side) const {
    for (std::size_t i = 0; i < op_->OperatorBase::side_outputs.size(); ++i) {
      if (op_->OperatorBase::side_outputs[i] == side) return i + 1;
    }
    throw std::logic_error("not a side output of this operator");
  }
  void collect() {
    auto& out = static_cast<detail::BatchOf<K, R>&>(stage_->outputs()[0].batch());
    for (std::size_t i = 0; i < out.size(); ++i) emitted_.push_back(out.records[i]);
    out.clear();
    auto& letters = static_cast<detail::Batch<DeadLetter>&>(stage_->outputs().back().batch());
    for (std::size_t i = 0; i < letters.size(); ++i) letters_.push_back(letters.records[i]);
    letters.clear();
  }

  std::function<std::unique_ptr<Op>()> make_;
  detail::HarnessHost host_;
  std::unique_ptr<detail::OperatorStage<K, Op>> stage_;
  Op* op_ = nullptr;
  std::function<AnyKey(const In&)> key_of_;
  Time In::*time_ = nullptr;
  AnyKey shown_key_{};
  std::uint64_t pushed_ = 0;
  Time watermark_ = Time::min();
  std::vector<R> emitted_;
  std::vector<DeadLetter> letters_;
};

}  // namespace freshet
