#pragma once

#include <algorithm>
#include <optional>
#include <span>

#include <freshet/timer.h>

/// Operators that decide in the order of event time, however their records come.
namespace freshet {

/// Something that has its turn under its key when no record from before it is expected any more.
template <class P>
struct Waiting {
  Time time{};
  SourcePosition position{};  ///< of its record: among equal times these decide, then arrival
  P what{};
  FRESHET_RECORD(time, position, what)
};

namespace detail {

/// Where only the time of what waits is of interest.
struct JustTime {
  FRESHET_RECORD()
};

/// What an ordered operator keeps of a key.
template <class P, class S>
struct OrderedState {
  S state{};
  Time decided = Time::min();         ///< what is earlier is late, where that is beyond the watermark
  std::vector<Waiting<P>> waiting{};  ///< in order
  FRESHET_RECORD(state, decided, waiting)
};

/// Time::max() where the sum would be beyond it.
inline Time later(Time time, Duration by) {
  std::int64_t sum = 0;
  const bool is_beyond = __builtin_add_overflow(time.time_since_epoch().count(), by.count(), &sum);
  return is_beyond ? Time::max() : Time(Duration(sum));
}

}  // namespace detail

/// Puts what comes under each key into the order of event time before anything is decided: process() says what of a
/// record has to have its turn, by await_turn(); take_turns() is called with it when the watermark has passed it. So
/// results do not depend on how records arrive, as far as none is late, and what is emitted has the time of its turn.
/// `P`: what waits of a record; `S`: what is known of a key. Both are Values. One key has one entry of state.
template <class K, class In, class R, class P, class S>
class OrderedOperator : public KeyedOperator<K, In, R> {
 public:
  /// Waiting under one key at the same time. With more, the earliest has its turn at once, though an earlier one may
  /// still come, which is late then; what it emits has the time of the record that was one too many.
  static constexpr std::size_t kMostWaiting = 10'000;

  SideOutput<In> late{this, "late"};  ///< records behind the watermark: they are not taken in
  Counter late_count{this, "late"};
  Counter hurried{this, "hurried"};  ///< turns that were taken early, see kMostWaiting

 protected:
  /// `turns`: all that waited for one time, in order; they are gone behind the call.
  virtual void take_turns(S& state, std::span<Waiting<P>> turns, Out<R>& out) = 0;
  /// What is known of a key is forgotten behind the turns of this time; Time::max(): never. Nothing: there is nothing
  /// to keep, `state` is as good as S{}.
  virtual std::optional<Time> keep_until(const S& state) const = 0;

  /// Lets the record at hand have its turn at `time`, which is its own, or later. Throws RejectRecord when it has none.
  void await_turn(const In& record, const P& what, Time time, Out<R>& out) {
    if (this->event_time() == Time::min())
      throw RejectRecord("the record has no event time: it was emitted by the clock, or at the end of the data",
                         "no event time");
    const Kept* known = kept_.find();
    if (time < this->watermark() || (known != nullptr && time < known->decided)) {
      late.emit(record);
      late_count.add();
      return;
    }
    Kept& kept = kept_.get();
    if (kept.waiting.capacity() == 0 && !spare_lists_.empty()) {
      kept.waiting = std::move(spare_lists_.back());
      spare_lists_.pop_back();
    }
    const Time due_before = next_turn(kept);
    insert(kept.waiting, what, time);
    if (kept.waiting.size() > kMostWaiting) return hurry(kept, out);
    if (time < due_before) turn_.set(0, time);
  }
  /// What is known of the key at hand; null: nothing.
  const S* known() const {
    const Kept* kept = kept_.find();
    return kept == nullptr ? nullptr : &kept->state;
  }
  /// Whether something waits for this very time under the key at hand.
  bool awaits(Time time) const {
    const Kept* kept = kept_.find();
    if (kept == nullptr) return false;
    const auto at = std::lower_bound(kept->waiting.begin(), kept->waiting.end(), time,
                                     [](const Waiting<P>& waiting, Time sought) { return waiting.time < sought; });
    return at != kept->waiting.end() && at->time == time;
  }

