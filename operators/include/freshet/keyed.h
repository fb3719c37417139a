#pragma once

#include <freshet/emission.h>
#include <freshet/look_ahead.h>
#include <freshet/pair_table.h>
#include <freshet/transforms.h>

/// Stages of the keyed steps fold, process and dedupe. They work batch by batch with look-ahead.
namespace freshet {

struct TtlOptions {
  Duration ttl = Duration::max();  ///< of processing time since the last write
};

namespace detail {

/// One state object per key, changed by each record; the state is also what goes out. The function may ask whether the
/// record is the key's first.
template <class K, class In, class S, class F>
class FoldStage final : public UserCodeStage {
 public:
  FoldStage(F function, Emission emission, StateOptions options, std::optional<S> initial = {})
      : function_(std::move(function)), emitter_(emission), cells_("state", options, &scope_) {
    if (initial) cells_.set_initial(*std::move(initial));
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, S>>());
    add_dead_letter_output();
    cells_.pin(emitter_.pending());
  }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"state", &cells_}}; }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    scope_.undo = host.sets_aside;
    emitter_.start(host.now());
  }

  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const KeyedBatch<K, In>&>(*view.batch);
    scope_.now_ms = host_->now().time_since_epoch().count();
    cells_.sweep(view.size, scope_.now_ms);
    LookAhead look_ahead(cells_.cells(), view, from);
    return for_each_record<In, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          cells_.expect(look_ahead.slot(i));
          const auto index = view.index(i);
          if (scope_.undo) scope_.commit();
          scope_.key = &in.keys[index];
          scope_.hash = view.meta(i).key_hash;
          ++scope_.call;
          S& state = add(in.records[index]);
          emitter_.note_change(cells_.current_slot());
          if (emitter_.emission().kind == EmissionKind::each_change) put(*scope_.key, state, view.meta(i));
        },
        [&] { scope_.roll_back(); });
  }

  void save(SnapshotOut& out, std::string_view operator_id) const override {
    emitter_.save(out, operator_id, cells_.cells());
  }
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    return emitter_.template restore<K>(saved, scope, cells_);
  }
  Time next_due() const override { return emitter_.next_due(); }
  bool emit_due() override {
    return emitter_.emit_changed(
        cells_.cells(), host_->now(), [&] { return outputs_full(); }, emit());
  }
  bool finish() override {
    if (emitter_.emission().kind == EmissionKind::every) return emit_due();
    if (emitter_.emission().kind == EmissionKind::each_change) return true;
    scope_.now_ms = host_->now().time_since_epoch().count();
    return emitter_.emit_all(
        cells_, [&] { return outputs_full(); }, emit());
  }

 private:
  [[gnu::always_inline]] S& add(const In& record) {
    if constexpr (std::is_invocable_v<F, S&, const In&, bool>) {
      const bool is_first = cells_.find() == nullptr;
      S& state = cells_.get();
      function_(state, record, is_first);
      return state;
    } else {
      S& state = cells_.get();
      function_(state, record);
      return state;
    }
  }
  auto emit() {
    return [this](auto& entry) { put(entry.key, entry.value, {.key_hash = cells_.cells().hash_of(entry)}); };
  }
  void put(const K& key, const S& value, const RecordMeta& meta) {
    auto& out = static_cast<KeyedBatch<K, S>&>(outputs_[0].batch());
    out.records.add() = value;
    out.keys.add() = key;
    out.metas.push_back(meta);
  }
  F function_;
  Emitter emitter_;
  KeyScope<K> scope_;
  ValueCells<K, S> cells_;
};

