#pragma once

#include <numeric>
#include <span>

#include <freshet/cells.h>
#include <freshet/time_zone.h>
#include <freshet/timed.h>
#include <freshet/window_spec.h>

/// What is kept of the windows of a key, and when they are over: no user code, no streams.
namespace freshet::detail {

inline constexpr std::int64_t kNeverDue = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kNoWatermark = std::numeric_limits<std::int64_t>::min();

/// A stretch of a key's time with what its records came to: a window, or a slice that overlapping windows share. `S` is
/// the states of the aggregates. Times in ms.
template <class S>
struct Pane {
  std::int64_t start = 0;
  std::int64_t last = 0;                ///< it is over when no record up to and including this time is expected
  std::int64_t told_to = kNoWatermark;  ///< the latest end of a window that has gone out with all that is in it
  S states{};
  FRESHET_RECORD(start, last, told_to, states)
};

/// All panes of a key, by their starts.
template <class S>
struct Panes {
  std::int64_t due = kNeverDue;       ///< when there is something to do
  std::int64_t next_end = kNeverDue;  ///< of sliding windows: the end of the first that is to go out
  std::vector<Pane<S>> panes{};
  FRESHET_RECORD(due, next_end, panes)
};

/// What some records of a key and pane come to. `S` as in Pane.
template <class S>
struct PanePart {
  std::int64_t start = 0;  ///< of the pane; RecordMeta::kNoTime: the record had no event time
  S states{};
  FRESHET_RECORD(start, states)
};

/// The table of panes of one operator.
template <class K, class S>
class PaneCells final : public Timed<WholeCells<K, Panes<S>>, K> {
  using Base = Timed<WholeCells<K, Panes<S>>, K>;

 public:
  /// `kind`: which windows; state of others is none of this.
  PaneCells(std::string kind, KeyScope<K>* scope) : Base("windows", std::move(kind), StateOptions{}, scope) {}

  StateDeclaration declaration() const override { return this->declare({}, schema_of<Panes<S>>()); }
  void commit_call() override {}
  void undo_call() override {}

  /// The panes of the key at hand; null when there are none.
  const Panes<S>* find() {
    const auto slot = this->find_slot();
    return slot == Base::Cells::kNone ? nullptr : &this->cells_.at(slot).value;
  }
  /// To change; made when there are none. rescheduled() follows.
  Panes<S>& get() { return this->cells_.at(this->make_slot()).value; }
  std::uint32_t current_slot() const { return this->cached_slot_; }
  /// The same by slot.
  Panes<S>& change(std::uint32_t slot) {
    this->before_change(slot);
    return this->cells_.at(slot).value;
  }
  /// What a key has to do is due at another time; without panes it is forgotten.
  void rescheduled(std::uint32_t slot) {
    if (!this->cells_.at(slot).value.panes.empty()) return this->schedule(slot);
    this->before_erase(slot);
    this->cells_.erase(slot);
    this->cached_call_ = ~0ULL;
  }

 protected:
  std::int64_t due_ms(std::uint32_t slot) const override { return this->cells_.at(slot).value.due; }
  std::uint64_t hash_of_key(const K& key) const override { return key_hash(key); }
  void forget_slot(std::uint32_t slot) override {
    this->unschedule(slot);
    Base::forget_slot(slot);
  }
};

/// Puts records into panes and finds out which windows are over. `S` as above; `merge(S&, const S&)` joins two.
template <class S>
class PaneRules {
 public:
  PaneRules(const WindowSpec& spec, Duration lateness)
      : spec_(spec),
        size_(spec.size.count()),
        slide_(spec.slide.count()),
        offset_(spec.offset.count()),
        lateness_(lateness.count()),
        slice_(spec.kind == WindowKind::sliding ? std::gcd(size_, slide_) : size_) {
    if (spec.zone && (zone_ = TimeZone::find(*spec.zone)) == nullptr)
      throw std::runtime_error("this machine's tz database has no zone " + *spec.zone);
  }

  bool is_sliding() const { return spec_.kind == WindowKind::sliding; }
  /// Of tumbling and sliding windows: where the pane of a time lies.
  Stretch pane_at(std::int64_t time) const {
    if (zone_ != nullptr) return near_.holds(time) ? near_ : near_ = zone_->piece_at(time, spec_.size, spec_.offset);
    const std::int64_t start = aligned(time, slice_, offset_);
    return {start, start + slice_ - 1};
  }

  /// Whether all windows of a record at `time` are over and gone. `panes`: its key's, or null. `window`: its own, where
  /// the kind is `same`.
  bool is_late(const Panes<S>* panes, std::int64_t time, const Window& window, std::int64_t watermark) const {
    if (watermark == kNoWatermark || spec_.kind == WindowKind::counting) return false;
    std::int64_t last = last_of(time, window);
    if (spec_.kind == WindowKind::session && panes != nullptr) {
      for (const auto& pane : panes->panes)
        if (touches(pane, time)) last = std::max(last, pane.last);
    }
    return is_over(last, watermark);
  }

