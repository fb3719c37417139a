#pragma once

#include <functional>

#include <freshet/last_times.h>
#include <freshet/ordered_operator.h>

/// How often something comes within a time: letting so many pass, or telling when it is that often.
namespace freshet {

/// The operator behind `stream.frequency_cap(…)`: in the order of event time, a record of a key passes unless `most` of
/// that key have passed within the time `per` before it; one exactly `per` before does not count any more. So within
/// any stretch [t, t + per) `most` pass at most. The others go to `capped`. Both come out when the watermark has passed
/// them. Keeps of each key the records that wait and the times of the last `most` that passed, until `per` behind them.
template <class K, class T>
class FrequencyCap final : public OrderedOperator<K, T, T, T, detail::LastTimes> {
 public:
  FrequencyCap(std::size_t most, Duration per) : most_(most), per_(per) {}
  void process(const T& record, Out<T>& out) override { this->await_turn(record, record, this->event_time(), out); }

  SideOutput<T> capped{this, "capped"};

 private:
  void take_turns(detail::LastTimes& passed, std::span<Waiting<T>> turns, Out<T>& out) override {
    passed.keep(most_);
    for (const auto& turn : turns) {
      if (passed.times.size() == most_ && turn.time < detail::later(passed.oldest(), per_)) {
        capped.emit(turn.what);
        continue;
      }
      passed.push(turn.time, most_);
      out.emit(turn.what);
    }
  }
  std::optional<Time> keep_until(const detail::LastTimes& passed) const override {
    return passed.empty() ? std::nullopt : std::optional(detail::later(passed.newest(), per_));
  }

  const std::size_t most_;
  const Duration per_;
};

/// Something came `count` times within a time.
struct Repeated {
  Time first{}, last{};
  std::uint64_t count = 0;
  bool operator==(const Repeated&) const = default;
  FRESHET_RECORD(first, last, count)
};

/// The operator behind `stream.repeated(…)`: in the order of event time, tells when `count` records of a key for which
/// the predicate holds came within the time `within`, from the first to the last of them, inclusive; then it starts
/// anew with the next, so that no record counts for two alerts. Keeps of each key the times of those that wait, and of
/// the last `count` - 1, until `within` behind them.
template <class K, class T>
class Repeats final : public OrderedOperator<K, T, Repeated, detail::JustTime, detail::LastTimes> {
 public:
  /// No predicate: all records count.
  Repeats(std::size_t count, Duration within, std::function<bool(const T&)> predicate)
      : before_(count - 1), within_(within), predicate_(std::move(predicate)) {}
  void process(const T& record, Out<Repeated>& out) override {
    if (!predicate_ || predicate_(record)) this->await_turn(record, {}, this->event_time(), out);
  }

 private:
  void take_turns(detail::LastTimes& seen, std::span<Waiting<detail::JustTime>> turns, Out<Repeated>& out) override {
    seen.keep(before_);
    for (const auto& turn : turns) {
      const bool is_full = seen.times.size() == before_;
      if (is_full && (before_ == 0 || turn.time <= detail::later(seen.oldest(), within_))) {
        out.emit({before_ == 0 ? turn.time : seen.oldest(), turn.time, before_ + 1});
        seen.clear();
      } else {
        seen.push(turn.time, before_);
      }
    }
  }
  std::optional<Time> keep_until(const detail::LastTimes& seen) const override {
    return seen.empty() ? std::nullopt : std::optional(detail::later(seen.newest(), within_));
  }

  const std::size_t before_;  // of the records that make an alert, how many come before the last
  const Duration within_;
  const std::function<bool(const T&)> predicate_;
};

}  // namespace freshet
