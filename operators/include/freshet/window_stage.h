#pragma once

#include <freshet/aggregates.h>
#include <freshet/approximate_aggregates.h>
#include <freshet/emission.h>
#include <freshet/event_time.h>
#include <freshet/keyed.h>
#include <freshet/window_panes.h>

/// Stages of window steps: they fill panes, and tell what the windows came to when the watermark has passed them.
namespace freshet::detail {

/// Where the field of type Window stands in R; kFieldCount<R> when there is none.
template <class R>
constexpr std::size_t window_field() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    std::size_t at = sizeof...(I);
    ((std::is_same_v<FieldType<R, I>, Window> && at == sizeof...(I) ? at = I : at), ...);
    return at;
  }
  (std::make_index_sequence<kFieldCount<R>>{});
}

/// Whether R begins with the parts of the key K.
template <class K, class R>
constexpr bool begins_with_key() {
  if constexpr (!IsTuple<K>) {
    return kFieldCount<R> > 0 && std::is_same_v<FieldType<R, 0>, K>;
  } else if constexpr (kFieldCount<R> < std::tuple_size_v<K>) {
    return false;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (std::is_same_v<FieldType<R, I>, std::tuple_element_t<I, K>> && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<K>>{});
  }
}

template <std::size_t I, class R>
auto& field_at(R& record) {
  return record.*(std::get<I>(R::template freshet_fields<R>()).pointer);
}

/// Sums up the records of a window in one result: key, window, and what each column fills.
template <class K, class T, class R, class... Columns>
class ColumnSummary {
 public:
  using Result = R;
  using States = std::tuple<typename Columns::Aggregate::State...>;
  static constexpr bool kMerges = (Columns::Aggregate::kMerges && ...);
  static constexpr bool kAddMayThrow = (Columns::Aggregate::kAddMayThrow || ...);
  static constexpr bool kCombines = (Columns::Aggregate::template kCombines<T> && ...);
  explicit ColumnSummary(Columns... columns) : columns_(std::move(columns)...) {}

  /// The fields of T that results depend on, beside those of the key; nothing: nobody can tell.
  std::optional<std::uint64_t> reads() const {
    std::optional<std::uint64_t> fields = 0;
    if constexpr (window_field<T>() < kFieldCount<T>)
      fields = bit_of<T>(std::get<window_field<T>()>(T::template freshet_fields<T>()).pointer);
    std::apply([&](const auto&... column) { ((fields = both(fields, column.aggregate.template reads<T>())), ...); },
               columns_);
    return fields;
  }

  /// What a record says, see AggregateBase; before anything is changed.
  auto take(const T& record, const States& states, bool careful) const {
    return over_columns([&](auto... i) {
      return std::tuple<decltype(std::get<i>(columns_).aggregate.take(record, std::get<i>(states), careful))...>(
          std::get<i>(columns_).aggregate.take(record, std::get<i>(states), careful)...);
    });
  }
  template <class Taken>
  void add(States& states, Taken&& taken) const {
    over_columns([&](auto... i) {
      (std::get<i>(columns_).aggregate.add(std::get<i>(states),
                                           std::forward<std::tuple_element_t<i, Taken>>(std::get<i>(taken))),
       ...);
      return 0;
    });
  }
  void merge(States& states, const States& others) const {
    over_columns([&](auto... i) {
      (std::get<i>(columns_).aggregate.merge(std::get<i>(states), std::get<i>(others)), ...);
      return 0;
    });
  }
  /// put(result) for each; what throws does so before.
  template <class Put>
  void results(const K& key, const Window& window, const States& states, Put put) const {
    R result{};
    set_key(result, key);
    if constexpr (window_field<R>() < kFieldCount<R>) field_at<window_field<R>()>(result) = window;
    over_columns([&](auto... i) {
      (std::get<i>(columns_).fill(result, std::get<i>(states)), ...);
      return 0;
    });
    put(std::move(result));
  }
  /// See AggregateBase.
  std::string in_words() const {
    std::string text;
    std::apply([&](const auto&... column) { ((text += listed(column.aggregate.in_words())), ...); }, columns_);
    return text;
  }
  template <class Refuse>
  void check(Refuse refuse) const {
    std::apply([&](const auto&... column) { (column.aggregate.check(refuse), ...); }, columns_);
  }

