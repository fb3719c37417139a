#pragma once

#include <freshet/aggregates.h>
#include <freshet/hyper_log_log.h>
#include <freshet/key.h>
#include <freshet/quantile_sketch.h>
#include <freshet/text.h>

/// Aggregates that keep a sketch in place of the values: a bounded size, and a stated error.
namespace freshet {

struct DistinctApproxOptions {
  /// 4 to 18. A window takes 2^precision bytes at most; the standard error is 1.04 / sqrt(2^precision).
  int precision = 14;
};

struct QuantileOptions {
  /// 0.0001 to 0.5: each quantile is off by that share of it at most.
  double relative_error = 0.01;
  /// 2 to 1,048,576: of 16 bytes each, of numbers of one sign; what happens at the bound says QuantileSketch.
  std::size_t most_buckets = 2048;
};

namespace detail {

template <class T, class M>
struct DistinctApprox : AggregateBase<DistinctApprox<T, M>> {
  static_assert(KeyValue<M>, "distinct_approx counts integers, strings, enums and times");
  DistinctApprox(M T::*of, DistinctApproxOptions options) : field(of), precision(options.precision) {}
  using Input = T;
  using State = HyperLogLog;
  using Result = std::uint64_t;
  static constexpr bool kMerges = true;
  std::uint64_t take(const T& record, const State&, bool) const { return key_hash(record.*field); }
  void add(State& state, std::uint64_t hash) const { state.insert(hash, precision); }
  void merge(State& state, const State& other) const { state.merge(other); }
  Result result(const State& state) const {
    const double estimate = state.estimate();
    return estimate < 0x1p64 ? static_cast<Result>(std::round(estimate)) : std::numeric_limits<Result>::max();
  }
  std::string in_words() const { return "distinct_approx of precision " + std::to_string(precision); }
  template <class Refuse>
  void check(Refuse refuse) const {
    if (precision < HyperLogLog::kLeastPrecision || precision > HyperLogLog::kMostPrecision)
      refuse("distinct_approx has precision " + std::to_string(precision),
             "let it be " + std::to_string(HyperLogLog::kLeastPrecision) + " to " +
                 std::to_string(HyperLogLog::kMostPrecision) + "; 14 is off by 0.8 %");
  }
  M T::*field;
  int precision;
};

/// An aggregate of which each result fills a field.
template <class A, class R, class... M>
struct ResultColumns {
  using Aggregate = A;
  using Result = R;
  void fill(R& result, const typename A::State& state) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((fill_field<typename A::Result>(result.*(std::get<I>(fields)), aggregate.result_at(state, I))), ...);
    }
    (std::index_sequence_for<M...>{});
  }
  A aggregate;
  std::tuple<M R::*...> fields;
};

template <class T, class M, std::size_t kCount>
struct Quantiles : AggregateBase<Quantiles<T, M, kCount>> {
  static_assert(std::is_same_v<M, Duration> || (IsNumber<M> && !std::is_same_v<M, bool>),
                "quantile is that of numbers and durations");
  Quantiles(M T::*of, std::array<double, kCount> which, QuantileOptions with)
      : field(of), shares(which), options(with), scale(safe(with.relative_error), with.most_buckets) {}
  using Input = T;
  using State = QuantileSketch;
  using Result = std::conditional_t<std::is_same_v<M, Duration>, Duration, double>;
  static constexpr bool kMerges = true;
  struct Step {
    double value;
    std::int32_t bucket;
  };
  Step take(const T& record, const State&, bool) const {
    double value = 0;
    if constexpr (std::is_same_v<M, Duration>)
      value = static_cast<double>((record.*field).count());
    else
      value = static_cast<double>(record.*field);
    return {value, std::isnan(value) ? 0 : scale.bucket_of(value)};
  }
  void add(State& state, Step step) const {
    if (!std::isnan(step.value)) state.add(step.value, step.bucket, scale);
  }
  void merge(State& state, const State& other) const { state.merge(other, scale); }
  Result result_at(const State& state, std::size_t which) const {
    const double found = state.quantile(shares[which], scale);
    if constexpr (std::is_same_v<M, Duration>)
      return found < 0x1p63 ? Duration(std::llround(found)) : Duration::max();
    else
      return found;
  }
  std::string in_words() const {
    std::string text = "quantiles off by " + digits_of(options.relative_error);
    if (options.most_buckets != QuantileOptions{}.most_buckets)
      text += " in " + std::to_string(options.most_buckets) + " buckets";
    return text;
  }
  template <class Refuse>
  void check(Refuse refuse) const {
    if (safe(options.relative_error) != options.relative_error)
      refuse("quantile has a relative error of " + digits_of(options.relative_error), "let it be 0.0001 to 0.5");
    if (options.most_buckets < 2 || options.most_buckets > State::kMostBuckets)
      refuse("quantile has " + std::to_string(options.most_buckets) + " buckets", "let it be 2 to 1,048,576");
    for (const double share : shares)
      if (!(share >= 0 && share <= 1))
        refuse("there is no quantile " + digits_of(share), "let it be 0 to 1: 0.5 is the median");
  }
  template <class R, class... F>
  auto as(F R::*... to) const {
    static_assert(sizeof...(F) == kCount, "name as many fields as quantiles");
    (expect_fits<Result, F>(), ...);
    return ResultColumns<Quantiles, R, F...>{*this, {to...}};
  }

  M T::*field;
  std::array<double, kCount> shares;
  QuantileOptions options;
  QuantileScale scale;

 private:
  static std::string digits_of(double number) {
    std::string text;
    append_text(text, number);
    return text;
  }
  static double safe(double error) {
    return error >= QuantileScale::kLeastError ? std::min(error, QuantileScale::kMostError)
                                               : QuantileScale::kLeastError;
  }
};

}  // namespace detail

/// About how many different values of a field (HyperLogLog); few are counted exactly. A window takes 16 KiB at most,
/// and 8 to 21 bytes for each value while there are few.
template <class T, class M>
detail::DistinctApprox<T, M> distinct_approx(M T::*field, DistinctApproxOptions options = {}) {
  return {field, options};
}
/// A quantile of a field: 0.5 is the median, 0.99 what one of a hundred is above. Off by 1 % of it at most (DDSketch);
/// of the numbers in order, 0 to n - 1, it is the one at q * (n - 1), rounded down. 0 and 1 are exact. NaN is not
/// counted.
template <class T, class M>
detail::Quantiles<T, M, 1> quantile(M T::*field, double q, QuantileOptions options = {}) {
  return {field, {q}, options};
}
/// Several of one field, which share a sketch: `quantiles(&Call::took, {0.5, 0.99}).as(&Took::median, &Took::worst)`.
template <class T, class M, std::size_t kCount>
detail::Quantiles<T, M, kCount> quantiles(M T::*field, const double (&q)[kCount], QuantileOptions options = {}) {
  return {field, std::to_array(q), options};
}

}  // namespace freshet
