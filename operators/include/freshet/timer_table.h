#pragma once

#include <freshet/cells.h>
#include <freshet/pair_table.h>
#include <freshet/timed.h>

/// The table behind a timer handle. Timers are state like any other: saved at each checkpoint, moved with their keys,
/// given to the spill store when memory is short. One thread, the task's.
namespace freshet::detail {

/// The timers of one handle as user code sees them: those of the key at hand.
template <class P>
class TimerAccess {
 public:
  virtual ~TimerAccess() = default;
  virtual void set(const P& payload, Time time) = 0;
  virtual bool cancel(const P& payload) = 0;
  virtual std::optional<Time> find(const P& payload) = 0;
};

/// Times by key and payload.
template <class K, class P>
class TimerTable : public Timed<PairTable<K, P>, std::pair<K, P>>, public TimerAccess<P> {
  using Base = Timed<PairTable<K, P>, std::pair<K, P>>;

 public:
  using Cells = typename Base::Cells;
  TimerTable(std::string name, KeyScope<K>* scope) : scope_(scope), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  StateDeclaration declaration() const override {
    return {name_, "timer", schema_of<K>(), schema_of<P>(), schema_of<Time>()};
  }
  void sweep(std::size_t, std::int64_t) override {}

  void set(const P& payload, Time time) override {
    name_pair(payload);
    bool made = false;
    const auto slot = this->look_up_or_add(pair_, hash_, made);
    this->note_touch(slot);
    std::int64_t& time_ms = this->cells_.at(slot).value;
    if (scope_->undo) note_undo(payload, made ? std::nullopt : std::optional(time_ms));
    this->before_change(slot);
    time_ms = time.time_since_epoch().count();
    this->schedule(slot);
  }
  bool cancel(const P& payload) override {
    name_pair(payload);
    const auto slot = this->look_up(pair_, hash_);
    if (slot == Cells::kNone) return false;
    if (scope_->undo) note_undo(payload, this->cells_.at(slot).value);
    erase(slot);
    return true;
  }
  std::optional<Time> find(const P& payload) override {
    name_pair(payload);
    const auto slot = this->look_up(pair_, hash_);
    if (slot == Cells::kNone) return std::nullopt;
    return Time(Duration(this->cells_.at(slot).value));
  }

  /// Takes the earliest out, if its time is `limit_ms` or before. True: it is fired() now.
  bool take_due(std::int64_t limit_ms) {
    const std::uint32_t slot = this->first_due(limit_ms);
    if (slot == Cells::kNone) return false;
    const auto& entry = this->cells_.at(slot);
    fired_ = entry.key;
    fired_ms_ = entry.value;
    erase(slot);
    return true;
  }
  const std::pair<K, P>& fired() const { return fired_; }
  std::int64_t fired_ms() const { return fired_ms_; }

  void commit_call() override { undo_.clear(); }
  void undo_call() override {
    const auto undo = std::exchange(undo_, {});
    const bool on = std::exchange(scope_->undo, false);
    for (auto step = undo.rbegin(); step != undo.rend(); ++step) {
      if (step->second)
        set(step->first, Time(Duration(*step->second)));
      else
        (void)cancel(step->first);
    }
    scope_->undo = on;
  }

 protected:
  std::int64_t written_ms(std::uint32_t) const override { return StateEntry::kNoStamp; }
  std::int64_t due_ms(std::uint32_t slot) const override { return this->cells_.at(slot).value; }
  std::uint64_t hash_of_key(const std::pair<K, P>& key) const override {
    return Base::hash_of(key_hash(key.first), key.second);
  }

 private:
  /// Puts the key at hand and a payload of it into pair_ and hash_.
  void name_pair(const P& payload) {
    pair_.first = *scope_->key;
    pair_.second = payload;
    hash_ = Base::hash_of(scope_->hash, payload);
  }
  void erase(std::uint32_t slot) {
    this->note_erase(slot);
    this->unschedule(slot);
    this->cells_.erase(slot);
  }
  void note_undo(const P& payload, std::optional<std::int64_t> before) {
    if (scope_->touched.empty() || scope_->touched.back() != this) scope_->touched.push_back(this);
    undo_.emplace_back(payload, before);
  }

  KeyScope<K>* scope_;
  std::string name_;
  std::vector<std::pair<P, std::optional<std::int64_t>>> undo_;  // payload, and its time before
  std::pair<K, P> pair_, fired_;
  std::uint64_t hash_ = 0;  // of pair_
  std::int64_t fired_ms_ = 0;
};

}  // namespace freshet::detail