  /// The pane that a record belongs to, made when it was not there; sessions that the record joins become one.
  template <class Merge>
  Pane<S>& pane_of(Panes<S>& all, std::int64_t time, const Window& window, Merge merge) const {
    auto& panes = all.panes;
    if (spec_.kind == WindowKind::counting) {
      if (panes.empty()) panes.push_back({.start = time, .last = time});
      panes[0].start = std::min(panes[0].start, time);
      panes[0].last = std::max(panes[0].last, time);
      return panes[0];
    }
    if (spec_.kind == WindowKind::session) return session_of(panes, time, merge);
    const auto [start, last] =
        spec_.kind == WindowKind::same ? Stretch{ms_of(window.start), ms_of(window.end)} : pane_at(time);
    auto at = panes.end();  // new ones belong at the end, mostly
    while (at != panes.begin() && std::pair((at - 1)->start, (at - 1)->last) > std::pair(start, last)) --at;
    if (at != panes.begin() && (at - 1)->start == start && (at - 1)->last == last) return *(at - 1);
    return *panes.insert(at, {.start = start, .last = last});
  }
  /// The panes that pane_of() would look at: so many from `first` on. For sessions all.
  std::span<const Pane<S>> panes_near(const Panes<S>& all, std::int64_t time, const Window& window) const {
    if (spec_.kind == WindowKind::session || spec_.kind == WindowKind::counting) return all.panes;
    const std::int64_t start = spec_.kind == WindowKind::same ? ms_of(window.start) : pane_at(time).start;
    const auto first =
        std::find_if(all.panes.begin(), all.panes.end(), [&](const auto& p) { return p.start >= start; });
    const auto behind = std::find_if(first, all.panes.end(), [&](const auto& p) { return p.start > start; });
    return {first, behind};
  }

  /// A record has gone into `pane`.
  void note_change(Panes<S>& all, Pane<S>& pane, std::int64_t watermark) const {
    pane.told_to = kNoWatermark;
    if (spec_.kind == WindowKind::counting) return;
    if (is_sliding()) {
      std::int64_t end = first_end_of(pane.start);
      // Windows that are over and gone do not go out again.
      while (watermark != kNoWatermark && is_over(end - 1, watermark)) end += slide_;
      all.next_end = std::min(all.next_end, end);
    }
    all.due = due_of(all);
  }

  /// What is due of a key first, up to `limit`: tell(window, its last moment, first pane, one behind the last) for a
  /// window whose result is to go out, if there is one; and what is over goes. Then the key is due at another time.
  template <class Tell>
  void go_on(Panes<S>& all, std::int64_t limit, Tell tell) const {
    if (is_sliding())
      slide_on(all, limit, tell);
    else
      fire_first(all, limit, tell);
    all.due = due_of(all);
  }

  /// What is not over of a key: tell() as above for each window that has gone out with less than is in it by now, or
  /// not yet. Changes nothing: they go out again when they are over.
  template <class Tell>
  void tell_running(const Panes<S>& all, Tell tell) const {
    if (!is_sliding()) {
      for (const auto& pane : all.panes)
        if (!is_told(pane)) tell(window_of(pane), pane.last, &pane, &pane + 1);
      return;
    }
    for (std::int64_t end = all.next_end; end != kNeverDue; end = next_end_behind(all, end)) {
      const auto in_it = panes_of(all.panes, end);
      if (!in_it.empty())
        tell(Window{Time(Duration(end - size_)), Time(Duration(end))}, end - 1, in_it.data(),
             in_it.data() + in_it.size());
    }
  }

  /// Where count windows end.
  bool is_full(std::uint64_t records) const { return spec_.kind == WindowKind::counting && records >= spec_.count; }
  Window window_of(const Pane<S>& pane) const {
    // A record right at a session's end belongs to it, and so does one at the end of the window that it came with.
    const bool ends_open = spec_.kind != WindowKind::session && spec_.kind != WindowKind::same;
    return {Time(Duration(pane.start)), Time(Duration(pane.last + ends_open))};
  }

