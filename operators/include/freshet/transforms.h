#pragma once

#include <freshet/stage.h>
#include <freshet/timer.h>

/// Stages of the stateless steps: map, filter, flat_map, split, and of unkeyed operator classes. `K` is the key that
/// the stream carries, or void.
namespace freshet::detail {

/// Gives what was emitted since the last call the meta of the record it came from and, on a keyed stream, its key.
template <class K, class In, class R>
void complete_outputs(BatchOf<K, R>& out, const BatchView& view, std::size_t i) {
  [[maybe_unused]] const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
  while (out.metas.size() < out.records.size()) {
    out.metas.push_back(view.meta(i));
    if constexpr (!std::is_void_v<K>) out.keys.add() = in.keys[view.index(i)];
  }
}

/// Records that give one output each: when it goes, those of a view from the first on up to `end` have given theirs,
/// which stand behind the batch's last, and have their metas.
template <class R>
class OneForOne {
 public:
  OneForOne(Batch<R>& out, const BatchView& in, const std::size_t& end) : out_(out), in_(in), begin_(end), end_(end) {
    if (out_.size() != 0) out_.metas.reserve(kBatchRecords * 2);  // the destructor must not have to
  }
  OneForOne(const OneForOne&) = delete;
  OneForOne& operator=(const OneForOne&) = delete;
  ~OneForOne() {
    out_.records.truncate(out_.records.size() + end_ - begin_);
    if (out_.size() == 0) {
      out_.borrow_metas(in_.metas_of(begin_, end_));
    } else {
      out_.own_metas();
      for (std::size_t i = begin_; i < end_; ++i) out_.metas.push_back(in_.meta(i));
    }
  }

 private:
  Batch<R>& out_;
  const BatchView& in_;
  const std::size_t begin_;
  const std::size_t& end_;
};

template <class K, class In, class R, class F>
class MapStage final : public UserCodeStage {
 public:
  explicit MapStage(F function) : function_(std::move(function)) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, R>>());
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    return for_each_run<In>(
        view, from,
        [&](std::size_t& i, std::size_t stop) {
          const std::size_t enough = std::min(stop, i + room_in_outputs());
          auto* to = out.records.room(enough - i);
          for (const OneForOne<R> completed(out, view, i); i < enough; ++i) {
            host_->at_hand.index = i;
            const auto index = view.index(i);
            to->value = function_(in.records[index]);
            if constexpr (!std::is_void_v<K>) out.keys.add() = in.keys[index];
            ++to;
          }
        },
        [] {});
  }

 private:
  F function_;
};

template <class K, class In, class F>
class FilterStage final : public UserCodeStage {
 public:
  explicit FilterStage(F predicate) : predicate_(std::move(predicate)) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, In>>());
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    return for_each_run<In>(
        view, from,
        [&](std::size_t& i, std::size_t stop) {
          const std::size_t enough = std::min(stop, i + room_in_outputs());
          std::uint32_t* const room = outputs_[0].room_to_select(enough - i);
          std::uint32_t* kept = room;
          const auto note = [&] { outputs_[0].note_selected(view, static_cast<std::size_t>(kept - room)); };
          try {
            for (; i < enough; ++i) {
              host_->at_hand.index = i;
              *kept = view.index(i);
              kept += static_cast<bool>(predicate_(in.records[*kept]));  // no branch: there is no guessing a filter
            }
          } catch (...) {
            note();
            throw;
          }
          note();
        },
        [] {});
  }

 private:
  F predicate_;
};

template <class K, class In, class R, class F>
class FlatMapStage final : public UserCodeStage {
 public:
  explicit FlatMapStage(F function) : function_(std::move(function)) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, R>>());
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          function_(in.records[index], collector);
          complete_outputs<K, In, R>(out, view, i);
        },
        [&] { out.records.truncate(out.metas.size()); });
  }

 private:
  F function_;
};

/// One function with several outputs, each an Out<T, "name">.
template <class In, class F, class... Outs>
class SplitStage final : public UserCodeStage {
 public:
  explicit SplitStage(F function) : function_(std::move(function)) {
    (outputs_.emplace_back(OutName<Outs>::value, std::make_unique<Batch<typename OutName<Outs>::type>>()), ...);
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    return run(view, from, std::index_sequence_for<Outs...>{});
  }

 private:
  template <class O>
  struct OutName;
  template <class T, StreamName name>
  struct OutName<Out<T, name>> {
    using type = T;
    static constexpr const char* value = name.text;
  };
  template <std::size_t I>
  auto& batch() {
    using T = typename OutName<std::tuple_element_t<I, std::tuple<Outs...>>>::type;
    return static_cast<Batch<T>&>(outputs_[I].batch());
  }
  template <std::size_t... I>
  std::size_t run(const BatchView& view, std::size_t from, std::index_sequence<I...>) {
    const auto& in = static_cast<const Batch<In>&>(*view.batch);
    std::tuple<Outs...> collectors;
    (std::get<I>(collectors).bind(batch<I>().records), ...);
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          function_(in.records[index], std::get<I>(collectors)...);
          (batch<I>().metas.resize(batch<I>().records.size(), view.meta(i)), ...);
        },
        [&] { (batch<I>().records.truncate(batch<I>().metas.size()), ...); });
  }
  F function_;
};

/// Runs an operator class. Keyed ones (K not void) see the key of the record at hand.
template <class K, class Op>
class OperatorStage final : public UserCodeStage {
  using In = typename Op::Input;
  using R = typename Op::Output;

