#pragma once

#include <freshet/keyed_stream.h>

/// What comes out of steps that go by the order of event time.
namespace freshet {

/// Results under the key of the stream that they tell of; `T`: the records of that.
template <class Self, class K, class R, class T>
class OrderedSteps : public KeyedSteps<Self, K, R> {
 public:
  using KeyedSteps<Self, K, R>::KeyedSteps;
  /// The records that came behind the watermark, and were not taken in. Counted as `late`.
  Stream<T> late() const { return side(1); }
  Self queryable() const {
    this->named().queryable = true;
    for (auto& state : this->named().states)
      if (state.kind != "timer") state.queryable = true;
    return this->self();
  }

 protected:
  Stream<T> side(std::uint32_t output) const {
    return Stream<T>(this->job(), {{this->named_index(), output, {.code = detail::plain_edge<T>()}}});
  }
};

template <class K, class R, class T>
class OrderedResults : public OrderedSteps<OrderedResults<K, R, T>, K, R, T> {
 public:
  using OrderedSteps<OrderedResults<K, R, T>, K, R, T>::OrderedSteps;
};

/// The records that a cap let pass.
template <class K, class T>
class CappedStream : public OrderedSteps<CappedStream<K, T>, K, T, T> {
 public:
  using OrderedSteps<CappedStream<K, T>, K, T, T>::OrderedSteps;
  /// Those that it did not.
  Stream<T> capped() const { return this->side(2); }
};

template <class Self, class K, class T>
template <class Op, class Results, class... Args>
Results KeyedSteps<Self, K, T>::ordered(std::string_view id, std::string description, Args... args) const {
  const std::uint32_t step = this->template add_operator_class<Op>(id, std::move(args)...).first;
  auto& node = this->job().graph().operators[step];
  node.description = std::move(description);
  node.emission = "when nothing earlier is expected";
  return Results::carried(this->job(), step, key_fields_);
}

template <class Self, class K, class T>
template <class... P>
OrderedResults<K, FunnelStep, T> KeyedSteps<Self, K, T>::funnel(std::string_view id, FunnelOptions options,
                                                                NamedStep<P>... steps) const {
  using Op = Funnel<K, T>;
  static_assert(sizeof...(P) >= 2,
                "a funnel has two steps or more: step(\"view\", is_view), step(\"order\", is_order)");
  static_assert(sizeof...(P) <= Op::kMostSteps, "a funnel has 32 steps at most");
  static_assert((std::predicate<P, const T&> && ...),
                "a step takes [](const Record& record) -> bool, of the stream's record");
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    this->job().add_problem({"operator " + std::string(id), what, remedy});
  };
  std::vector<typename Op::Step> all;
  (all.push_back({std::move(steps.name), std::move(steps.predicate)}), ...);
  std::string words;
  for (auto each = all.begin(); each != all.end(); ++each) {
    if (each->name.empty()) refuse("a step has no name", "step(\"view\", is_view)");
    if (std::any_of(all.begin(), each, [&](const auto& other) { return other.name == each->name; }))
      refuse("two steps are called " + each->name, "give each a name of its own");
    words += (words.empty() ? "funnel " : " > ") + each->name;
  }
  if (options.within <= Duration(0)) refuse("a funnel of no time", "let it be above 0");
  if (options.ttl <= Duration(0)) refuse("a funnel whose ttl is no time", "let it be above 0");
  if (options.within != Duration::max()) words += ", within " + format_duration(options.within);
  if (options.ttl != Duration::max()) words += ", ttl " + format_duration(options.ttl);
  return this->template ordered<Op, OrderedResults<K, FunnelStep, T>>(id, std::move(words), options, std::move(all));
}

template <class Self, class K, class T>
CappedStream<K, T> KeyedSteps<Self, K, T>::frequency_cap(std::string_view id, std::int64_t most, Duration per) const {
  if (most < 1 || most > kMaxTimes)
    this->job().add_problem({"operator " + std::string(id), "lets " + std::to_string(most) + " records pass",
                             "let 1 to " + std::to_string(kMaxTimes) + " pass"});
  if (per <= Duration(0))
    this->job().add_problem({"operator " + std::string(id), "a cap of no time", "let it be above 0"});
  return ordered<FrequencyCap<K, T>, CappedStream<K, T>>(
      id, "cap of " + std::to_string(most) + " per " + format_duration(per),
      static_cast<std::size_t>(std::max<std::int64_t>(most, 1)), per);
}

template <class Self, class K, class T>
OrderedResults<K, Repeated, T> KeyedSteps<Self, K, T>::repeated(std::string_view id, std::int64_t count,
                                                                Duration within,
                                                                std::function<bool(const T&)> predicate) const {
  if (count < 1 || count > kMaxTimes)
    this->job().add_problem({"operator " + std::string(id), "waits for " + std::to_string(count) + " records",
                             "let it be 1 to " + std::to_string(kMaxTimes)});
  if (within < Duration(0))
    this->job().add_problem({"operator " + std::string(id), "a negative time", "let it be 0 or above"});
  std::string words = "repeated " + std::to_string(count) + " times";
  if (within != Duration::max()) words += " within " + format_duration(within);
  return ordered<Repeats<K, T>, OrderedResults<K, Repeated, T>>(
      id, std::move(words), static_cast<std::size_t>(std::max<std::int64_t>(count, 1)), within, std::move(predicate));
}

template <class Self, class K, class T>
OrderedResults<K, Retained, T> KeyedSteps<Self, K, T>::retention(std::string_view id, Duration period,
                                                                 RetentionOptions options) const {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    this->job().add_problem({"operator " + std::string(id), what, remedy});
  };
  if (period <= Duration(0)) refuse("periods of no length", "let them be above 0");
  if (std::max(period, options.offset) > detail::kLongestWindow || options.offset < -detail::kLongestWindow)
    refuse("periods longer than a thousand years", "let them be shorter");
  if (options.ttl < Duration(0)) refuse("a negative ttl", "let it be 0 or above");
  std::string words = "retention by " + format_duration(period);
  if (options.offset != Duration(0)) words += ", offset " + format_duration(options.offset);
  if (options.ttl != Duration::max()) words += ", ttl " + format_duration(options.ttl);
  return ordered<Retention<K, T>, OrderedResults<K, Retained, T>>(
      id, std::move(words), std::clamp(period, Duration(1), detail::kLongestWindow), options);
}

}  // namespace freshet