 private:
  template <class Do>
  static auto over_columns(Do act) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return act(std::integral_constant<std::size_t, I>{}...); }
    (std::index_sequence_for<Columns...>{});
  }
  static std::string listed(const std::string& words) { return words.empty() ? words : ", " + words; }
  static void set_key(R& result, const K& key) {
    if constexpr (!IsTuple<K>) {
      field_at<0>(result) = key;
    } else {
      [&]<std::size_t... I>(std::index_sequence<I...>) { ((field_at<I>(result) = std::get<I>(key)), ...); }
      (std::make_index_sequence<std::tuple_size_v<K>>{});
    }
  }
  std::tuple<Columns...> columns_;
};

/// The first records of a window in some order of their fields, and by arrival where these are equal. A result of
/// windows that goes out again takes the place of what it was: it has the same fields before its window.
template <class K, class T, class... Orders>
class TopSummary {
 public:
  using Result = Ranked<T>;
  using States = std::tuple<std::vector<T>>;  // in order
  static constexpr bool kMerges = true;
  static constexpr bool kAddMayThrow = false;
  static constexpr bool kCombines = false;
  explicit TopSummary(std::size_t most, Orders... orders) : most_(most), orders_(std::move(orders)...) {}

  const T* take(const T& record, const States&, bool) const { return &record; }
  void add(States& states, const T* record) const {
    auto& best = std::get<0>(states);
    if constexpr (kKeyFields != 0 && kKeyFields < kFieldCount<T>)
      std::erase_if(best,
                    [&](const T& other) { return is_same(other, *record, std::make_index_sequence<kKeyFields>{}); });
    const auto at =
        std::upper_bound(best.begin(), best.end(), *record, [&](const T& a, const T& b) { return less(a, b); });
    if (at == best.end() && best.size() >= most_) return;
    best.insert(at, *record);
    if (best.size() > most_) best.pop_back();
  }
  void merge(States& states, const States& others) const {
    for (const auto& record : std::get<0>(others)) add(states, &record);
  }
  template <class Put>
  void results(const K&, const Window&, const States& states, Put put) const {
    std::uint32_t rank = 0;
    for (const auto& record : std::get<0>(states)) put(Ranked<T>{++rank, record});
  }
  std::string in_words() const { return {}; }
  template <class Refuse>
  void check(Refuse) const {}

 private:
  static constexpr std::size_t kKeyFields = window_field<T>();
  template <std::size_t... I>
  static bool is_same(const T& a, const T& b, std::index_sequence<I...>) {
    return ((field_at<I>(a) == field_at<I>(b)) && ...) && field_at<kKeyFields>(a) == field_at<kKeyFields>(b);
  }
  bool less(const T& a, const T& b) const {
    int found = 0;
    std::apply(
        [&](const auto&... order) {
          ((found == 0 && a.*(order.field) != b.*(order.field)
                ? (found = (a.*(order.field) < b.*(order.field)) != order.descending ? -1 : 1)
                : 0),
           ...);
        },
        orders_);
    return found < 0;
  }
  std::size_t most_;
  std::tuple<Orders...> orders_;
};

/// Which windows and which sketches a state is of; another kind cannot go on from it.
template <class Summary>
std::string kind_of_state(const WindowSpec& spec, const Summary& summary) {
  return in_words(spec) + summary.in_words();
}

/// Outputs: the results under their key, and the records that came when all their windows were over.
template <class K, class T, class Summary>
class WindowStage final : public UserCodeStage {
  using R = typename Summary::Result;
  using S = std::pair<std::uint64_t, typename Summary::States>;  // how many records, and what they come to

