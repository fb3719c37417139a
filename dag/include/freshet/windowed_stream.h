#pragma once

#include <freshet/keyed_stream.h>
#include <freshet/narrow_edge.h>
#include <freshet/pane_combining.h>
#include <freshet/window_stage.h>

/// Streams in windows, and what comes out of them.
namespace freshet {

/// The results of windows, under the key of the stream that they sum up.
template <class K, class R, class T>
class WindowResults : public KeyedSteps<WindowResults<K, R, T>, K, R> {
 public:
  using KeyedSteps<WindowResults<K, R, T>, K, R>::KeyedSteps;
  /// The records that came when all windows that they belong to were over. Counted as `late`.
  Stream<T> late() const {
    return Stream<T>(this->job(), {{this->named_index(), 1, {.code = detail::plain_edge<T>()}}});
  }
  WindowResults queryable() const {
    this->named().queryable = true;
    for (auto& state : this->named().states) state.queryable = true;
    return *this;
  }
};

/// A keyed stream whose records belong to windows of their keys.
template <class K, class T>
class WindowedStream {
 public:
  WindowedStream(KeyedStream<K, T> stream, const WindowSpec& spec) : stream_(std::move(stream)), spec_(spec) {}

  /// So much longer, in event time, a window takes in records after it has gone out; its result then goes out again,
  /// and what comes of a result behind this step has to reckon with that: top() puts it in the place of what it was.
  WindowedStream allow_late(Duration lateness) const {
    WindowedStream copy = *this;
    copy.lateness_ = std::min(lateness, detail::kLongestWindow);
    return copy;
  }

  /// Running results: `every(10s)` of processing time the windows go out that are not over, of the keys that have
  /// changed meanwhile (sliding windows: all that hold something), and once more when they are over. What comes of a
  /// result behind this step has to reckon with that, as with allow_late(); a session may go out as what it was before
  /// it grew, which nothing takes back.
  WindowedStream early(Emission when) const {
    WindowedStream copy = *this;
    copy.early_ = when;
    return copy;
  }

  /// One R for each key and window: a struct that begins with the fields of the key, has a `Window`, and what the
  /// columns fill.
  template <class R, class... Columns>
  auto aggregate(std::string_view id, Columns... columns) const {
    static_assert(Record<R>, "the result of aggregate is a record: a struct with FRESHET_RECORD(…)");
    if constexpr (Record<R>) {
      constexpr bool kSaysWhat = sizeof...(Columns) > 0;
      constexpr bool kBegins = detail::begins_with_key<K, R>();
      constexpr bool kHasWindow = detail::window_field<R>() < kFieldCount<R>;
      constexpr bool kFills = (std::is_same_v<typename Columns::Result, R> && ...);
      constexpr bool kLooks = ((std::is_same_v<typename Columns::Aggregate::Input, T> ||
                                std::is_same_v<typename Columns::Aggregate::Input, detail::AnyRecord>)&&...);
      static_assert(kSaysWhat, "say what to sum up: count().as(&Result::field)");
      static_assert(kBegins, "the result begins with the fields of the key, of the same types");
      static_assert(kHasWindow, "the result has a field of type Window");
      static_assert(kFills, "each column fills a field of the result");
      static_assert(kLooks, "each column looks at fields of the stream's record");
      if constexpr (kSaysWhat && kBegins && kHasWindow && kFills && kLooks) {
        using Summary = detail::ColumnSummary<K, T, R, Columns...>;
        return add<Summary>(id, "aggregate", Summary(std::move(columns)...));
      }
    }
  }

