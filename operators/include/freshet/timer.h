#pragma once

#include <freshet/operator.h>
#include <freshet/text.h>
#include <freshet/timer_table.h>

/// Timers of keyed operators.
namespace freshet {

/// The clock a timer runs by.
enum class Clock : std::uint8_t {
  event,       ///< the watermark: fires when no record up to and including its time is expected any more
  processing,  ///< the wall clock of the machine; what is not due when a stream ends does not fire
};

/// Timers of one handle as the engine sees them.
class TimerBase {
 public:
  virtual ~TimerBase() = default;
  Clock clock() const { return clock_; }
  /// None of its timers is earlier; the greatest number when there is none.
  virtual std::int64_t next_ms() const = 0;
  /// Takes the earliest out, if its time is `limit_ms` or before, and puts the operator under its key. False: none is.
  virtual bool take_due(std::int64_t limit_ms) = 0;
  virtual std::int64_t fired_ms() const = 0;
  /// Calls the operator with what was taken out; `out` is its Out<R>.
  virtual void call(void* out) = 0;
  /// What was taken out, as JSON, for people.
  virtual void describe(std::string& json) const = 0;

 protected:
  explicit TimerBase(Clock clock) : clock_(clock) {}

 private:
  Clock clock_;
};

namespace detail {

/// Joins a timer table to the operator that it belongs to.
template <class Op, class R, class P>
class TimerOf final : public TimerBase, public TimerTable<typename Op::Key, P> {
  using Timers = TimerTable<typename Op::Key, P>;

 public:
  using Callback = void (Op::*)(const P&, Out<R>&);
  TimerOf(Op* op, std::string name, Callback callback, Clock clock)
      : TimerBase(clock), Timers(std::move(name), &op->key_scope), op_(op), callback_(callback) {}

  std::int64_t next_ms() const override { return Timers::next_ms(); }
  std::int64_t fired_ms() const override { return Timers::fired_ms(); }
  bool take_due(std::int64_t limit_ms) override {
    auto& scope = op_->key_scope;
    if (scope.undo) scope.commit();
    if (!Timers::take_due(limit_ms)) return false;
    scope.key = &this->fired().first;
    scope.hash = key_hash(*scope.key);
    ++scope.call;
    return true;
  }
  void call(void* out) override { (op_->*callback_)(this->fired().second, *static_cast<Out<R>*>(out)); }
  void describe(std::string& json) const override {
    json += R"({"timer":)";
    append_json(json, this->name());
    json += R"(,"key":)";
    append_json(json, this->fired().first);
    json += R"(,"payload":)";
    append_json(json, this->fired().second);
    json += R"(,"time":)";
    append_json(json, Time(Duration(fired_ms())));
    json += '}';
  }

 private:
  Op* op_;
  Callback callback_;
};

}  // namespace detail

/// Timers per key, each named by a payload. When its time has come, the operator's `callback` is called with the
/// payload, under the timer's key; what it emits has the timer's time as event time. They fire in the order of their
/// times; those of one time in no order. Survive crashes, and fire once. A time that has passed fires soon, behind the
/// batch; Time::max() never. At the end of a stream all timers of the event clock fire, those that callbacks set then,
/// too: one that sets itself anew for ever asks `if (watermark() == Time::max()) return;` first.
template <class Payload>
class Timer {
 public:
  static_assert(KeyValue<Payload>, "a timer's payload is made of integers, strings, enums and times");
  template <class Op, class R>
  Timer(Op* op, std::string_view name, void (Op::*callback)(const Payload&, Out<R>&), Clock clock = Clock::event) {
    static_assert(
        requires { typename Op::Key; }, "timers work under a key: derive the operator from KeyedOperator");
    static_assert(std::is_same_v<R, typename Op::Output>, "the callback emits what the operator emits: Out<Result>&");
    auto timers = std::make_unique<detail::TimerOf<Op, R, Payload>>(op, std::string(name), callback, clock);
    op->OperatorBase::states.emplace_back(name, timers.get());
    op->OperatorBase::timers.push_back(timers.get());
    timers_ = std::move(timers);
  }
  /// One per key and payload: setting it again moves it.
  void set(const Payload& payload, Time time) { timers_->set(payload, time); }
  /// False: there was none.
  bool cancel(const Payload& payload) { return timers_->cancel(payload); }
  /// When it is due; nothing when it is not set.
  std::optional<Time> find(const Payload& payload) const { return timers_->find(payload); }

 private:
  std::unique_ptr<detail::TimerAccess<Payload>> timers_;
};

}  // namespace freshet
