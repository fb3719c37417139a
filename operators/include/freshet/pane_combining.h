#pragma once

#include <array>
#include <bit>
#include <functional>

#include <freshet/edge.h>
#include <freshet/window_panes.h>

/// Summing up the records of one key and pane before they are sent (partial pre-aggregation, Larson 2002): what a
/// window comes to shows only when the watermark has passed it, so nobody can tell. Parts of panes travel in place of
/// records.
namespace freshet::detail {

/// By key, as ByKey does, with parts of panes in place of records. Keeps those of some thousand keys and panes back
/// until the watermark reaches their ends, a slot for each value of some bits of the hash. When another wants one, who
/// has just been added to stays, and who has not stays three times of four: keys that come once shall not drive out
/// those that come again.
template <class K, class T, class Summary>
class PaneRouter final : public Router {
  using S = std::pair<std::uint64_t, typename Summary::States>;

 public:
  using KeyInto = typename KeyedReplacement<K, T>::KeyInto;
  PaneRouter(KeyInto key_into, const WindowSpec& spec, Summary summary)
      : key_into_(std::move(key_into)), rules_(spec, Duration(0)), summary_(std::move(summary)), slots_(kSlots) {}

  std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    std::size_t next = from;  // to be looked at
    for (at = from; at < view.size; ++at) {
      for (const std::size_t end = std::min<std::size_t>(at + kAhead, view.size); next < end; ++next) {
        if (!look_at(in.records[view.index(next)], view.meta(next), ahead_[next % kAhead], next == at)) break;
      }
      const auto index = view.index(at);
      if (!take(in.records[index], ahead_[at % kAhead], port)) return at;
    }
    return view.size;
  }
  bool drain(ChannelPort& port) override { return drain_up_to(kNeverDue, port); }
  bool drain_before(ChannelPort& port, std::int64_t time_ms) override {
    watermark_ = std::max(watermark_, time_ms);
    return kept_ == 0 || first_last_ >= time_ms || drain_up_to(time_ms - 1, port);
  }
  bool keeps_some() const override { return kept_ != 0; }
  std::chrono::milliseconds keeps_for() const override { return kKept; }

