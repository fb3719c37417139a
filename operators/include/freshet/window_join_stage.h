#pragma once

#include <freshet/join_stage.h>

/// The stage of joins by windows.
namespace freshet::detail {

/// Pairs of records that are in the same window go out when it is over. Windows are tumbling or sliding; a record is
/// kept once, however many it is in, and goes with the last of them.
template <class K, class L, class R, class O, class F, bool kIsLeft>
class WindowJoinStage final : public JoinStage<K, L, R, O, F, kIsLeft> {
  using Base = JoinStage<K, L, R, O, F, kIsLeft>;
  using Item = TimeOrder::Item;
  static constexpr std::int64_t kNever = JoinRows<K, L>::kNever;

 public:
  WindowJoinStage(const WindowSpec& spec, F function)
      : Base(kind_of(spec), kNever, kNever, std::move(function)),
        size_ms_(spec.size.count()),
        slide_ms_(spec.slide.count()),
        offset_ms_(spec.offset.count()),
        windows_(kind_of(spec), &this->scope_) {}
  static std::string kind_of(const WindowSpec& spec) { return (kIsLeft ? "left join, " : "join, ") + in_words(spec); }
  std::vector<std::pair<std::string, StateTable*>> states() override {
    return {{"left", &this->left_}, {"right", &this->right_}, {"windows", &windows_}};
  }

  std::size_t process(std::uint32_t input, const BatchView& view, std::size_t from) override {
    const auto undo = [] {};
    if (input == 0) {
      const auto take = [this](const L& left, const RecordMeta& meta) { return keep(this->left_, 1, left, meta); };
      return this->template process_side<L>(view, from, take, undo);
    }
    const auto take = [this](const R& right, const RecordMeta& meta) { return keep(this->right_, 2, right, meta); };
    return this->template process_side<R>(view, from, take, undo);
  }
  Time next_due() const override {
    if (!this->knows_watermark()) return Time::max();
    return in_work_.is_on || windows_.next_ms() < this->watermark_ ? Time::min() : Time::max();
  }
  bool emit_due() override {
    if (!this->knows_watermark()) return true;
    std::size_t steps = Base::kStepsAtOnce;
    if (in_work_.is_on && !go_on(steps)) return false;
    for (;; --steps) {
      if (steps == 0 || this->outputs_full()) return false;
      const std::uint32_t slot = windows_.first_due(this->watermark_ - 1);
      if (slot == JoinWindows<K>::Cells::kNone) return true;
      const auto& entry = windows_.cells().at(slot);
      in_work_.is_on = true;
      in_work_.key = entry.key;
      in_work_.hash = JoinWindows<K>::Cells::hash_of(entry);
      in_work_.end = entry.value;
      in_work_.is_told = false;
      in_work_.left = in_work_.right = {};
      if (!go_on(steps)) return false;
      if (steps == 0) return false;
    }
  }

 private:
  /// The window that is being told, by its key, since its entries may leave memory and come back between two steps. No
  /// barrier comes before it is done.
  struct InWork {
    bool is_on = false;
    bool is_told = false;  // all pairs are out, and what is over goes
    K key{};
    std::uint64_t hash = 0;
    std::int64_t end = 0;
    std::optional<Item> left{}, right{};  // the pair that comes next
  };

  template <class T, class Rows>
  bool keep(Rows& rows, std::size_t late_output, const T& record, const RecordMeta& meta) {
    Base::check_time(meta);
    const std::int64_t time = meta.event_time_ms;
    if (this->knows_watermark() && last_end_of(time) <= this->watermark_) {
      this->put_late(late_output, record, meta);
      return true;
    }
    rows.insert(record, meta, false);
    // Windows that are over do not go out again.
    std::int64_t end = first_end_of(time);
    if (this->knows_watermark() && end <= this->watermark_) end = first_end_of(this->watermark_);
    windows_.note(end);
    return true;
  }
  /// Of the windows that hold a time; first_end_of() is also the first that ends behind it.
  std::int64_t first_end_of(std::int64_t time) const {
    return aligned(time, slide_ms_, offset_ms_ + size_ms_) + slide_ms_;
  }
  std::int64_t last_end_of(std::int64_t time) const { return aligned(time, slide_ms_, offset_ms_) + size_ms_; }

  /// False: outputs are full, or steps used up.
  bool go_on(std::size_t& steps) {
    this->scope_.key = &in_work_.key;
    this->scope_.hash = in_work_.hash;
    ++this->scope_.call;
    if (!in_work_.is_told && !tell()) return false;
    in_work_.is_told = true;
    const auto is_over = [this](std::int64_t time) { return last_end_of(time) <= in_work_.end; };
    if (!this->left_.remove_over(steps, is_over) || !this->right_.remove_over(steps, is_over)) return false;
    const std::int64_t next = std::min(next_end(this->left_), next_end(this->right_));
    if (next == kNever)
      windows_.erase();
    else
      windows_.set(next);
    in_work_.is_on = false;
    return true;
  }
  template <class Rows>
  std::int64_t next_end(Rows& table) const {
    const auto* rows = table.find();
    return rows == nullptr ? kNever : std::max(first_end_of(rows->first_ms()), in_work_.end + slide_ms_);
  }
  /// Emits what the pairs of the window come to, from the one on that comes next. False: outputs are full.
  bool tell() {
    const auto* lefts = this->left_.find();
    const auto* rights = this->right_.find();
    const Item start{in_work_.end - size_ms_, 0};
    if (lefts == nullptr || (!kIsLeft && !has_any(rights, start))) return true;
    auto walk = lefts->from(in_work_.left ? *in_work_.left : start);
    while (const Item* left = lefts->next(walk)) {
      if (left->time_ms >= in_work_.end) break;
      bool has_partner = in_work_.right.has_value();
      if (rights != nullptr && !tell_one(*lefts, *left, *rights, start, has_partner)) return false;
      if (!kIsLeft || has_partner) continue;
      if (this->outputs_full()) {
        in_work_.left = *left;
        return false;
      }
      put(lefts->row(left->place), nullptr);
    }
    return true;
  }
  bool tell_one(const RowsOfKey<L>& lefts, const Item& left, const RowsOfKey<R>& rights, const Item& start,
                bool& has_partner) {
    auto walk = rights.from(in_work_.right ? *in_work_.right : start);
    in_work_.right.reset();
    while (const Item* right = rights.next(walk)) {
      if (right->time_ms >= in_work_.end) break;
      if (this->outputs_full()) {
        in_work_.left = left;
        in_work_.right = *right;
        return false;
      }
      put(lefts.row(left.place), &rights.row(right->place).record);
      has_partner = true;
    }
    return true;
  }
  bool has_any(const RowsOfKey<R>* rights, const Item& start) const {
    if (rights == nullptr) return false;
    auto walk = rights->from(start);
    const Item* first = rights->next(walk);
    return first != nullptr && first->time_ms < in_work_.end;
  }
  /// The time of all that comes of a window is its last moment, so that it is not late itself.
  void put(const JoinRow<L>& left, const R* right) {
    const Window window{Time(Duration(in_work_.end - size_ms_)), Time(Duration(in_work_.end))};
    Base::put(left.record, left.position, right, in_work_.end - 1, window);
  }

  const std::int64_t size_ms_, slide_ms_, offset_ms_;
  JoinWindows<K> windows_;
  InWork in_work_;
};

}  // namespace freshet::detail
