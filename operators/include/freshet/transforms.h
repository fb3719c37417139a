#pragma once

#include <freshet/stage.h>

/// Stages of the stateless steps: map, filter, flat_map, split, and of unkeyed operator classes. `K` is the key that
/// the stream carries, or void.
namespace freshet::detail {

/// Gives what was emitted since the last call the meta of the record it came from and, on a keyed stream, its key.
template <class K, class In, class R>
void complete_outputs(BatchOf<K, R>& out, const BatchOf<K, In>& in, std::uint32_t index) {
  while (out.metas.size() < out.records.size()) {
    out.metas.push_back(in.metas[index]);
    if constexpr (!std::is_void_v<K>) out.keys.add() = in.keys[index];
  }
}

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
    return for_each_record<In, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          R result = function_(in.records[index]);
          out.records.add() = std::move(result);
          out.metas.push_back(in.metas[index]);
          if constexpr (!std::is_void_v<K>) out.keys.add() = in.keys[index];
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
    return for_each_record<In, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          if (predicate_(in.records[view.index(i)])) outputs_[0].select(view, i);
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
          complete_outputs<K, In, R>(out, in, index);
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
          (batch<I>().metas.resize(batch<I>().records.size(), in.metas[index]), ...);
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
    for (auto* side : op_->side_outputs) {
      outputs_.emplace_back(side->name(), side->make_batch());
      side->bind(outputs_.back().batch());
    }
    add_dead_letter_output();
  }
  OperatorBase* author() override { return op_.get(); }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    op_->now_value = host.now();
    op_->open();
  }
  void close(bool) override { op_->close(); }
  void on_watermark(Time time) override { op_->watermark_value = time; }

  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    op_->now_value = host_->now();
    if constexpr (!std::is_void_v<K>) {
      op_->key_scope.undo = host_->sets_aside;
      op_->key_scope.now_ms = op_->now_value.time_since_epoch().count();
      for (const auto& [name, table] : op_->states) table->sweep(view.size, op_->key_scope.now_ms);
    }
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          if (host_->sets_aside)
            for (auto* counter : op_->counters) counter->commit();
          if constexpr (!std::is_void_v<K>) enter_key(in.keys[index], in.metas[index].key_hash);
          op_->Op::process(in.records[index], collector);
          complete_outputs<K, In, R>(out, in, index);
          if (op_->side_emitted) complete_sides(in.metas[index]);
        },
        [&] {
          out.records.truncate(out.metas.size());
          for (auto* side : op_->side_outputs) side->roll_back();
          for (auto* counter : op_->counters) counter->roll_back();
          op_->side_emitted = false;
          if constexpr (!std::is_void_v<K>) op_->key_scope.roll_back();
        });
  }

  bool finish() override {
    if (finished_) return true;
    finished_ = true;
    if constexpr (std::is_void_v<K>) {
      auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
      Out<R> collector;
      collector.bind(out.records);
      op_->finish(collector);
      out.metas.resize(out.records.size());
      if (op_->side_emitted) complete_sides({});
    }
    return true;
  }

 private:
  template <class Key>
  void enter_key(const Key& key, std::uint64_t hash) {
    auto& scope = op_->key_scope;
    if (scope.undo) scope.commit();
    scope.key = &key;
    scope.hash = hash;
    ++scope.call;
  }
  void complete_sides(const RecordMeta& meta) {
    for (auto* side : op_->side_outputs) side->complete(meta);
    op_->side_emitted = false;
  }
  std::unique_ptr<Op> op_;
  bool finished_ = false;
};

}  // namespace freshet::detail