/// One state object per key and free emission: `function(state, record, out)`.
template <class K, class In, class S, class R, class F>
class ProcessStage final : public UserCodeStage {
 public:
  ProcessStage(F function, StateOptions options) : function_(std::move(function)), cells_("state", options, &scope_) {
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, R>>());
    add_dead_letter_output();
  }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"state", &cells_}}; }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    scope_.undo = host.sets_aside;
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const KeyedBatch<K, In>&>(*view.batch);
    auto& out = static_cast<KeyedBatch<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    scope_.now_ms = host_->now().time_since_epoch().count();
    cells_.sweep(view.size, scope_.now_ms);
    LookAhead look_ahead(cells_.cells(), view, from);
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          cells_.expect(look_ahead.slot(i));
          const auto index = view.index(i);
          if (scope_.undo) scope_.commit();
          scope_.key = &in.keys[index];
          scope_.hash = view.meta(i).key_hash;
          ++scope_.call;
          function_(cells_.get(), in.records[index], collector);
          complete_outputs<K, In, R>(out, view, i);
        },
        [&] {
          out.records.truncate(out.metas.size());
          scope_.roll_back();
        });
  }

 private:
  F function_;
  KeyScope<K> scope_;
  ValueCells<K, S> cells_;
};

/// The ids that dedupe has seen, each under its key.
template <class K, class M>
class SeenTable final : public PairTable<K, M> {  // each with the time when it was seen
  using Base = PairTable<K, M>;
  using Pair = typename Base::Pair;

 public:
  explicit SeenTable(StateOptions options) : options_(options) {}
  StateDeclaration declaration() const override {
    return {"seen", "set", schema_of<K>(), schema_of<M>(), schema_of<std::int64_t>(), options_.ttl, options_.queryable};
  }
  void commit_call() override {}
  void undo_call() override {}

  /// Notes that an id is seen now, unless it has been seen after `deadline`. True: it had not. `hash`: hash_of() it.
  bool is_new(const Pair& key, std::uint64_t hash, std::int64_t now_ms, std::int64_t deadline) {
    bool made = false;
    const auto slot = this->look_up_or_add(key, hash, made);
    this->note_touch(slot);
    auto& seen_ms = this->cells_.at(slot).value;
    if (!made && seen_ms > deadline) return false;
    this->before_change(slot);
    seen_ms = now_ms;
    return true;
  }
  void sweep(std::size_t records, std::int64_t now_ms) override {
    if (options_.ttl == Duration::max()) return;
    const std::int64_t deadline = now_ms - options_.ttl.count();
    Base::sweep(records * 2, now_ms, deadline, [this, deadline](std::uint32_t slot) {
      if (this->cells_.at(slot).value > deadline) return false;
      this->note_erase(slot);
      return true;
    });
  }
  const StateOptions& options() const { return options_; }

 protected:
  std::int64_t written_ms(std::uint32_t slot) const override { return this->cells_.at(slot).value; }

 private:
  StateOptions options_;
};

/// Lets the first record of each id pass, per key, within the TTL.
template <class K, class T, class M>
class DedupeStage final : public UserCodeStage {
 public:
  DedupeStage(M T::*id, StateOptions options) : id_(id), seen_(options) {
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, T>>());
    add_dead_letter_output();
  }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"seen", &seen_}}; }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const KeyedBatch<K, T>&>(*view.batch);
    const auto now_ms = host_->now().time_since_epoch().count();
    const bool expires = seen_.options().ttl != Duration::max();
    const auto deadline = expires ? now_ms - seen_.options().ttl.count() : std::numeric_limits<std::int64_t>::min();
    seen_.sweep(view.size, now_ms);
    return for_each_record<T, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          scratch_.first = in.keys[index];
          scratch_.second = in.records[index].*id_;
          const auto hash = SeenTable<K, M>::hash_of(view.meta(i).key_hash, scratch_.second);
          if (seen_.is_new(scratch_, hash, now_ms, deadline)) outputs_[0].select(view, i);
        },
        [] {});
  }

 private:
  M T::*id_;
  SeenTable<K, M> seen_;
  std::pair<K, M> scratch_;
};

}  // namespace detail

}  // namespace freshet