 public:
  explicit OperatorStage(std::unique_ptr<Op> op) : op_(std::move(op)) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, R>>());
    for (auto* side : base().side_outputs) {
      outputs_.emplace_back(side->name(), side->make_batch());
      side->bind(outputs_.back().batch());
    }
    add_dead_letter_output();
  }
  OperatorBase* author() override { return op_.get(); }
  /// An operator that knows of late ones has a counter that is called so.
  std::uint64_t late_records() const override {
    for (const auto* counter : base().counters)
      if (counter->name() == "late") return counter->value();
    return 0;
  }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    base().now_value = host.now();
    base().open();
  }
  void close(bool) override { base().close(); }
  void on_watermark(Time time) override { base().watermark_value = time; }

  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    begin_calls();
    if constexpr (!std::is_void_v<K>)
      for (const auto& [name, table] : base().states) table->sweep(view.size, key_scope().now_ms);
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          if (host_->sets_aside) commit_counters();
          if constexpr (!std::is_void_v<K>) enter_key(in.keys[index], view.meta(i));
          op_->Op::process(in.records[index], collector);
          complete_outputs<K, In, R>(out, view, i);
          if (base().side_emitted) complete_sides(view.meta(i));
        },
        [&] { undo_call(out); });
  }

  Time next_due() const override {
    Time next = Time::max();
    for (const TimerBase* timer : base().timers) {
      const std::int64_t first_ms = timer->next_ms();
      if (timer->clock() == Clock::processing)
        next = std::min(next, Time(Duration(first_ms)));
      else if (first_ms < watermark_ms())
        return Time::min();
    }
    return next;
  }
  /// Lets timers fire, those of each handle in the order of their times.
  bool emit_due() override {
    if constexpr (!std::is_void_v<K>) {
      begin_calls();
      std::size_t left = kFiredAtOnce;
      for (TimerBase* timer : base().timers) {
        const bool is_event = timer->clock() == Clock::event;
        if (is_event && watermark_ms() == std::numeric_limits<std::int64_t>::min()) continue;
        const std::int64_t limit_ms = is_event ? watermark_ms() - 1 : key_scope().now_ms;
        while (timer->next_ms() <= limit_ms) {
          if (left-- == 0 || outputs_full()) return false;
          if (timer->take_due(limit_ms)) fire(*timer);
        }
      }
    }
    return true;
  }

  bool finish() override {
    if (finished_) return true;
    finished_ = true;
    if constexpr (std::is_void_v<K>) {
      auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
      Out<R> collector;
      collector.bind(out.records);
      static_cast<Operator<In, R>&>(*op_).finish(collector);
      out.metas.resize(out.records.size());
      if (base().side_emitted) complete_sides({});
    }
    return true;
  }

 private:
  /// Timers that fire in one call of emit_due().
  static constexpr std::size_t kFiredAtOnce = 1024;

  void begin_calls() {
    base().now_value = host_->now();
    if constexpr (!std::is_void_v<K>) {
      key_scope().undo = host_->sets_aside;
      key_scope().now_ms = base().now_value.time_since_epoch().count();
    }
  }
  void commit_counters() {
    for (auto* counter : base().counters) counter->commit();
  }
  void undo_call(BatchOf<K, R>& out) {
    out.records.truncate(out.metas.size());
    for (auto* side : base().side_outputs) side->roll_back();
    for (auto* counter : base().counters) counter->roll_back();
    base().side_emitted = false;
    if constexpr (!std::is_void_v<K>) key_scope().roll_back();
  }
  /// Members of the engine's classes, whatever the author's class calls its own.
  OperatorBase& base() { return *op_; }
  const OperatorBase& base() const { return *op_; }
  auto& keyed() { return static_cast<KeyedOperator<K, In, R>&>(*op_); }
  auto& key_scope() { return keyed().key_scope; }
  std::int64_t watermark_ms() const { return base().watermark_value.time_since_epoch().count(); }
  /// Calls the operator with a timer that was taken out.
  void fire(TimerBase& timer) {
    auto& out = static_cast<KeyedBatch<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    if (host_->sets_aside) commit_counters();
    const RecordMeta meta{.event_time_ms = timer.clock() == Clock::event ? timer.fired_ms() : RecordMeta::kNoTime,
                          .key_hash = key_scope().hash};
    keyed().record_meta = &meta;
    call_once(
        meta,
        [&] {
          timer.call(&collector);
          out.metas.resize(out.records.size(), meta);
          while (out.keys.size() < out.metas.size()) out.keys.add() = *key_scope().key;
          if (base().side_emitted) complete_sides(meta);
        },
        [&](std::string& json) { timer.describe(json); },
        [&] {
          undo_call(out);
          keyed().after_undone_timer();
        });
    keyed().record_meta = nullptr;
  }
  template <class Key>
  void enter_key(const Key& key, const RecordMeta& meta) {
    auto& scope = key_scope();
    if (scope.undo) scope.commit();
    scope.key = &key;
    scope.hash = meta.key_hash;
    ++scope.call;
    keyed().record_meta = &meta;
  }
  void complete_sides(const RecordMeta& meta) {
    for (auto* side : base().side_outputs) side->complete(meta);
    base().side_emitted = false;
  }
  std::unique_ptr<Op> op_;
  bool finished_ = false;
};

}  // namespace freshet::detail
