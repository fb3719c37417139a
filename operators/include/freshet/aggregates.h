#pragma once

#include <algorithm>
#include <bit>

#include <freshet/batch.h>
#include <freshet/record_form.h>

/// Aggregates: what the records of a window come to. Each fills one field of the window's result, which it names:
/// `count().as(&Session::events)`. An aggregate keeps a State for each window, a Value that is saved with it; several
/// states of one window can be merged into one.
namespace freshet {

namespace detail {

/// What an aggregate says that does not look into the record.
struct AnyRecord {};

/// What a column may fill a field of type M with.
template <class Found, class M>
constexpr void expect_fits() {
  static_assert(std::is_convertible_v<Found, M>, "this aggregate does not fit the field");
  static_assert(!(std::is_floating_point_v<Found> && std::is_integral_v<M>),
                "this aggregate has a fraction: the field must be a floating-point number");
}
template <class Found, class M>
void fill_field(M& field, const Found& found) {
  if constexpr (std::is_convertible_v<const Found&, M>) field = static_cast<M>(found);  // else it has been refused
}

/// An aggregate and the field of R that it fills.
template <class A, class R, class M>
struct ResultColumn {
  using Aggregate = A;
  using Result = R;
  void fill(R& result, const typename A::State& state) const { fill_field(result.*field, aggregate.result(state)); }
  A aggregate;
  M R::*field;
};

/// An aggregate works in two steps, so that a record that makes it throw has no effect: take() looks at the record and
/// may throw, add() does what it found and does not.
template <class Self>
struct AggregateBase {
  static constexpr bool kAddMayThrow = false;  ///< unless take() is careful
  /// Whether records of T can be summed up before they are sent: nothing throws, the state is small and of a fixed
  /// size, and does not depend on the order in which states are merged.
  template <class T>
  static constexpr bool kCombines = false;
  /// The fields of T that it looks at, see bit_of(); nothing: nobody can tell.
  template <class T>
  std::optional<std::uint64_t> reads() const {
    if constexpr (requires(const Self& self) { bit_of<T>(self.field); })
      return bit_of<T>(static_cast<const Self&>(*this).field);
    else
      return std::nullopt;
  }

  /// What its state depends on besides types, for people; and for the state of a step, which another cannot go on from.
  std::string in_words() const { return {}; }
  /// refuse(what is wrong, what to do) for each of its options that cannot be.
  template <class Refuse>
  void check(Refuse) const {}

