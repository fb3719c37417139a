#pragma once

#include <freshet/frequency.h>
#include <freshet/funnel.h>
#include <freshet/join_spec.h>
#include <freshet/retention.h>
#include <freshet/stream_steps.h>

/// Streams under a key, and the steps that only they have.
namespace freshet {

namespace detail {

/// The sum; of whole numbers modulo their range, in which no order of adding up makes a difference.
template <class M>
M added(M a, M b) {
  if constexpr (std::is_integral_v<M>)
    return static_cast<M>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else
    return a + b;
}

}  // namespace detail

template <class K, class T>
class WindowedStream;
template <class K, class R, class T>
class OrderedResults;
template <class K, class T>
class CappedStream;

/// A stream whose records carry a key. Everything up to the next key_by runs under it: same task, in order, no shuffle.
template <class Self, class K, class T>
class KeyedSteps : public StreamSteps<Self, K, T> {
 public:
  using Key = K;
  KeyedSteps(Job& job, std::vector<detail::Upstream> from, std::vector<std::string> key_fields)
      : StreamSteps<Self, K, T>(job, std::move(from)), key_fields_(std::move(key_fields)) {}
  const std::vector<std::string>& key_fields() const { return key_fields_; }

  static Self carried(Job& job, std::uint32_t step, std::vector<std::string> key_fields) {
    const detail::Link link{.grouping = Grouping::forward,
                            .carries_key = true,
                            .key_fields = key_fields,
                            .code = {detail::make_edge<K, T>(detail::CarriedKey{}, detail::SameIndex{}), nullptr}};
    return Self(job, {{step, 0, link}}, std::move(key_fields));
  }