 private:
  using Kept = detail::OrderedState<P, S>;
  static constexpr bool kReuses = !std::is_trivially_copyable_v<P>;
  static constexpr std::size_t kMostSpare = 1024;
  static constexpr std::size_t kMostSpareList = 16;

  void insert(std::vector<Waiting<P>>& waiting, const P& what, Time time) {
    const SourcePosition position = this->record_position();
    const auto is_before = [&](Time a_time, const SourcePosition& a, const Waiting<P>& b) {
      return a_time != b.time ? a_time < b.time : a < b.position;
    };
    auto at = waiting.end();
    if (!waiting.empty() && is_before(time, position, waiting.back()))
      at = std::upper_bound(waiting.begin(), waiting.end(), time,
                            [&](Time sought, const Waiting<P>& each) { return is_before(sought, position, each); });
    if constexpr (kReuses) {
      if (!spare_.empty()) {
        spare_.back() = what;  // its strings keep their capacity
        waiting.insert(at, Waiting<P>{time, position, std::move(spare_.back())});
        spare_.pop_back();
        return;
      }
    }
    waiting.insert(at, Waiting<P>{time, position, what});
  }
  /// When there is something to do for a key.
  Time next_turn(const Kept& kept) const {
    const Time until = keep_until(kept.state).value_or(Time::max());
    return kept.waiting.empty() ? until : std::min(until, kept.waiting.front().time);
  }
  void on_turn(const std::uint8_t&, Out<R>& out) {
    Kept& kept = kept_.get();
    take_up_to(kept, this->event_time(), this->event_time(), out);
    go_on(kept);
  }
  /// A turn that threw is over, and its dead letter stands for it: what waits behind it has its own.
  void after_undone_timer() override {
    Kept& kept = kept_.get();
    auto first = kept.waiting.begin();
    while (first != kept.waiting.end() && first->time <= this->event_time()) ++first;
    kept.waiting.erase(kept.waiting.begin(), first);
    go_on(kept);
  }
  void go_on(Kept& kept) {
    if (!kept.waiting.empty() || keep_until(kept.state)) return set_next(kept);
    if (spare_lists_.size() < kMostSpare && kept.waiting.capacity() <= kMostSpareList)
      spare_lists_.push_back(std::move(kept.waiting));
    kept_.clear();
  }
  void hurry(Kept& kept, Out<R>& out) {
    const std::size_t before = kept.waiting.size();
    kept.decided = kept.waiting.front().time;
    // What is known stays until all of that time have come.
    take_up_to(kept, kept.decided, kept.decided - Duration(1), out);
    hurried.add(before - kept.waiting.size());
    set_next(kept);
  }
  void set_next(const Kept& kept) {
    // Where nothing is left to be known but what was decided too early, until the watermark has passed that.
    const bool is_over = kept.waiting.empty() && !keep_until(kept.state);
    if (const Time next = is_over ? kept.decided : next_turn(kept); next != Time::max())
      turn_.set(0, next);
    else
      turn_.cancel(0);
  }
  void take_up_to(Kept& kept, Time last, Time over, Out<R>& out) {
    auto& waiting = kept.waiting;
    auto from = waiting.begin();
    while (from != waiting.end() && from->time <= last) {
      const Time time = from->time;
      auto to = from;
      while (to != waiting.end() && to->time == time) ++to;
      take_turns(kept.state, std::span<Waiting<P>>(from, to), out);
      from = to;
    }
    if constexpr (kReuses)
      for (auto taken = waiting.begin(); taken != from && spare_.size() < kMostSpare; ++taken)
        spare_.push_back(std::move(taken->what));
    waiting.erase(waiting.begin(), from);
    if (const auto until = keep_until(kept.state); until && *until <= over) kept.state = S{};
  }

  ValueState<Kept> kept_{this, "state"};
  Timer<std::uint8_t> turn_{this, "turn", &OrderedOperator::on_turn};  // at next_turn() of the key
  // For their memory: what had its turn, and the lists of keys that are gone.
  std::vector<P> spare_;
  std::vector<std::vector<Waiting<P>>> spare_lists_;
};

}  // namespace freshet
