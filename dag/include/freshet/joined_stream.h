#pragma once

#include <freshet/join_stage.h>
#include <freshet/window_join_stage.h>
#include <freshet/windowed_stream.h>

/// Two keyed streams become one: what comes out of joins, and how they are put into the graph.
namespace freshet {

/// What a join put together, under the key of both streams.
template <class K, class O, class L, class R>
class JoinedStream : public KeyedSteps<JoinedStream<K, O, L, R>, K, O> {
 public:
  using KeyedSteps<JoinedStream<K, O, L, R>, K, O>::KeyedSteps;
  /// The records of the left stream, and of the right one, that came when partners may have been gone. Counted as
  /// `late`.
  Stream<L> late_left() const {
    return Stream<L>(this->job(), {{this->named_index(), 1, {.code = detail::plain_edge<L>()}}});
  }
  Stream<R> late_right() const {
    return Stream<R>(this->job(), {{this->named_index(), 2, {.code = detail::plain_edge<R>()}}});
  }
};

namespace detail {

template <class Self, class K, class T>
T record_of(const KeyedSteps<Self, K, T>&);
template <class Right>
concept KeyedRight = requires(const Right& right) {
  record_of(right);
};

/// Whether F is the function of a join of these: the left record; the right one, by pointer where it may be missing;
/// and what else it may ask for.
template <bool kIsLeft, class F, class L, class R, class... W>
concept JoinsPair = (kIsLeft && (std::is_invocable_v<F&, const L&, const R*> ||
                                 std::is_invocable_v<F&, const L&, const R*, const W&...>)) ||
                    (!kIsLeft && (std::is_invocable_v<F&, const L&, const R&> ||
                                  std::is_invocable_v<F&, const L&, const R&, const W&...>));

/// What it gives.
template <bool kIsLeft, bool kByWindow, class F, class L, class R>
decltype(auto) result_of_join(F& function, const L& left, const R* right, const Window& window) {
  if constexpr (kByWindow)
    return call_join<kIsLeft>(function, left, right, window);
  else
    return call_join<kIsLeft>(function, left, right);
}

/// Says what is wrong with them; answers bounds that can be worked with.
inline TimeBounds check_bounds(Job& job, std::string_view id, const TimeBounds& bounds) {
  if (bounds.lower > bounds.upper)
    job.add_problem({"operator " + std::string(id),
                     "joins what lies between " + format_duration(bounds.lower) + " and " +
                         format_duration(bounds.upper) + ", which nothing does",
                     "say the lesser bound first: between(-3s, 5s)"});
  if (bounds.lower < -kLongestWindow || bounds.upper > kLongestWindow)
    job.add_problem({"operator " + std::string(id), "bounds of more than a thousand years", "let them be closer"});
  return {std::clamp(bounds.lower, -kLongestWindow, kLongestWindow),
          std::clamp(bounds.upper, -kLongestWindow, kLongestWindow)};
}

inline void check_join_windows(Job& job, std::string_view id, const WindowSpec& spec) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    job.add_problem({"operator " + std::string(id), what, remedy});
  };
  if (spec.kind != WindowKind::tumbling && spec.kind != WindowKind::sliding)
    return refuse("joins " + in_words(spec), "join tumbling(…) or sliding(…) windows, or use interval_join");
  if (spec.size <= Duration(0) || spec.slide <= Duration(0))
    return refuse("a window of no length", "give it a length above zero");
  if (spec.slide > spec.size)
    refuse("windows slide by more than their size, so that some records are in none", "slide by the size or less");
  if (std::max(spec.size, spec.offset) > kLongestWindow || spec.offset < -kLongestWindow)
    refuse("windows longer than a thousand years", "let them be shorter");
}