 private:
  /// Whose a part is and where it goes.
  struct Address {
    K key{};
    RecordMeta meta{};
    std::uint32_t to = 0;
  };
  struct Slot {
    bool is_used = false;
    bool was_met = false;  ///< since another last wanted the slot
    Address address{};
    PanePart<S> part{};
  };
  /// What has been found out of a record whose turn comes.
  struct Ahead {
    Address address{};
    std::int64_t start = 0, last = 0;  ///< of its pane
    Slot* slot = nullptr;
  };
  /// So many that of keys by Zipf's law, a million of them, two of three records meet one of theirs.
  static constexpr std::size_t kSlots =
      std::clamp<std::size_t>(std::bit_floor((std::size_t{4} << 20) / sizeof(Slot)), 64, 65'536);
  static constexpr std::uint32_t kTurnedAway = 4;
  /// A key with more of its own memory is not kept back.
  static constexpr std::size_t kMostHeap = 256;
  /// The pane is not over before a watermark says so; but who reads the state of windows shall see what is in them.
  static constexpr std::chrono::milliseconds kKept{100};
  static constexpr std::size_t kAhead = 16;

  /// Finds a record's slot, and asks memory for it. False: its key function throws, and it is not its turn.
  [[gnu::always_inline]] bool look_at(const T& record, const RecordMeta& meta, Ahead& found, bool is_its_turn) {
    try {
      key_into_(record, found.address.key);
    } catch (...) {
      if (is_its_turn) throw;
      return false;
    }
    const std::uint64_t hash = key_hash(found.address.key);
    found.address.meta = meta;
    found.address.meta.key_hash = hash;
    if (meta.event_time_ms < start_ || meta.event_time_ms > last_) find_pane(meta.event_time_ms);
    found.start = start_;
    found.last = last_;
    found.slot = &slots_[((hash + static_cast<std::uint64_t>(start_) * 0x9e3779b97f4a7c15ULL) >> 7) % kSlots];
    __builtin_prefetch(found.slot, 1);
    __builtin_prefetch(reinterpret_cast<const char*>(found.slot) + sizeof(Slot) - 1, 1);
    return true;
  }
  /// False: no room where it, or another, has to go first.
  [[gnu::always_inline]] bool take(const T& record, Ahead& of, ChannelPort& port) {
    Slot& slot = *of.slot;
    const RecordMeta& meta = of.address.meta;
    const bool is_its = slot.is_used && slot.address.meta.key_hash == meta.key_hash && slot.part.start == of.start &&
                        slot.address.meta.position.tried_again == meta.position.tried_again &&  // it is counted apart
                        slot.address.key == of.address.key;
    if (is_its) [[likely]] {
      add(slot.part.states, record);
      slot.address.meta = meta;
      slot.was_met = true;
      return true;
    }
    return take_alone(record, of, port);
  }
  /// It meets none of its key and pane.
  [[gnu::noinline]] bool take_alone(const T& record, Ahead& of, ChannelPort& port) {
    Slot& slot = *of.slot;
    of.address.to = task_of_.task_of(of.address.meta.key_hash, port);
    const bool stays = std::exchange(slot.was_met, false) || (slot.is_used && ++turned_away_ % kTurnedAway != 0);
    // What is late already does not become later.
    if (stays || of.start == RecordMeta::kNoTime || of.last < watermark_ || heap_bytes(of.address.key) > kMostHeap) {
      single_.start = of.start;
      single_.states = {};
      add(single_.states, record);
      return send(of.address, single_, port, port.max_record_bytes);
    }
    if (slot.is_used && !send(slot, port)) return false;
    slot.part.start = of.start;
    slot.part.states = {};
    add(slot.part.states, record);
    slot.address = of.address;
    slot.is_used = true;
    ++kept_;
    first_last_ = std::min(first_last_, of.last);
    return true;
  }
  void add(S& into, const T& record) const {
    ++into.first;
    summary_.add(into.second, summary_.take(record, into.second, false));
  }
  [[gnu::noinline]] void find_pane(std::int64_t time_ms) {
    if (time_ms == RecordMeta::kNoTime) {
      start_ = last_ = RecordMeta::kNoTime;
    } else {
      const auto pane = rules_.pane_at(time_ms);
      start_ = pane.start;
      last_ = pane.last;
    }
  }

  /// Sends what is of panes that end at `limit` or before. False: no room for some of it. Looks at every slot each
  /// time: between two tries records come, and another limit may have been asked for.
  bool drain_up_to(std::int64_t limit, ChannelPort& port) {
    std::int64_t first_left = kNeverDue;
    for (std::size_t i = 0; kept_ != 0 && i < kSlots; ++i) {
      Slot& slot = slots_[i];
      if (!slot.is_used) continue;
      const std::int64_t last = rules_.pane_at(slot.part.start).last;
      if (last > limit)
        first_left = std::min(first_left, last);
      else if (!send(slot, port))
        return false;
    }
    first_last_ = first_left;
    return true;
  }
  bool send(Slot& slot, ChannelPort& port) {
    if (!send(slot.address, slot.part, port, std::numeric_limits<std::uint64_t>::max())) return false;
    slot.is_used = slot.was_met = false;
    --kept_;
    return true;
  }
  bool send(const Address& address, const PanePart<S>& part, ChannelPort& port, std::uint64_t most_bytes) {
    OpenFrame& frame = port.frames[address.to];
    if (!frame.has_room() && !port.make_room(address.to)) return false;
    put_record<K>(frame, part, address.meta, address.key, most_bytes);
    return true;
  }

  KeyInto key_into_;
  PaneRules<S> rules_;
  Summary summary_;
  ByKey<NoKey> task_of_{};
  std::vector<Slot> slots_;
  std::size_t kept_ = 0;
  std::int64_t first_last_ = kNeverDue;  // no pane that is kept ends earlier
  std::int64_t watermark_ = kNoWatermark;
  std::int64_t start_ = 0, last_ = -1;  // of the pane looked at last
  std::array<Ahead, kAhead> ahead_{};   // by number of the record in its batch
  std::uint32_t turned_away_ = 0;       // records whose slot another had
  PanePart<S> single_{};
};

/// What carries parts of panes: they travel beside their key.
template <class K, class T, class Summary>
class PaneEdge final : public EdgeType {
  using Part = PanePart<std::pair<std::uint64_t, typename Summary::States>>;

 public:
  using KeyInto = typename KeyedReplacement<K, T>::KeyInto;
  PaneEdge(KeyInto key_into, const WindowSpec& spec, Summary summary)
      : key_into_(std::move(key_into)), spec_(spec), summary_(std::move(summary)) {}
  std::unique_ptr<Router> make_router() const override {
    return std::make_unique<PaneRouter<K, T, Summary>>(key_into_, spec_, summary_);
  }
  std::unique_ptr<Router> make_combining_router(const Combiner&) const override { return make_router(); }
  std::unique_ptr<BatchBase> make_batch() const override { return parts_.make_batch(); }
  bool read_records(ByteReader& from, FrameDelta& delta_from, BatchBase& into, std::size_t max) const override {
    return parts_.read_records(from, delta_from, into, max);
  }

 private:
  const KeyInto key_into_;
  const WindowSpec spec_;
  const Summary summary_;
  const TypedEdge<K, Part, CarriedKey> parts_{{}, nullptr};
};

/// Takes the place of the edge to one window step.
template <class K, class T, class Summary>
class PaneCombiner final : public KeyedReplacement<K, T> {
 public:
  PaneCombiner(const WindowSpec& spec, Summary summary) : spec_(spec), summary_(std::move(summary)) {}
  bool makes_parts() const override { return true; }
  std::shared_ptr<const EdgeType> edge(typename KeyedReplacement<K, T>::KeyInto key_into) const override {
    return std::make_shared<PaneEdge<K, T, Summary>>(std::move(key_into), spec_, summary_);
  }

 private:
  const WindowSpec spec_;
  const Summary summary_;
};

}  // namespace freshet::detail
