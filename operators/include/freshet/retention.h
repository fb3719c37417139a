#pragma once

#include <freshet/ordered_operator.h>
#include <freshet/window_spec.h>

/// Retention: who comes back how long after the first time.
namespace freshet {

/// A key came in a period. Adding up `users` by cohort and period gives the retention table.
struct Retained {
  Time cohort{};             ///< beginning of the first period that the key came in
  std::uint64_t period = 0;  ///< so many periods later: 0 is the first time
  std::uint64_t users = 1;
  bool operator==(const Retained&) const = default;
  FRESHET_RECORD(cohort, period, users)
};

struct RetentionOptions {
  Duration offset{0};  ///< 8h: days that begin at midnight in China
  /// A key that does not come for so long behind the end of the last period it came in is forgotten; it begins a new
  /// cohort when it comes again. Event time, rounded up to whole periods.
  Duration ttl = Duration::max();
};

/// The periods that a key came in; by the times at which they begin.
struct Cohort {
  bool is_known = false;
  Time first{}, last{};
  FRESHET_RECORD(is_known, first, last)
};

/// The operator behind `stream.retention(…)`. Periods are as long as `period`, and begin at multiples of it since the
/// epoch, UTC, plus the offset. Of each period that a key came in, one record goes out, when the period is over, as
/// with a tumbling window; so a key's periods go out in order, and the first of them is its cohort. What comes for a
/// period that is over is late, except in the last one that was counted for the key. Keeps an entry of each key, until
/// `ttl`.
template <class K, class T>
class Retention final : public OrderedOperator<K, T, Retained, detail::JustTime, Cohort> {
 public:
  explicit Retention(Duration period, RetentionOptions options = {})
      : period_(period), offset_(options.offset), ttl_(whole_periods(options.ttl)) {}

  void process(const T& record, Out<Retained>& out) override {
    Time last = Time::min();
    if (this->event_time() != Time::min()) {  // else it is refused
      const Time start = start_of(this->event_time());
      if (const Cohort* cohort = this->known(); cohort != nullptr && cohort->is_known && cohort->last == start) return;
      last = start + period_ - Duration(1);
      if (this->awaits(last)) return;
    }
    this->await_turn(record, {}, last, out);
  }

 private:
  Duration whole_periods(Duration time) const {
    if (time > detail::kLongestWindow) return Duration::max();
    return (time + period_ - Duration(1)) / period_ * period_;
  }
  Time start_of(Time time) const {
    return Time(Duration(detail::aligned(time.time_since_epoch().count(), period_.count(), offset_.count())));
  }
  void take_turns(Cohort& cohort, std::span<Waiting<detail::JustTime>> turns, Out<Retained>& out) override {
    const Time start = start_of(turns.front().time);
    if (cohort.is_known && start <= cohort.last) return;
    if (!cohort.is_known) cohort = {true, start, start};
    cohort.last = start;
    out.emit({cohort.first, static_cast<std::uint64_t>((start - cohort.first) / period_), 1});
  }
  std::optional<Time> keep_until(const Cohort& cohort) const override {
    return cohort.is_known ? std::optional(detail::later(cohort.last + period_, ttl_)) : std::nullopt;
  }

  const Duration period_;
  const Duration offset_;
  const Duration ttl_;
};

}  // namespace freshet
