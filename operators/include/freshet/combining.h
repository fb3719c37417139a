#pragma once

#include <algorithm>
#include <bit>
#include <functional>

#include <freshet/groupings.h>

/// Combining records of one key before they are sent, also called pre-aggregation: where the receiver would add them up
/// anyway and shows its results by time only, nobody can tell.
namespace freshet::detail {

class EdgeType;

/// How two records of one key become one, or become less, before they are sent; without their type.
class Combiner {
 public:
  virtual ~Combiner() = default;
  /// What comes are parts of panes, not records.
  virtual bool makes_parts() const { return false; }
  /// The fields that travel, where it is not the whole record.
  virtual std::vector<std::string> fields() const { return {}; }
};

/// Makes something else of the records of T under the key K before they are sent; see EdgeType::replaced().
template <class K, class T>
class KeyedReplacement : public Combiner {
 public:
  using KeyInto = std::function<void(const T&, K&)>;
  /// The edge that carries it in place of records, whose key `key_into` finds.
  virtual std::shared_ptr<const EdgeType> edge(KeyInto key_into) const = 0;
};

/// combine(into, next): `into` stands for both from then on. Each router has a copy of its own.
template <class T>
class CombinerOf final : public Combiner {
 public:
  explicit CombinerOf(std::function<void(T&, const T&)> function) : combine(std::move(function)) {}
  const std::function<void(T&, const T&)> combine;
};

/// A key function of fields: it can tell whether two records have the same key, and give one the key of another.
template <class KeyOf, class T>
concept KeyOfFields = requires(const KeyOf& key_of, T& into, const T& record) {
  { key_of.is_same(record, record) } -> std::same_as<bool>;
  key_of.copy(into, record);
};

/// By key, as ByKey does, but keeps one record of each of some thousand keys back and combines what comes for the same
/// key with it (partial pre-aggregation, Larson 2002). A slot for each value of some bits of the hash. When another key
/// wants one, who has just been combined stays, and who has not stays three times of four: keys that come once shall
/// not drive out those that come again. Where hardly a record meets one of its key it rests for a while. What it keeps
/// goes out by drain(), records of one key always in their order. What is long is not kept, also when it became so.
template <class K, class T, class KeyOf>
class CombiningRouter final : public Router {
 public:
  CombiningRouter(KeyOf key_of, const CombinerOf<T>& combiner)
      : by_key_{std::move(key_of)}, combine_(combiner.combine), slots_(kSlots) {}

  std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      const auto index = view.index(at);
      if (!take(in.records[index], view.meta(at), port)) return at;
    }
    return view.size;
  }
  bool drain(ChannelPort& port) override {
    for (; kept_ != 0; drained_ = (drained_ + 1) % kSlots) {
      if (slots_[drained_].is_used && !send(slots_[drained_], port)) return false;
    }
    return true;
  }
  bool keeps_some() const override { return kept_ != 0; }

 private:
  struct Slot {
    bool is_used = false;
    bool was_met = false;  ///< since another key last wanted the slot
    std::uint32_t to = 0;
    RecordMeta meta{};
    T record{};
  };
  /// They fit into the second level of a processor's cache.
  static constexpr std::size_t kSlots = std::clamp<std::size_t>(std::bit_floor((512u << 10) / sizeof(Slot)), 64, 4096);
  /// A record with more of its own memory is not kept back.
  static constexpr std::size_t kMostHeap = 256;
  /// So many records are looked at; when fewer than one of eight met their key, so many pass without.
  static constexpr std::uint32_t kLookedAt = 1u << 15, kOneOf = 8, kRest = 1u << 20;
  static constexpr std::uint32_t kTurnedAway = 4;

  /// False: no room where it, or another, has to go first.
  [[gnu::always_inline]] bool take(const T& record, const RecordMeta& meta, ChannelPort& port) {
    const std::uint64_t hash = hash_of_key(by_key_.key_of, record);
    Slot& slot = slots_[hash % kSlots];
    if (resting_ == 0 && has_key(slot, record, hash) && can_be_kept(record, port) && can_be_kept(slot.record, port)) {
      combine_(slot.record, record);
      by_key_.key_of.copy(slot.record, record);  // whatever the author's function made of it
      slot.meta.event_time_ms = meta.event_time_ms;
      slot.meta.position = meta.position;
      slot.was_met = true;
      ++met_;
      count();
      return true;
    }
    RecordMeta hashed = meta;
    hashed.key_hash = hash;
    return resting_ != 0 ? pass(record, hashed, port) : take_alone(slot, record, hashed, port);
  }
  /// It meets none of its key that it could become one with.
  bool take_alone(Slot& slot, const T& record, const RecordMeta& meta, ChannelPort& port) {
    if (has_key(slot, record, meta.key_hash) && !send(slot, port)) return false;
    const std::uint32_t to = by_key_.task_of(meta.key_hash, port);
    const bool stays = std::exchange(slot.was_met, false) || (slot.is_used && ++turned_away_ % kTurnedAway != 0);
    if (stays || !can_be_kept(record, port)) {
      if (!send(record, meta, to, port, port.max_record_bytes)) return false;
    } else {
      if (slot.is_used && !send(slot, port)) return false;
      slot.record = record;  // may throw
      slot.is_used = true;
      slot.to = to;
      slot.meta = meta;
      ++kept_;
    }
    count();
    return true;
  }
  bool pass(const T& record, const RecordMeta& meta, ChannelPort& port) {
    const std::uint32_t to = by_key_.task_of(meta.key_hash, port);
    if (!drain(port) || !send(record, meta, to, port, port.max_record_bytes)) return false;
    if (--resting_ == 0) looked_at_ = met_ = 0;
    return true;
  }
  bool has_key(const Slot& slot, const T& record, std::uint64_t hash) const {
    return slot.is_used && slot.meta.key_hash == hash && by_key_.key_of.is_same(slot.record, record);
  }
  bool can_be_kept(const T& record, const ChannelPort& port) const {
    return heap_bytes(record) <= kMostHeap && kMaxMetaSize + max_encoded_size(record) <= port.max_record_bytes;
  }
  void count() {
    if (++looked_at_ < kLookedAt) return;
    if (met_ < looked_at_ / kOneOf) resting_ = kRest;
    looked_at_ = met_ = 0;
  }
  /// Of a length that nobody is to blame for: each record that it stands for could be kept.
  bool send(Slot& slot, ChannelPort& port) {
    if (!send(slot.record, slot.meta, slot.to, port, std::numeric_limits<std::uint64_t>::max())) return false;
    slot.is_used = slot.was_met = false;
    --kept_;
    return true;
  }
  bool send(const T& record, const RecordMeta& meta, std::uint32_t to, ChannelPort& port, std::uint64_t most_bytes) {
    OpenFrame& frame = port.frames[to];
    if (!frame.has_room() && !port.make_room(to)) return false;
    put_record<K>(frame, record, meta, by_key_.key_of, most_bytes);
    return true;
  }

  ByKey<KeyOf> by_key_;
  const std::function<void(T&, const T&)> combine_;
  std::vector<Slot> slots_;
  std::size_t kept_ = 0;
  std::size_t drained_ = 0;        // the slot at which drain() goes on
  std::uint32_t looked_at_ = 0;    // records, since it was last decided whether to go on
  std::uint32_t met_ = 0;          // of these, those that met one of their key
  std::uint32_t resting_ = 0;      // records that are still to pass
  std::uint32_t turned_away_ = 0;  // records whose slot another key had
};

}  // namespace freshet::detail