 public:
  /// `takes_parts`: PanePart<S> come in place of records, of tumbling or sliding windows. `early`: when results of
  /// windows that are not over go out; never, unless it is every().
  WindowStage(const WindowSpec& spec, Duration lateness, Summary summary, bool takes_parts = false, Emission early = {})
      : spec_(spec),
        takes_parts_(takes_parts),
        rules_(spec, lateness),
        summary_(std::move(summary)),
        early_(early),
        cells_(kind_of_state(spec, summary_), &scope_) {
    outputs_.emplace_back("out", std::make_unique<KeyedBatch<K, R>>());
    outputs_.emplace_back("late", std::make_unique<Batch<T>>());
    add_dead_letter_output();
    if (has_early()) cells_.pin(early_.pending());
  }
  OperatorBase* author() override { return &counts_; }
  void open(StageHost& host) override {
    UserCodeStage::open(host);
    early_.start(host.now());
  }
  void save(SnapshotOut& out, std::string_view operator_id) const override {
    if (has_early()) early_.save(out, operator_id, cells_.cells());
  }
  bool restore(const SavedRecord& saved, const RestoreScope& scope) override {
    return early_.template restore<K>(saved, scope, cells_);
  }
  std::uint64_t late_records() const override { return counts_.late.value(); }
  std::vector<std::pair<std::string, StateTable*>> states() override { return {{"windows", &cells_}}; }
  void on_watermark(Time time) override { watermark_ = time.time_since_epoch().count(); }

  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    if constexpr (Summary::kCombines) {
      if (takes_parts_) return process_each<PanePart<S>>(view, from);
    }
    return process_each<T>(view, from);
  }

  Time next_due() const override { return is_any_over() ? Time::min() : early_.next_due(); }
  bool emit_due() override { return emit_over() && (early_.next_due() > host_->now() || emit_early()); }

 private:
  /// Looked at in one call of emit_due().
  static constexpr std::size_t kKeysAtOnce = 1024;
  /// Records: by then the entry is there that says where the panes are.
  static constexpr std::size_t kPanesAhead = 8;
  static constexpr std::size_t kWindowField = window_field<T>();
  struct Counts : OperatorBase {
    Counter late{this, "late"};
    Counter late_after_retry{this, "late_after_retry"};  // of these
  };

  bool has_early() const { return early_.emission().kind == EmissionKind::every; }
  bool is_any_over() const { return watermark_ != kNoWatermark && cells_.next_ms() < watermark_; }
  bool emit_over() {
    if (watermark_ == kNoWatermark) return true;
    const std::int64_t limit = watermark_ - 1;
    for (std::size_t left = kKeysAtOnce;; --left) {
      if (left == 0 || outputs_full()) return false;
      const std::uint32_t slot = cells_.first_due(limit);
      if (slot == PaneCells<K, S>::Cells::kNone) return true;
      auto& panes = cells_.change(slot);
      const auto& entry = cells_.cells().at(slot);
      rules_.go_on(panes, limit, [&](const Window& window, std::int64_t last, const Pane<S>* pane, const Pane<S>* end) {
        tell(entry.key, PaneCells<K, S>::Cells::hash_of(entry), window, last, pane, end);
      });
      cells_.rescheduled(slot);
    }
  }
  bool emit_early() {
    return early_.emit_changed(
        cells_.cells(), host_->now(), [this] { return outputs_full(); },
        [this](auto& entry) {
          rules_.tell_running(entry.value,
                              [&](const Window& window, std::int64_t last, const Pane<S>* pane, const Pane<S>* end) {
                                tell(entry.key, PaneCells<K, S>::Cells::hash_of(entry), window, last, pane, end);
                              });
        });
  }

  template <class In>
  std::size_t process_each(const BatchView& view, std::size_t from) {
    const auto& in = static_cast<const KeyedBatch<K, In>&>(*view.batch);
    LookAhead look_ahead(cells_.cells(), view, from);
    return for_each_record<In>(
        view, from,
        [&](std::size_t i) {
          cells_.expect(look_ahead.slot(i));
          if (const auto soon = look_ahead.peek(i + kPanesAhead); soon != PaneCells<K, S>::Cells::kNone)
            __builtin_prefetch(cells_.cells().at(soon).value.panes.data(), 1);
          const auto index = view.index(i);
          scope_.key = &in.keys[index];
          scope_.hash = view.meta(i).key_hash;
          ++scope_.call;
          add(in.records[index], view.meta(i));
        },
        [this] { undo_put(); });
  }
  void add(const PanePart<S>& part, const RecordMeta& meta) {
    if (part.start == RecordMeta::kNoTime) reject_untimed();
    if (rules_.is_late(nullptr, part.start, {}, watermark_)) return count_late(meta, part.states.first);
    auto& panes = cells_.get();
    const std::uint32_t slot = cells_.current_slot();
    auto& pane = rules_.pane_of(panes, part.start, {}, [](S&, const S&) {});
    const bool is_noted = has_come_before(pane);
    merge(pane.states, part.states);
    early_.note_change(slot);
    if (is_noted) return;
    rules_.note_change(panes, pane, watermark_);
    cells_.rescheduled(slot);
  }
  void count_late(const RecordMeta& meta, std::uint64_t records) {
    counts_.late.add(records);
    if (meta.position.tried_again) counts_.late_after_retry.add(records);
  }
  /// Something has, since it last went out, so that it is known when the pane is due, which does not change then.
  bool has_come_before(const Pane<S>& pane) const {
    return pane.states.first != 0 && pane.told_to == kNoWatermark && spec_.kind != WindowKind::session &&
           spec_.kind != WindowKind::counting;
  }
  [[noreturn]] static void reject_untimed() {
    throw RejectRecord("the record has no event time: it was emitted by the clock, or at the end of the data",
                       "no event time");
  }
  void add(const T& record, const RecordMeta& meta) {
    Window window{};
    if constexpr (kWindowField < kFieldCount<T>) window = field_at<kWindowField>(record);
    if (spec_.kind == WindowKind::same &&
        (window.end < window.start || window.start < Time(-kFarthestWindow) || window.end > Time(kFarthestWindow)))
      throw RejectRecord("its window ends before it begins, or is out of range", "no window");
    if (meta.event_time_ms == RecordMeta::kNoTime && spec_.kind != WindowKind::same &&
        spec_.kind != WindowKind::counting)
      reject_untimed();
    const Panes<S>* before = cells_.find();
    if (rules_.is_late(before, meta.event_time_ms, window, watermark_)) {
      auto& late = static_cast<Batch<T>&>(outputs_[1].batch());
      late.records.add() = record;
      late.metas.push_back(meta);
      count_late(meta, 1);
      return;
    }
    // What may throw comes first.
    auto taken = summary_.take(record, states_before(before, meta.event_time_ms, window), host_->sets_aside);
    auto& panes = cells_.get();
    const std::uint32_t slot = cells_.current_slot();
    auto& pane =
        rules_.pane_of(panes, meta.event_time_ms, window, [this](S& into, const S& from) { merge(into, from); });
    const bool is_noted = has_come_before(pane);
    ++pane.states.first;
    summary_.add(pane.states.second, std::move(taken));
    if (rules_.is_full(pane.states.first)) {
      // The window is gone also if it turns out that its result throws: it would be full for ever.
      const Pane<S> full = std::move(pane);
      panes.panes.clear();
      cells_.rescheduled(slot);
      put_results(*scope_.key, rules_.window_of(full), full.states.second, {full.last, scope_.hash});
      return;
    }
    early_.note_change(slot);
    if (!is_noted) {
      rules_.note_change(panes, pane, watermark_);
      cells_.rescheduled(slot);
    }
  }
  /// What an aggregate of the author's own may look at while it must not change it.
  const typename Summary::States& states_before(const Panes<S>* panes, std::int64_t time, const Window& window) {
    if constexpr (Summary::kAddMayThrow) {
      if (host_->sets_aside && panes != nullptr) {
        const auto near = rules_.panes_near(*panes, time, window);
        looked_at_.panes.assign(near.begin(), near.end());
        const auto join = [this](S& into, const S& from) { merge(into, from); };
        return rules_.pane_of(looked_at_, time, window, join).states.second;
      }
    }
    return blank_;
  }
  void merge(S& into, const S& from) const {
    into.first += from.first;
    summary_.merge(into.second, from.second);
  }
  /// Emits what a window came to; `last`: the last moment that belongs to it.
  void tell(const K& key, std::uint64_t hash, const Window& window, std::int64_t last, const Pane<S>* pane,
            const Pane<S>* end) {
    const RecordMeta meta{.event_time_ms = last, .key_hash = hash};
    call_once(
        meta,
        [&] {
          const typename Summary::States* states = &pane->states.second;
          if (end - pane > 1) {
            merged_ = *states;
            for (const auto* more = pane + 1; more != end; ++more) summary_.merge(merged_, more->states.second);
            states = &merged_;
          }
          put_results(key, window, *states, meta);
        },
        [&](std::string& json) {
          json += R"({"key":)";
          append_json(json, key);
          json += R"(,"window":)";
          append_json(json, window);
          json += '}';
        },
        [&] { undo_put(); });
  }
  void put_results(const K& key, const Window& window, const typename Summary::States& states, const RecordMeta& meta) {
    auto& out = static_cast<KeyedBatch<K, R>&>(outputs_[0].batch());
    summary_.results(key, window, states, [&](R&& result) {
      out.records.add() = std::move(result);
      out.keys.add() = key;
      out.metas.push_back(meta);
    });
  }
  void undo_put() {
    auto& out = static_cast<KeyedBatch<K, R>&>(outputs_[0].batch());
    out.records.truncate(out.metas.size());
    out.keys.truncate(out.metas.size());
  }

  WindowSpec spec_;
  const bool takes_parts_;
  PaneRules<S> rules_;
  Summary summary_;
  KeyScope<K> scope_;
  Emitter early_;
  PaneCells<K, S> cells_;
  Counts counts_;
  std::int64_t watermark_ = kNoWatermark;
  typename Summary::States merged_{};
  const typename Summary::States blank_{};
  Panes<S> looked_at_;
};

}  // namespace freshet::detail