  template <class R, class M>
  auto as(M R::*field) const {
    expect_fits<typename Self::Result, M>();
    return ResultColumn<Self, R, M>{static_cast<const Self&>(*this), field};
  }
};

/// Sums do not overflow sooner than those of the widest type.
template <class M>
using Widest = std::conditional_t<std::is_floating_point_v<M>, double,
                                  std::conditional_t<std::is_signed_v<M>, std::int64_t, std::uint64_t>>;

struct Count : AggregateBase<Count> {
  using Input = AnyRecord;
  using State = std::uint64_t;
  using Result = std::uint64_t;
  static constexpr bool kMerges = true;
  template <class T>
  static constexpr bool kCombines = true;
  template <class T>
  std::optional<std::uint64_t> reads() const {
    return 0;
  }
  template <class T>
  AnyRecord take(const T&, const State&, bool) const {
    return {};
  }
  void add(State& state, AnyRecord) const { ++state; }
  void merge(State& state, const State& other) const { state += other; }
  Result result(const State& state) const { return state; }
};

template <class P>
struct CountIf : AggregateBase<CountIf<P>> {
  explicit CountIf(P when) : predicate(std::move(when)) {}
  using Input = AnyRecord;
  using State = std::uint64_t;
  using Result = std::uint64_t;
  static constexpr bool kMerges = true;
  template <class T>
  static constexpr bool kCombines = std::is_nothrow_invocable_v<const P&, const T&>;
  template <class T>
  std::optional<std::uint64_t> reads() const {
    if constexpr (kIsA<P, FieldEquals>)
      return bit_of<T>(predicate.field);
    else
      return std::nullopt;  // whatever its members are called
  }
  template <class T>
  bool take(const T& record, const State&, bool) const {
    static_assert(std::is_invocable_r_v<bool, const P&, const T&>,
                  "count_if takes a predicate on the stream's record: [](const Record& record) { … }");
    return predicate(record);
  }
  void add(State& state, bool counts) const { state += counts; }
  void merge(State& state, const State& other) const { state += other; }
  Result result(const State& state) const { return state; }
  P predicate;
};

template <class T, class M>
struct Sum : AggregateBase<Sum<T, M>> {
  static_assert(IsNumber<M>, "sum adds up a number");
  explicit Sum(M T::*of) : field(of) {}
  using Input = T;
  using State = Widest<M>;
  using Result = State;
  static constexpr bool kMerges = true;
  template <class>
  static constexpr bool kCombines = std::is_integral_v<M>;  // the order in which fractions are added up shows
  State take(const T& record, const State&, bool) const { return static_cast<State>(record.*field); }
  void add(State& state, State more) const {
    if constexpr (std::is_floating_point_v<State>)
      state += more;
    else  // modulo its range
      state = static_cast<State>(static_cast<std::uint64_t>(state) + static_cast<std::uint64_t>(more));
  }
  void merge(State& state, const State& other) const { add(state, other); }
  Result result(const State& state) const { return state; }
  M T::*field;
};

/// The least or the greatest value of a field.
template <class T, class M, bool kGreatest>
struct Extreme : AggregateBase<Extreme<T, M, kGreatest>> {
  explicit Extreme(M T::*of) : field(of) {}
  using Input = T;
  using State = std::optional<M>;
  using Result = M;
  static constexpr bool kMerges = true;
  template <class>
  static constexpr bool kCombines = KeyValue<M>&& std::is_trivially_copyable_v<M>;  // not where NaN may come first
  const M& take(const T& record, const State&, bool) const { return record.*field; }
  void add(State& state, const M& value) const {
    if (!state || (kGreatest ? *state < value : value < *state)) state = value;
  }
  void merge(State& state, const State& other) const {
    if (other) add(state, *other);
  }
  Result result(const State& state) const { return state.value_or(M{}); }
  M T::*field;
};

template <class T, class M>
struct Mean : AggregateBase<Mean<T, M>> {
  static_assert(IsNumber<M>, "mean is that of numbers");
  explicit Mean(M T::*of) : field(of) {}
  using Input = T;
  using State = std::pair<double, std::uint64_t>;  // sum and count
  using Result = double;
  static constexpr bool kMerges = true;
  double take(const T& record, const State&, bool) const { return static_cast<double>(record.*field); }
  void add(State& state, double value) const {
    state.first += value;
    ++state.second;
  }
  void merge(State& state, const State& other) const {
    state.first += other.first;
    state.second += other.second;
  }
  Result result(const State& state) const {
    return state.second == 0 ? 0 : state.first / static_cast<double>(state.second);
  }
  M T::*field;
};

/// Values, each once, in the order in which they came. What is not saved is made again from them.
template <class M>
struct DistinctValues {
  std::vector<M> values{};
  FRESHET_RECORD(values)

  void insert(const M& value) {
    if (values.size() < kScanned) {
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
      return;
    }
    if (indexed != values.size() || (values.size() + 1) * 2 > index.size()) make_index();
    Place& place = place_of(value);
    if (place.at != kEmpty) return;
    values.push_back(value);
    place.at = static_cast<std::uint32_t>(indexed++);
  }

  /// On the heap, beside the values.
  std::size_t unlisted_bytes() const { return index.capacity() * sizeof(Place); }

  static constexpr std::size_t kScanned = 16;  ///< so many are looked through
  static constexpr std::uint32_t kEmpty = 0xffffffff;
  struct Place {
    std::uint32_t at = kEmpty;
    std::uint32_t tag = 0;  ///< of the value's hash, so that hardly another value is looked at
  };
  std::vector<Place> index{};  ///< open addressing with linear probing, at most half full
  std::size_t indexed = 0;     ///< so many of the values are in it