 private:
  static bool is_told(const Pane<S>& pane) { return pane.told_to != kNoWatermark; }
  /// Of a window that is one pane.
  std::int64_t due_of(const Pane<S>& pane) const { return is_told(pane) ? pane.last + lateness_ : pane.last; }
  static std::int64_t ms_of(Time time) { return time.time_since_epoch().count(); }
  /// No record up to `last`, nor one that is late, is expected any more.
  bool is_over(std::int64_t last, std::int64_t watermark) const { return last < watermark - lateness_; }
  bool touches(const Pane<S>& pane, std::int64_t time) const { return time <= pane.last && time >= pane.start - size_; }
  std::int64_t last_of(std::int64_t time, const Window& window) const {
    if (spec_.kind == WindowKind::same) return ms_of(window.end);
    if (spec_.kind == WindowKind::session) return time + size_;
    if (zone_ != nullptr) return pane_at(time).last;
    return aligned(time, slide_, offset_) + size_ - 1;
  }
  /// Of the windows that hold a slice: where the first and the last one end.
  std::int64_t first_end_of(std::int64_t slice) const {
    return aligned(slice + slice_ - size_ + slide_ - 1, slide_, offset_) + size_;
  }
  std::int64_t last_end_of(std::int64_t slice) const { return aligned(slice, slide_, offset_) + size_; }

  template <class Merge>
  Pane<S>& session_of(std::vector<Pane<S>>& panes, std::int64_t time, Merge merge) const {
    auto into = panes.begin();
    while (into != panes.end() && into->last < time) ++into;
    if (into == panes.end() || !touches(*into, time)) return *panes.insert(into, {.start = time, .last = time + size_});
    into->start = std::min(into->start, time);
    into->last = std::max(into->last, time + size_);
    for (auto next = into + 1; next != panes.end() && next->start <= into->last;) {
      merge(into->states, next->states);
      into->last = std::max(into->last, next->last);
      next = panes.erase(next);
    }
    return *into;
  }

  /// The slices of the sliding window that ends at `end`.
  template <class PaneVector>
  auto panes_of(PaneVector& panes, std::int64_t end) const {
    const auto first = std::find_if(panes.begin(), panes.end(), [&](const auto& p) { return p.start >= end - size_; });
    const auto behind = std::find_if(first, panes.end(), [&](const auto& p) { return p.start >= end; });
    return std::span(first, behind);
  }
  /// The end of the first sliding window that holds something and ends behind `end`.
  std::int64_t next_end_behind(const Panes<S>& all, std::int64_t end) const {
    std::int64_t first = kNeverDue;
    for (const auto& pane : all.panes) {
      const std::int64_t next = std::max(first_end_of(pane.start), end + slide_);
      if (next <= last_end_of(pane.start)) first = std::min(first, next);
    }
    return first;
  }

  std::int64_t due_of(const Panes<S>& all) const {
    if (all.panes.empty() || spec_.kind == WindowKind::counting) return kNeverDue;
    if (is_sliding()) {
      const std::int64_t gone = last_end_of(all.panes.front().start) - 1 + lateness_;
      return std::min(gone, all.next_end == kNeverDue ? kNeverDue : all.next_end - 1);
    }
    std::int64_t due = kNeverDue;
    for (const auto& pane : all.panes) due = std::min(due, due_of(pane));
    return due;
  }

  template <class Tell>
  void fire_first(Panes<S>& all, std::int64_t limit, Tell tell) const {
    auto& panes = all.panes;
    const auto first = std::min_element(panes.begin(), panes.end(),
                                        [&](const auto& a, const auto& b) { return due_of(a) < due_of(b); });
    if (first == panes.end() || due_of(*first) > limit) return;
    const bool has_news = !is_told(*first);
    first->told_to = first->last + 1;
    if (has_news) tell(window_of(*first), first->last, &*first, &*first + 1);
    if (first->last + lateness_ <= limit) panes.erase(first);
  }

  /// A window goes out when something came into it since it did, or it never did.
  template <class Tell>
  void slide_on(Panes<S>& all, std::int64_t limit, Tell tell) const {
    auto& panes = all.panes;
    const std::int64_t end = all.next_end;
    if (end != kNeverDue && end - 1 <= limit) {
      const auto in_it = panes_of(panes, end);
      const bool has_news =
          std::any_of(in_it.begin(), in_it.end(), [&](const auto& pane) { return pane.told_to < end; });
      for (auto& pane : in_it) pane.told_to = std::max(pane.told_to, end);
      if (has_news)
        tell(Window{Time(Duration(end - size_)), Time(Duration(end))}, end - 1, in_it.data(),
             in_it.data() + in_it.size());
      all.next_end = next_end_behind(all, end);
    }
    while (!panes.empty()) {
      const std::int64_t last_end = last_end_of(panes.front().start);
      if (last_end >= all.next_end || last_end - 1 + lateness_ > limit) break;
      panes.erase(panes.begin());
    }
  }

  WindowSpec spec_;
  std::int64_t size_, slide_, offset_, lateness_;
  std::int64_t slice_;  // what overlapping windows are made of
  std::shared_ptr<const TimeZone> zone_;
  mutable Stretch near_{};  // of the zone; the piece looked for last
};

}  // namespace freshet::detail
