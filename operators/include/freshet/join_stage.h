#pragma once

#include <freshet/join_rows.h>
#include <freshet/look_ahead.h>
#include <freshet/stage.h>
#include <freshet/window_panes.h>

/// Stages of joins: each keeps the records of both its inputs and calls the author's function with pairs of them.
namespace freshet::detail {

/// Calls the function of a join: with the window, where it asks for it. `right` null: the left record has no partner.
template <bool kIsLeft, class F, class L, class R, class... W>
decltype(auto) call_join(F& function, const L& left, const R* right, const W&... window) {
  if constexpr (kIsLeft) {
    if constexpr (std::is_invocable_v<F&, const L&, const R*, const W&...>)
      return function(left, right, window...);
    else
      return function(left, right);
  } else {
    if constexpr (std::is_invocable_v<F&, const L&, const R&, const W&...>)
      return function(left, *right, window...);
    else
      return function(left, *right);
  }
}

/// What joins by time and by windows share. Outputs: the results under their key, what came too late from the left, and
/// from the right. A pair on which the function throws is set aside alone, so that it makes no difference which of its
/// two records came last; both go on finding other partners.
template <class K, class L, class R, class O, class F, bool kIsLeft>
class JoinStage : public UserCodeStage {
 public:
  /// `kind`: which pairs; state of other joins is none of this. Rows are due `keep` behind their times.
  JoinStage(const std::string& kind, std::int64_t keep_left_ms, std::int64_t keep_right_ms, F function)
      : left_("left", kind, keep_left_ms, &scope_),
        right_("right", kind, keep_right_ms, &scope_),
        function_(std::move(function)) {
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, O>>());
    outputs_.emplace_back("late_left", std::make_unique<Batch<L>>());
    outputs_.emplace_back("late_right", std::make_unique<Batch<R>>());
    add_dead_letter_output();
  }
  OperatorBase* author() override { return &counts_; }
  std::uint64_t late_records() const override { return counts_.late.value(); }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"left", &left_}, {"right", &right_}}; }
  void on_watermark(Time time) override { watermark_ = time.time_since_epoch().count(); }

 protected:
  /// Rows that are removed in one call of emit_due(), and windows that are looked at.
  static constexpr std::size_t kStepsAtOnce = 1024;

  /// take(record, meta) for each record, with the key at hand, until outputs are full. False: it goes on with the same
  /// record later, since there was no room for all its pairs; undo() when it throws.
  template <class T, class Take, class Undo>
  std::size_t process_side(const BatchView& view, std::size_t from, Take take, Undo undo) {
    const auto& in = static_cast<const KeyedBatch<K, T>&>(*view.batch);
    LookAhead left_ahead(left_.cells(), view, from);
    LookAhead right_ahead(right_.cells(), view, from);
    return for_each_run<T>(
        view, from,
        [&](std::size_t& i, std::size_t stop) {
          do {
            host_->at_hand.index = i;
            left_.expect(left_ahead.slot(i));
            right_.expect(right_ahead.slot(i));
            const auto index = view.index(i);
            scope_.key = &in.keys[index];
            scope_.hash = view.meta(i).key_hash;
            ++scope_.call;
            is_for_record_ = true;
            const bool is_done = take(in.records[index], view.meta(i));
            is_for_record_ = false;
            if (!is_done) return;
            ++i;
          } while (i < stop && !outputs_full());
        },
        [&] {
          is_for_record_ = false;
          undo();
        });
  }
  static void check_time(const RecordMeta& meta) {
    if (meta.event_time_ms == RecordMeta::kNoTime)
      throw RejectRecord("the record has no event time: it was emitted by the clock, or at the end of the data",
                         "no event time");
    if (is_out_of_range(meta.event_time_ms))
      throw RejectRecord("its event time is out of range, millions of years from now", "no event time");
  }
  template <class T>
  void put_late(std::size_t output, const T& record, const RecordMeta& meta) {
    auto& late = static_cast<Batch<T>&>(outputs_[output].batch());
    late.records.add() = record;
    late.metas.push_back(meta);
    counts_.late.add();
    if (meta.position.tried_again) counts_.late_after_retry.add();
  }
  /// Emits what the function makes of a pair under the key at hand. Only when outputs are not full.
  template <class... W>
  void put(const L& left, const SourcePosition& position, const R* right, std::int64_t time_ms, const W&... window) {
    auto& out = static_cast<KeyedBatch<K, O>&>(outputs_[0].batch());
    const RecordMeta meta{time_ms, scope_.hash, position};
    try {
      out.records.add() = call_join<kIsLeft>(function_, left, right, window...);
      out.keys.add() = *scope_.key;
      out.metas.push_back(meta);
    } catch (...) {
      FailedRecord failed = describe_current_exception();
      out.records.truncate(out.metas.size());
      out.keys.truncate(out.metas.size());
      if (failed.record.empty()) describe(failed.record, left, right);
      failed.meta = meta;
      // Where the policy is to fail, who called for a record does that.
      if (is_for_record_ && !host_->sets_aside) throw RejectRecord(failed.message, failed.reason, failed.record);
      set_aside(std::move(failed));
    }
  }
  bool knows_watermark() const { return watermark_ != kNoWatermark; }

  KeyScope<K> scope_;
  JoinRows<K, L> left_;
  JoinRows<K, R> right_;
  std::int64_t watermark_ = kNoWatermark;

 private:
  struct Counts : OperatorBase {
    Counter late{this, "late"};
    Counter late_after_retry{this, "late_after_retry"};  // of these
  };
  void describe(std::string& json, const L& left, const R* right) const {
    json += R"({"key":)";
    append_json(json, *scope_.key);
    json += R"(,"left":)";
    append_json(json, left);
    json += R"(,"right":)";
    if (right == nullptr)
      json += "null";
    else
      append_json(json, *right);
    json += '}';
  }

  F function_;
  Counts counts_;
  bool is_for_record_ = false;
};