 private:
  Place& place_of(const M& value) {
    const std::size_t mask = index.size() - 1;
    const std::uint64_t hash = key_hash(value);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      Place& place = index[at];
      if (place.at == kEmpty) {
        place.tag = tag;
        return place;
      }
      if (place.tag == tag && values[place.at] == value) return place;
    }
  }
  void make_index() {
    index.assign(std::max<std::size_t>(64, std::bit_ceil(values.size() * 4)), Place{});
    for (std::uint32_t i = 0; i < values.size(); ++i) place_of(values[i]).at = i;
    indexed = values.size();
  }
};

template <class T, class M>
struct Distinct : AggregateBase<Distinct<T, M>> {
  static_assert(KeyValue<M>, "distinct counts integers, strings, enums and times");
  explicit Distinct(M T::*of) : field(of) {}
  using Input = T;
  using State = DistinctValues<M>;
  using Result = std::uint64_t;
  static constexpr bool kMerges = true;
  const M& take(const T& record, const State&, bool) const { return record.*field; }
  void add(State& state, const M& value) const { state.insert(value); }
  void merge(State& state, const State& other) const {
    for (const auto& value : other.values) state.insert(value);
  }
  Result result(const State& state) const { return state.values.size(); }
  M T::*field;
};

template <class T, class M>
struct Collect : AggregateBase<Collect<T, M>> {
  Collect(M T::*of, std::size_t at_most) : field(of), most(at_most) {}
  using Input = T;
  using State = std::vector<M>;
  using Result = std::vector<M>;
  static constexpr bool kMerges = true;
  const M& take(const T& record, const State&, bool) const { return record.*field; }
  void add(State& state, const M& value) const {
    if (state.size() < most) state.push_back(value);
  }
  void merge(State& state, const State& other) const {
    for (const auto& value : other) add(state, value);
  }
  Result result(const State& state) const { return state; }
  M T::*field;
  std::size_t most;
};

template <class A>
concept Mergeable = requires(const A& aggregate, typename A::State& state, const typename A::State& other) {
  aggregate.merge(state, other);
};

/// An aggregate of the author's own.
template <class A>
struct Custom : AggregateBase<Custom<A>> {
  explicit Custom(A by) : aggregate(std::move(by)) {}
  using Input = typename A::Input;
  using State = typename A::State;
  using Result = std::remove_cvref_t<decltype(std::declval<const A&>().result(std::declval<const State&>()))>;
  static_assert(Value<State>, "the State of an aggregate is a Value: a number, or a struct with FRESHET_RECORD(…)");
  static constexpr bool kMerges = Mergeable<A>;
  static constexpr bool kAddMayThrow = true;
  struct Step {
    const Input* record;
    std::optional<State> after;
  };
  /// `careful`: the author's add() may throw, and then must not have changed anything.
  Step take(const Input& record, const State& state, bool careful) const {
    Step step{&record, {}};
    if (!careful) return step;
    step.after = state;
    aggregate.add(*step.after, record);
    return step;
  }
  void add(State& state, Step step) const {
    if (step.after)
      state = *std::move(step.after);
    else
      aggregate.add(state, *step.record);
  }
  void merge(State& state, const State& other) const {
    if constexpr (kMerges) aggregate.merge(state, other);
  }
  Result result(const State& state) const { return aggregate.result(state); }
  A aggregate;
};

template <class T, class M>
struct OrderBy {
  M T::*field;
  bool descending;
};

}  // namespace detail

/// How many records.
inline detail::Count count() { return {}; }
/// How many records for which the predicate holds.
template <class P>
detail::CountIf<P> count_if(P predicate) {
  return detail::CountIf<P>(std::move(predicate));
}
/// Of whole numbers modulo 2^64.
template <class T, class M>
detail::Sum<T, M> sum(M T::*field) {
  return detail::Sum<T, M>(field);
}
template <class T, class M>
detail::Extreme<T, M, false> min(M T::*field) {
  return detail::Extreme<T, M, false>(field);
}
template <class T, class M>
detail::Extreme<T, M, true> max(M T::*field) {
  return detail::Extreme<T, M, true>(field);
}
template <class T, class M>
detail::Mean<T, M> mean(M T::*field) {
  return detail::Mean<T, M>(field);
}
/// How many different values of a field, exactly: each is kept.
template <class T, class M>
detail::Distinct<T, M> distinct(M T::*field) {
  return detail::Distinct<T, M>(field);
}
/// The values of a field in the order in which they came, the first `most` of them.
template <class T, class M>
detail::Collect<T, M> collect(M T::*field, std::size_t most = 1000) {
  return detail::Collect<T, M>(field, most);
}
/// An aggregate of your own: Input, State, `void add(State&, const Input&) const`, `result(const State&) const`, and
/// for sliding and session windows `void merge(State&, const State&) const`.
template <class A>
detail::Custom<A> custom(A aggregate) {
  return detail::Custom<A>(std::move(aggregate));
}

/// For top(): greater values of the field first, or smaller ones.
template <class T, class M>
detail::OrderBy<T, M> largest(M T::*field) {
  return {field, true};
}
template <class T, class M>
detail::OrderBy<T, M> smallest(M T::*field) {
  return {field, false};
}

/// A record and its place among those of its key, from 1.
template <class T>
struct Ranked {
  std::uint32_t rank = 0;
  T record{};
  bool operator==(const Ranked&) const = default;
  FRESHET_RECORD(rank, record)
};

}  // namespace freshet