  /// The first `count` records of each key and window: largest(&T::views), smallest(&T::item). Where all of these are
  /// equal, those that came first.
  template <class... Orders>
  WindowResults<K, Ranked<T>, T> top(std::string_view id, std::int64_t count, Orders... orders) const {
    static_assert(sizeof...(Orders) > 0, "say by what: largest(&Record::field)");
    if (count < 1 || count > kMostTop)
      job().add_problem({"operator " + std::string(id), "keeps the top " + std::to_string(count),
                         "keep 1 to " + std::to_string(kMostTop)});
    using Summary = detail::TopSummary<K, T, Orders...>;
    return add<Summary>(id, "top " + std::to_string(count),
                        Summary(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)), std::move(orders)...));
  }

 private:
  static constexpr std::int64_t kMostTop = 10'000;
  /// Of one key, those that hold something and are not over: early results go out together.
  static constexpr std::int64_t kMostEarly = 100;
  /// Slices of one sliding window: each result joins so many.
  static constexpr std::int64_t kMostSlices = 10'000;

  Job& job() const { return stream_.job(); }

  template <class Summary>
  auto add(std::string_view id, const std::string& what, Summary summary) const {
    using R = typename Summary::Result;
    using S = std::pair<std::uint64_t, typename Summary::States>;
    check(id, summary);
    OperatorNode step;
    step.id = id;
    step.kind = OperatorKind::transform;
    step.description = what + ", " + detail::in_words(spec_);
    step.input_records = {schema_of<T>()};
    step.keyed = true;
    step.outputs = {{"out", schema_of<R>()}, {"late", schema_of<T>()}, detail::dead_letter_output()};
    step.states = {
        {"windows", detail::kind_of_state(spec_, summary), schema_of<K>(), {}, schema_of<detail::Panes<S>>()}};
    step.emission = "when the window is over";
    if (early_) step.emission += ", and every " + format_duration(early_->interval) + " before";
    step.counters = {"late", "late_after_retry"};
    const bool by_time = spec_.kind != WindowKind::counting && spec_.kind != WindowKind::same;
    const auto added =
        job().add_operator(std::move(step),
                           {.make = [spec = spec_, lateness = lateness_, early = early_.value_or(Emission{}),
                                     summary](const auto& code) -> std::unique_ptr<Stage> {
                              return std::make_unique<detail::WindowStage<K, T, Summary>>(spec, lateness, summary,
                                                                                          code.takes_parts, early);
                            },
                            .needs_event_time = by_time,
                            .takes_late = by_time ? std::optional(lateness_) : std::nullopt},
                           stream_.from());
    job().implementation(added).combiner = before_sending(summary);
    return WindowResults<K, R, T>::carried(job(), added, stream_.key_fields());
  }

  /// What becomes of records on their way to the step: parts of its panes, or the fields that it looks at.
  template <class Summary>
  std::shared_ptr<const detail::Combiner> before_sending(const Summary& summary) const {
    if constexpr (Summary::kCombines) {
      if (spec_.kind == WindowKind::tumbling || spec_.kind == WindowKind::sliding)
        return std::make_shared<detail::PaneCombiner<K, T, Summary>>(spec_, summary);
    }
    if constexpr (requires { summary.reads(); }) {
      if (const auto fields = summary.reads()) return std::make_shared<detail::NarrowRecords<K, T>>(*fields);
    }
    return nullptr;
  }

  template <class Summary>
  void check(std::string_view id, const Summary& summary) const {
    const auto refuse = [&](const std::string& what, const std::string& remedy) {
      job().add_problem({"operator " + std::string(id), what, remedy});
    };
    const bool slides = spec_.kind == WindowKind::sliding;
    if (spec_.kind == WindowKind::counting) {
      if (spec_.count == 0) refuse("a window of no records", "count 1 record or more");
    } else if (spec_.kind == WindowKind::same) {
      if constexpr (!has_window()) refuse("the records have no window", "same_window() is for results of windows");
    } else if (spec_.size <= Duration(0) || (slides && spec_.slide <= Duration(0))) {
      refuse("a window of no length", "give it a length above zero");
    } else if (slides && spec_.slide > spec_.size) {
      refuse("windows slide by more than their size, so that some records are in none", "slide by the size or less");
    } else if (slides && spec_.size.count() / std::gcd(spec_.size.count(), spec_.slide.count()) > kMostSlices) {
      refuse("a window consists of more than " + std::to_string(kMostSlices) + " slices", "let it slide by more");
    }
    if (early_ && slides && spec_.size / std::max(spec_.slide, Duration(1)) > kMostEarly)
      refuse("early results of more than " + std::to_string(kMostEarly) + " windows at a time", "let it slide by more");
    if (std::max({spec_.size, spec_.slide, spec_.offset, -spec_.offset}) > detail::kLongestWindow)
      refuse("windows longer than a thousand years", "let them be shorter");
    if (spec_.zone) check_zone(refuse);
    if (early_ && (early_->kind != EmissionKind::every || early_->interval <= Duration(0)))
      refuse("early results go out by time", "say early(every(10s)), with an interval above zero");
    if (lateness_ < Duration(0)) refuse("negative lateness", "allow 0 or more");
    summary.check(refuse);
    if (!Summary::kMerges && (slides || spec_.kind == WindowKind::session))
      refuse("its custom aggregate cannot be merged, and parts of such windows are",
             "give it void merge(State&, const State&) const");
  }
  template <class Refuse>
  void check_zone(Refuse refuse) const {
    if (spec_.kind != WindowKind::tumbling)
      refuse("only tumbling windows go by the clocks of a time zone", "leave in_zone() out");
    if (spec_.size % 1s != 0s || spec_.offset % 1s != 0s)
      refuse("a window by the clocks of a time zone has parts of a second", "give it whole seconds");
    if (detail::TimeZone::find(*spec_.zone) == nullptr)
      refuse("the tz database of this machine has no zone \"" + *spec_.zone + "\"",
             "name one of /usr/share/zoneinfo, such as Europe/Berlin; when there are none, install the package tzdata");
  }
  static constexpr bool has_window() {
    if constexpr (Record<T>)
      return detail::window_field<T>() < kFieldCount<T>;
    else
      return false;
  }
  KeyedStream<K, T> stream_;
  WindowSpec spec_;
  Duration lateness_{0};
  std::optional<Emission> early_{};
};

template <class Self, class K, class T>
WindowedStream<K, T> KeyedSteps<Self, K, T>::window(const WindowSpec& spec) const {
  return WindowedStream<K, T>(KeyedStream<K, T>(this->job(), this->from(), key_fields_), spec);
}

}  // namespace freshet