/// Adds the operator of a join; `Stage` makes its stages from `pairs`, TimeBounds or a WindowSpec.
template <class Stage, class K, class O, class L, class R, class Left, class Right, class Pairs, class F>
JoinedStream<K, O, L, R> add_join(std::string_view id, const Left& left, const Right& right, const Pairs& pairs,
                                  F function) {
  Job& job = left.job();
  OperatorNode step;
  step.id = id;
  step.description = Stage::kind_of(pairs);
  step.inputs = 2;
  step.input_records = {schema_of<L>(), schema_of<R>()};
  step.keyed = true;
  step.outputs = {
      {"out", schema_of<O>()}, {"late_left", schema_of<L>()}, {"late_right", schema_of<R>()}, dead_letter_output()};
  Stage prototype(pairs, function);
  for (const auto& [name, table] : prototype.states()) step.states.push_back(table->declaration());
  step.counters = {"late", "late_after_retry"};
  if constexpr (std::is_same_v<Pairs, WindowSpec>) step.emission = "when the window is over";
  auto from = left.from();
  for (auto upstream : right.from()) {
    upstream.input = 1;
    from.push_back(std::move(upstream));
  }
  const auto added = job.add_operator(std::move(step),
                                      {.make = [pairs, function](const auto&) -> std::unique_ptr<freshet::Stage> {
                                         return std::make_unique<Stage>(pairs, function);
                                       },
                                       .needs_event_time = true,
                                       .takes_late = Duration(0)},
                                      from);
  return JoinedStream<K, O, L, R>::carried(job, added, left.key_fields());
}

/// Says what is wrong with the streams or the function of a join, else adds it.
template <bool kIsLeft, class K, class L, class Left, class Right, class Pairs, class F>
auto joined(std::string_view id, const Left& left, const Right& right, const Pairs& pairs, F function) {
  static_assert(KeyedRight<Right>, "the other stream of a join has no key: put .key_by(…) behind it");
  if constexpr (KeyedRight<Right>) {
    using R = decltype(record_of(right));
    constexpr bool kByWindow = std::is_same_v<Pairs, WindowSpec>;
    constexpr bool kSameKey = std::is_same_v<typename Right::Key, K>;
    constexpr bool kJoins = kByWindow ? JoinsPair<kIsLeft, F, L, R, Window> : JoinsPair<kIsLeft, F, L, R>;
    static_assert(kSameKey, "both streams of a join have a key of the same type");
    static_assert(kJoins || kIsLeft, "a join takes [](const Left& left, const Right& right) { return Result{…}; }");
    static_assert(kJoins || !kIsLeft,
                  "a left join takes [](const Left& left, const Right* right) { return Result{…}; }; null: no partner");
    if constexpr (kSameKey && kJoins) {
      using O = std::remove_cvref_t<decltype(result_of_join<kIsLeft, kByWindow>(function, std::declval<const L&>(),
                                                                                std::declval<const R*>(), Window{}))>;
      static_assert(Record<O>, "a join gives a record: a struct with FRESHET_RECORD(…)");
      if constexpr (Record<O>) {
        using Stage = std::conditional_t<kByWindow, WindowJoinStage<K, L, R, O, F, kIsLeft>,
                                         IntervalJoinStage<K, L, R, O, F, kIsLeft>>;
        return add_join<Stage, K, O, L, R>(id, left, right, pairs, std::move(function));
      }
    }
  }
}

}  // namespace detail

template <class Self, class K, class T>
template <class Right, class F>
auto KeyedSteps<Self, K, T>::interval_join(std::string_view id, const Right& right, const TimeBounds& bounds,
                                           F function) const {
  return detail::joined<false, K, T>(id, *this, right, detail::check_bounds(this->job(), id, bounds),
                                     std::move(function));
}
template <class Self, class K, class T>
template <class Right, class F>
auto KeyedSteps<Self, K, T>::interval_left_join(std::string_view id, const Right& right, const TimeBounds& bounds,
                                                F function) const {
  return detail::joined<true, K, T>(id, *this, right, detail::check_bounds(this->job(), id, bounds),
                                    std::move(function));
}
template <class Self, class K, class T>
template <class Right, class F>
auto KeyedSteps<Self, K, T>::window_join(std::string_view id, const Right& right, const WindowSpec& windows,
                                         F function) const {
  detail::check_join_windows(this->job(), id, windows);
  return detail::joined<false, K, T>(id, *this, right, windows, std::move(function));
}
template <class Self, class K, class T>
template <class Right, class F>
auto KeyedSteps<Self, K, T>::window_left_join(std::string_view id, const Right& right, const WindowSpec& windows,
                                              F function) const {
  detail::check_join_windows(this->job(), id, windows);
  return detail::joined<true, K, T>(id, *this, right, windows, std::move(function));
}

}  // namespace freshet