  /// One state per key, changed by each record: [](State& state, const Record& record). The state is what goes out.
  template <class F>
  auto fold(std::string_view id, F function, TtlOptions ttl = {}) const {
    using S = std::remove_cvref_t<detail::Argument<F, 0>>;
    static_assert(std::is_invocable_v<F, S&, const T&>, "fold takes [](State& state, const Record& record) { … }");
    static_assert(Record<S>, "the state of fold is the record that goes out: a struct with FRESHET_RECORD(…)");
    if constexpr (Record<S>) return folded<S>(id, "fold", function, ttl);
  }
  /// Per key, all records become one: [](Record& total, const Record& next), called with each but the first. The result
  /// must not depend on which of them became one before: (a, b), then c, or a, then (b, c). Where the function is
  /// noexcept, the key is of fields, there is no TTL and results go out by time, records are combined before they are
  /// sent.
  template <class F>
  auto reduce(std::string_view id, F function, TtlOptions ttl = {}) const {
    static_assert(std::is_invocable_v<F, T&, const T&>, "reduce takes [](Record& total, const Record& next) { … }");
    const auto take = [function](T& total, const T& record, bool is_first) {
      if (is_first)
        total = record;
      else
        function(total, record);
    };
    const auto reduced = folded<T>(id, "reduce", take, ttl);
    if constexpr (std::is_nothrow_invocable_v<F, T&, const T&>) {
      if (ttl.ttl == Duration::max()) combine_before(reduced, function);
    }
    return reduced;
  }
  /// Per key, the last record with `field` replaced by the sum over all.
  template <class M>
  auto sum(std::string_view id, M T::*field) const {
    static_assert(detail::IsNumber<M>, "sum adds up a number");
    const auto add = [field](T& total, const T& record) {
      const M before = total.*field;
      total = record;
      total.*field = detail::added(before, record.*field);
    };
    T initial{};
    initial.*field = M{};  // the field's own default may be another: `count = 1`
    const auto summed = folded<T>(id, "sum(" + field_name(field) + ")", add, {}, initial);
    // A key that holds the field would be another one when two records have become one, and the order in which
    // fractions are added up shows.
    if (std::is_integral_v<M> &&
        std::find(key_fields_.begin(), key_fields_.end(), field_name(field)) == key_fields_.end())
      combine_before(summed, add);
    return summed;
  }
  /// One state per key and free emission: [](State& state, const Record& record, Out<Result>& out).
  template <class F>
  auto process(std::string_view id, F function) const {
    using S = std::remove_cvref_t<detail::Argument<F, 0>>;
    using R = detail::OutRecord<detail::Argument<F, 2>>;
    static_assert(std::is_invocable_v<F, S&, const T&, Out<R>&>,
                  "process takes [](State& state, const Record& record, Out<Result>& out) { … }");
    static_assert(Value<S>, "a state is a Value: a number, a string, or a struct with FRESHET_RECORD(…)");
    OperatorNode step = this->node(id, OperatorKind::transform, "process");
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<R>()});
    step.states = {{"state", "value", schema_of<K>(), {}, schema_of<S>()}};
    const auto added = this->add(std::move(step), [function](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::ProcessStage<K, T, S, R, F>>(function, StateOptions{});
    });
    return FoldedStream<K, R>::carried(this->job(), added, key_fields_);
  }
  template <class Op, class... Args>
  auto process(std::string_view id, Args... args) const {
    static_assert(std::is_same_v<typename Op::Input, T>, "the operator's input is another record type");
    if constexpr (requires { typename Op::Key; })
      static_assert(std::is_same_v<typename Op::Key, K>, "the operator's key is not the stream's key");
    const auto [step, prototype] = this->template add_operator_class<Op>(id, args...);
    return ProcessStream<Op, KeyedStream<K, typename Op::Output>>(this->template stream_of<typename Op::Output>(step),
                                                                  prototype);
  }
  /// Puts the records of each key into windows; aggregate() or top() then says what becomes of them.
  WindowedStream<K, T> window(const WindowSpec& spec) const;

  // Joins: this is the left stream, the other the right one, under a key of the same type; both have event time. The
  // results are under the key, see JoinedStream for what came too late. A pair on which the function throws is set
  // aside, or fails the job, as a record would; no other pair misses anything.

  /// Pairs of records of a key whose times are so close to each other, put together by
  /// [](const Left& left, const Right& right) { return Result{…}; } when the later one comes, whose event time the
  /// result has. A record is kept until no partner can come any more, and is late when it is older than the watermark:
  /// it comes out with all its partners or not at all.
  template <class Right, class F>
  auto interval_join(std::string_view id, const Right& right, const TimeBounds& bounds, F function) const;
  /// The same with [](const Left& left, const Right* right). A left record without any partner goes out once, with
  /// null, when the watermark says that none can come any more; its event time is then left.time + upper, at least its
  /// own.
  template <class Right, class F>
  auto interval_left_join(std::string_view id, const Right& right, const TimeBounds& bounds, F function) const;
  /// Pairs of records of a key that are in the same window, tumbling or sliding, when it is over; in each of them where
  /// windows overlap. [](const Left& left, const Right& right), or with a third parameter, const Window& window. The
  /// event time is the last of the window. A record is late when all its windows are over.
  template <class Right, class F>
  auto window_join(std::string_view id, const Right& right, const WindowSpec& windows, F function) const;
  /// The same with [](const Left& left, const Right* right): null in each window in which the left record has no
  /// partner.
  template <class Right, class F>
  auto window_left_join(std::string_view id, const Right& right, const WindowSpec& windows, F function) const;
  /// Lets the first record of each id pass, per key.
  template <class M>
  KeyedStream<K, T> dedupe(std::string_view id, M T::*field, TtlOptions ttl = {}) const {
    static_assert(KeyValue<M>, "an id is made of integers, strings, enums and times");
    OperatorNode step = this->node(id, OperatorKind::transform, "dedupe(" + field_name(field) + ")");
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<T>()});
    step.states = {{"seen", "set", schema_of<K>(), schema_of<M>(), schema_of<std::int64_t>(), ttl.ttl}};
    const auto added = this->add(std::move(step), [field, ttl](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::DedupeStage<K, T, M>>(field, StateOptions{.ttl = ttl.ttl});
    });
    return KeyedStream<K, T>::carried(this->job(), added, key_fields_);
  }
  /// Keeps the newest `count` records of each key, by event time, then arrival; goes out newest first.
  FoldedStream<K, T> recent(std::string_view id, std::int64_t count, TtlOptions ttl = {}) const {
    OperatorNode step = this->node(id, OperatorKind::transform, "recent " + std::to_string(count));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<T>()});
    step.states = {
        {"records", "map", schema_of<K>(), schema_of<std::uint32_t>(), schema_of<detail::Kept<T>>(), ttl.ttl}};
    step.emission = "at end";
    if (count < 1 || count > kMaxRecent)
      this->job().add_problem({"operator " + std::string(id), "keeps " + std::to_string(count) + " records per key",
                               "keep 1 to " + std::to_string(kMaxRecent)});
    const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
    const auto added = this->add(std::move(step), [kept, ttl](const auto& code) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::RecentStage<K, T>>(kept, code.emission, StateOptions{.ttl = ttl.ttl});
    });
    this->job().implementation(added).emission = at_end();
    return FoldedStream<K, T>::carried(this->job(), added, key_fields_);
  }

  // By event time, in its order, however records come; see the class that is named.

  /// How far each key comes: funnel("funnel", 24h, step("view", is_view), step("order", is_order)). One FunnelStep for
  /// each step that is reached, see Funnel. Duration::max(): no limit of time.
  template <class... P>
  OrderedResults<K, FunnelStep, T> funnel(std::string_view id, Duration within, NamedStep<P>... steps) const {
    return funnel(id, FunnelOptions{.within = within}, std::move(steps)...);
  }
  template <class... P>
  OrderedResults<K, FunnelStep, T> funnel(std::string_view id, FunnelOptions options, NamedStep<P>... steps) const;
  /// Lets `most` records of each key pass within any stretch of event time as long as `per`; the others are capped().
  /// See FrequencyCap.
  CappedStream<K, T> frequency_cap(std::string_view id, std::int64_t most, Duration per) const;
  /// One Repeated when `count` records of a key came within the time `within`; only those for which the predicate, if
  /// there is one, holds. See Repeats.
  OrderedResults<K, Repeated, T> repeated(std::string_view id, std::int64_t count, Duration within,
                                          std::function<bool(const T&)> predicate = {}) const;
  /// One Retained for each period that a key came in, by the period it came in first. See Retention.
  OrderedResults<K, Retained, T> retention(std::string_view id, Duration period = days(1),
                                           RetentionOptions options = {}) const;

 private:
  static constexpr std::int64_t kMaxRecent = 100'000;
  /// Records of one key within the time of a cap or an alert.
  static constexpr std::int64_t kMaxTimes = 10'000;
  template <class Op, class Results, class... Args>
  Results ordered(std::string_view id, std::string description, Args... args) const;
  template <class F>
  void combine_before(const FoldedStream<K, T>& step, F function) const {
    this->job().implementation(step.named_index()).combiner = std::make_shared<detail::CombinerOf<T>>(function);
  }
  template <class S, class F>
  FoldedStream<K, S> folded(std::string_view id, std::string description, F function, TtlOptions ttl,
                            std::optional<S> initial = {}) const {
    OperatorNode step = this->node(id, OperatorKind::transform, std::move(description));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<S>()});
    step.states = {{"state", "value", schema_of<K>(), {}, schema_of<S>(), ttl.ttl}};
    step.emission = "each change";
    const auto added = this->add(std::move(step), [function, ttl, initial](const auto& code) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::FoldStage<K, T, S, F>>(function, code.emission, StateOptions{.ttl = ttl.ttl},
                                                             initial);
    });
    return FoldedStream<K, S>::carried(this->job(), added, key_fields_);
  }
  std::vector<std::string> key_fields_;
};

template <class K, class T>
class KeyedStream : public KeyedSteps<KeyedStream<K, T>, K, T> {
 public:
  using KeyedSteps<KeyedStream<K, T>, K, T>::KeyedSteps;
};

/// What comes out of a step with state: it says when a changed value goes out, and can be declared queryable.
template <class K, class T>
class FoldedStream : public KeyedSteps<FoldedStream<K, T>, K, T> {
 public:
  using KeyedSteps<FoldedStream<K, T>, K, T>::KeyedSteps;
  FoldedStream emit(Emission when) const {
    this->job().implementation(this->named_index()).emission = when;
    this->named().emission = when.kind == EmissionKind::every    ? "every " + format_duration(when.interval)
                             : when.kind == EmissionKind::at_end ? "at end"
                                                                 : "each change";
    return *this;
  }
  FoldedStream queryable() const {
    this->named().queryable = true;
    for (auto& state : this->named().states) state.queryable = true;
    return *this;
  }
};

}  // namespace freshet
