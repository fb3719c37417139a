#pragma once

#include <tuple>

#include <freshet/cells.h>
#include <freshet/transforms.h>

/// Lookups: records of a stream beside rules that every task has.
namespace freshet {

namespace detail {

/// A rule as it is kept and saved.
template <class Rule>
struct KeptRule {
  std::int64_t time_ms = RecordMeta::kNoTime;
  SourcePosition position{};
  Rule rule{};
  FRESHET_RECORD(time_ms, position, rule)
};

}  // namespace detail

/// The rules of a lookup as its function sees them, the newest of each id. Good during the call; its order is not
/// defined, and may differ between tasks.
template <class Id, class Rule>
class RulesView {
  using Rules = detail::Table<Id, detail::KeptRule<Rule>>;

 public:
  explicit RulesView(const Rules& rules) : rules_(rules) {}
  /// Null when there is none.
  const Rule* find(const Id& id) const {
    const auto slot = rules_.find(id, key_hash(id));
    return slot == Rules::kNone ? nullptr : &rules_.at(slot).value.rule;
  }
  std::size_t size() const { return rules_.size(); }

  /// Gives const Rule&.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Rule;
    using reference = const Rule&;
    using difference_type = std::ptrdiff_t;
    Iterator(const Rules* rules, std::uint32_t slot) : rules_(rules), slot_(slot) { skip(); }
    reference operator*() const { return rules_->at(slot_).value.rule; }
    const Rule* operator->() const { return &**this; }
    Iterator& operator++() {
      ++slot_;
      skip();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return slot_ == other.slot_; }

   private:
    void skip() {
      while (slot_ < rules_->slots() && !rules_->is_used(slot_)) ++slot_;
    }
    const Rules* rules_;
    std::uint32_t slot_;
  };
  Iterator begin() const { return {&rules_, 0}; }
  Iterator end() const { return {&rules_, rules_.slots()}; }

 private:
  const Rules& rules_;
};

namespace detail {

/// The table of rules. It is of the kind of which each task has all entries, saves all, and takes all back, whatever
/// the parallelism; it stays in memory. Of two of one id the newer stays, so that neither the order in which rules come
/// from several tasks nor that in which what several tasks saved comes back makes a difference.
template <class Id, class Rule>
class RuleCells final : public WholeCells<Id, KeptRule<Rule>> {
  using Base = WholeCells<Id, KeptRule<Rule>>;

 public:
  explicit RuleCells(KeyScope<Id>* scope) : Base("rules", std::string(kBroadcastState), StateOptions{}, scope) {
    this->stay();
  }
  StateDeclaration declaration() const override { return this->declare({}, schema_of<KeptRule<Rule>>()); }
  void commit_call() override {}
  void undo_call() override {}
  /// It gives nothing, so that it must not be the table that is asked to.
  std::size_t resident_bytes() override { return 0; }

  /// Takes in a rule whose id is the key at hand.
  void put(const Rule& rule, const RecordMeta& meta) {
    if (const auto slot = this->find_slot();
        slot != Base::Cells::kNone && is_newer(this->cells_.at(slot).value, meta.event_time_ms, meta.position))
      return;
    auto& kept = this->cells_.at(this->make_slot()).value;
    kept.time_ms = meta.event_time_ms;
    kept.position = meta.position;
    kept.rule = rule;
  }

 protected:
  bool take_back(const StateEntry& entry, const Id& key, std::uint64_t hash) override {
    const auto slot = this->cells_.find(key, hash);
    if (entry.erased || slot == Base::Cells::kNone) return Base::take_back(entry, key, hash);
    KeptRule<Rule> other;
    if (!decode_all(entry.value, other)) return false;
    auto& kept = this->cells_.at(slot).value;
    if (!is_newer(kept, other.time_ms, other.position)) kept = std::move(other);
    return true;
  }

 private:
  static bool is_newer(const KeptRule<Rule>& kept, std::int64_t time_ms, const SourcePosition& position) {
    return std::tie(kept.time_ms, kept.position) > std::tie(time_ms, position);
  }
};

/// Input 0: the stream, input 1: the rules. `function(record, rules, out)`; a call that throws leaves no effect.
template <class K, class In, class Id, class Rule, class R, class F>
class LookupStage final : public UserCodeStage {
 public:
  LookupStage(Id Rule::*id, F function) : id_(id), function_(std::move(function)), rules_(&scope_) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, R>>());
    add_dead_letter_output();
  }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"rules", &rules_}}; }

  std::size_t process(std::uint32_t input, const BatchView& view, std::size_t from) override {
    return input == 0 ? look_up(view, from) : take_rules(view, from);
  }

 private:
  std::size_t look_up(const BatchView& view, std::size_t from) {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    Out<R> collector;
    collector.bind(out.records);
    const RulesView<Id, Rule> rules(rules_.cells());
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          function_(in.records[index], rules, collector);
          complete_outputs<K, In, R>(out, view, i);
        },
        [&] { out.records.truncate(out.metas.size()); });
  }
  std::size_t take_rules(const BatchView& view, std::size_t from) {
    const auto& in = static_cast<const Batch<Rule>&>(*view.batch);
    return for_each_record<Rule, Emits::one_at_most>(
        view, from,
        [&](std::size_t i) {
          const auto index = view.index(i);
          const Id& id = in.records[index].*id_;
          scope_.key = &id;
          scope_.hash = key_hash(id);
          ++scope_.call;
          rules_.put(in.records[index], view.meta(i));
        },
        [] {});
  }

  Id Rule::*id_;
  F function_;
  KeyScope<Id> scope_;
  RuleCells<Id, Rule> rules_;
};

}  // namespace detail

}  // namespace freshet