/// Pairs whose times are no further apart than the bounds say go out when the second of them comes. Whatever is not
/// older than the watermark finds all its partners, so the results do not depend on the order in which records come.
template <class K, class L, class R, class O, class F, bool kIsLeft>
class IntervalJoinStage final : public JoinStage<K, L, R, O, F, kIsLeft> {
  using Base = JoinStage<K, L, R, O, F, kIsLeft>;
  using Item = TimeOrder::Item;

 public:
  IntervalJoinStage(const TimeBounds& bounds, F function)
      : Base(kind_of(bounds), bounds.upper.count(), -bounds.lower.count(), std::move(function)),
        lower_ms_(bounds.lower.count()),
        upper_ms_(bounds.upper.count()) {}
  static std::string kind_of(const TimeBounds& bounds) {
    return (kIsLeft ? "left join, " : "join, ") + in_words(bounds);
  }

  std::size_t process(std::uint32_t input, const BatchView& view, std::size_t from) override {
    const auto undo = [this] { go_on_at_.reset(); };
    if (input == 0) {
      const auto take = [this](const L& left, const RecordMeta& meta) { return take_left(left, meta); };
      return this->template process_side<L>(view, from, take, undo);
    }
    const auto take = [this](const R& right, const RecordMeta& meta) { return take_right(right, meta); };
    return this->template process_side<R>(view, from, take, undo);
  }
  Time next_due() const override {
    if (!this->knows_watermark()) return Time::max();
    return std::min(this->left_.next_ms(), this->right_.next_ms()) < this->watermark_ ? Time::min() : Time::max();
  }
  bool emit_due() override {
    if (!this->knows_watermark()) return true;
    const std::int64_t limit = this->watermark_ - 1;
    std::size_t steps = Base::kStepsAtOnce;
    const auto leave = [](const K&, std::uint64_t, const JoinRow<R>&) { return true; };
    if (!this->right_.remove_due(limit, steps, leave)) return false;
    return this->left_.remove_due(limit, steps, [this](const K& key, std::uint64_t hash, const JoinRow<L>& row) {
      if (!kIsLeft || row.has_partner) return true;
      if (this->outputs_full()) return false;
      this->scope_.key = &key;
      this->scope_.hash = hash;
      put_alone(row.record, row.position, row.time_ms);
      return true;
    });
  }

 private:
  bool take_left(const L& left, const RecordMeta& meta) {
    Base::check_time(meta);
    const std::int64_t time = meta.event_time_ms;
    if (time < this->watermark_) {
      this->put_late(1, left, meta);
      return true;
    }
    if (time + upper_ms_ >= this->watermark_) this->left_.check_room();  // before it has any effect
    bool has_partner = go_on_at_.has_value();
    const bool is_done =
        for_each_partner(this->right_, time + lower_ms_, time + upper_ms_, [&](const Item& item, const auto& row) {
          this->put(left, meta.position, &row.record, std::max(time, item.time_ms));
          has_partner = true;
        });
    if (!is_done) return false;
    if (time + upper_ms_ >= this->watermark_)
      this->left_.insert(left, meta, kIsLeft && has_partner);
    else if (kIsLeft && !has_partner)
      put_alone(left, meta.position, time);
    return true;
  }
  bool take_right(const R& right, const RecordMeta& meta) {
    Base::check_time(meta);
    const std::int64_t time = meta.event_time_ms;
    if (time < this->watermark_) {
      this->put_late(2, right, meta);
      return true;
    }
    if (time - lower_ms_ >= this->watermark_) this->right_.check_room();
    const bool is_done =
        for_each_partner(this->left_, time - upper_ms_, time - lower_ms_, [&](const Item& item, const auto& row) {
          this->put(row.record, row.position, &right, std::max(time, item.time_ms));
          if (kIsLeft && !row.has_partner) this->left_.note_partner(item.place);
        });
    if (!is_done) return false;
    if (time - lower_ms_ >= this->watermark_) this->right_.insert(right, meta, false);
    return true;
  }
  /// meet(item, row) for those of the key at hand in [first, last]. False: outputs are full; the next call goes on.
  template <class Rows, class Meet>
  bool for_each_partner(Rows& table, std::int64_t first, std::int64_t last, Meet meet) {
    const auto* rows = table.find();
    if (rows == nullptr) return true;
    auto walk = rows->from(go_on_at_ ? *go_on_at_ : Item{first, 0});
    go_on_at_.reset();
    while (const Item* item = rows->next(walk)) {
      if (item->time_ms > last) break;
      if (this->outputs_full()) {
        go_on_at_ = *item;
        return false;
      }
      meet(*item, rows->row(item->place));
    }
    return true;
  }
  /// It is known when no partner can come any more: its time is that moment's, so that it is not late itself.
  void put_alone(const L& left, const SourcePosition& position, std::int64_t time) {
    this->put(left, position, nullptr, std::max(time, time + upper_ms_));
  }

  const std::int64_t lower_ms_, upper_ms_;
  std::optional<Item> go_on_at_;  // the partner that comes next, of the record at hand
};

}  // namespace freshet::detail
