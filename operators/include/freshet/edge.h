#pragma once

#include <functional>

#include <freshet/element.h>
#include <freshet/stage.h>

/// Edges between tasks: how the records of one type find their receiving task and get into its frames, and out again.
/// This is the record path's innermost loop; it is made by the job's builder for each edge's types.
namespace freshet::detail {

/// The frame that a channel is filling. Remote ones hold bytes, those to a task of the same worker a batch.
struct OpenFrame {
  ByteBuffer bytes;                  ///< begins with the room that the header takes
  std::unique_ptr<BatchBase> batch;  ///< of a local channel
  std::uint32_t elements = 0;
  std::size_t size = 0;   ///< payload bytes, or weight of the batch
  std::size_t limit = 0;  ///< at this size the frame is full; 0: it is not open
  FrameDelta delta;

  bool has_room() const { return size < limit; }
};

/// The channels of one edge out of one task, as a router sees them.
class ChannelPort {
 public:
  virtual ~ChannelPort() = default;
  /// Sends the full frame of channel `to` and opens another. False: the channel has no credit.
  [[nodiscard]] virtual bool make_room(std::uint32_t to) = 0;

  std::vector<OpenFrame> frames;           ///< by receiving task
  std::vector<std::uint32_t> local_tasks;  ///< receiving tasks of the same worker
  std::uint32_t from_task = 0;
  std::uint32_t key_groups = 128;
  std::uint64_t max_record_bytes = 16u << 20;
};

/// Sends records to channels. One per edge and sending task.
class Router {
 public:
  virtual ~Router() = default;
  /// Takes records [from, view.size) until one's channel has no room; answers where to go on. Throws what the author's
  /// key or grouping function throws, and RejectRecord when a record is too large; `at` then names the record, and what
  /// stood before it has been sent.
  virtual std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) = 0;
  std::size_t at = 0;
};

/// What both ends of an edge know about its types.
class EdgeType {
 public:
  virtual ~EdgeType() = default;
  virtual std::unique_ptr<Router> make_router() const = 0;
  virtual std::unique_ptr<BatchBase> make_batch() const = 0;
  /// Reads records into `batch` until it has `max`, the next element is no record, or the bytes end. False: malformed.
  [[nodiscard]] virtual bool read_records(ByteReader& in, FrameDelta& delta, BatchBase& batch,
                                          std::size_t max) const = 0;
};

/// Key functions: of a stream without a key, and of one that goes on under the key it has.
struct NoKey {};
struct CarriedKey {};

/// Appends one record to a channel's open frame.
template <class K, class T, class KeyOf>
void put_record(OpenFrame& frame, const T& record, const RecordMeta& meta, const BatchBase& in, std::uint32_t index,
                const KeyOf& key_of, std::uint64_t max_record_bytes) {
  constexpr bool keyed = !std::is_void_v<K>;
  if (frame.batch) {
    auto& batch = static_cast<BatchOf<K, T>&>(*frame.batch);
    batch.records.add() = record;
    if constexpr (std::same_as<KeyOf, CarriedKey>)
      batch.keys.add() = static_cast<const KeyedBatch<K, T>&>(in).keys[index];
    else if constexpr (keyed)
      batch.keys.add() = std::invoke(key_of, record);
    batch.metas.push_back(meta);
    frame.size += sizeof(T) + sizeof(RecordMeta) + heap_bytes(record);
  } else {
    const std::size_t before = frame.bytes.size();
    const FrameDelta delta_before = frame.delta;
    std::size_t most = kMaxMetaSize + max_encoded_size(record) + kCursorSlack;
    if constexpr (std::same_as<KeyOf, CarriedKey>)
      most += max_encoded_size(static_cast<const KeyedBatch<K, T>&>(in).keys[index]);
    Cursor cursor{frame.bytes.room_for(most)};
    write_meta(cursor, frame.delta, meta, keyed && !kHashedAgain<K>);
    encode(cursor, record);
    if constexpr (std::same_as<KeyOf, CarriedKey>) encode(cursor, static_cast<const KeyedBatch<K, T>&>(in).keys[index]);
    frame.bytes.end_at(cursor.next);
    const std::size_t length = frame.bytes.size() - before;
    if (length > max_record_bytes) [[unlikely]] {
      frame.bytes.truncate(before);
      frame.delta = delta_before;
      throw RejectRecord("the record takes " + std::to_string(length) +
                             " bytes encoded, more than max_record_bytes = " + std::to_string(max_record_bytes),
                         "record too large");
    }
    frame.size += length;
  }
  ++frame.elements;
}

/// What a choice answers when no channel has room.
inline constexpr std::uint32_t kNowhere = 0xffffffff;

/// Chooses a task by what `choose(record, meta)` answers; needs room only there.
template <class K, class T, class KeyOf, class Choose>
class ChoosingRouter final : public Router {
 public:
  ChoosingRouter(KeyOf key_of, Choose choose) : key_of_(std::move(key_of)), choose_(std::move(choose)) {}
  [[gnu::flatten]] std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      const auto index = view.index(at);
      RecordMeta meta = in.metas[index];
      const std::uint32_t to = choose_(in.records[index], meta, port);
      if (to == kNowhere) return at;
      OpenFrame& frame = port.frames[to];
      if (!frame.has_room() && !port.make_room(to)) return at;
      put_record<K>(frame, in.records[index], meta, in, index, key_of_, port.max_record_bytes);
      if constexpr (requires { choose_.chosen(to); }) choose_.chosen(to);
    }
    return view.size;
  }

 private:
  KeyOf key_of_;
  Choose choose_;
};

/// To the task that owns the key's group.
template <class KeyOf>
struct ByKey {
  KeyOf key_of;
  std::vector<std::uint32_t> task_of_group{};

  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta& meta, ChannelPort& port) {
    if (task_of_group.empty()) {
      const auto tasks = static_cast<std::uint32_t>(port.frames.size());
      for (std::uint32_t group = 0; group < port.key_groups; ++group)
        task_of_group.push_back(task_of_key_group(group, port.key_groups, tasks));
    }
    meta.key_hash = key_hash(std::invoke(key_of, record));
    return task_of_group[key_group_of(meta.key_hash, static_cast<std::uint32_t>(task_of_group.size()))];
  }
};

/// In turn, passing over channels without room, so that a slow task gets less.
struct RoundRobin {
  bool local_first = false;
  std::size_t next = 0;

  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort& port) {
    const bool local = local_first && !port.local_tasks.empty();
    const std::size_t count = local ? port.local_tasks.size() : port.frames.size();
    for (std::size_t tried = 0; tried < count; ++tried) {
      next = next + 1 < count ? next + 1 : 0;
      const std::uint32_t to = local ? port.local_tasks[next] : static_cast<std::uint32_t>(next);
      if (port.frames[to].has_room() || port.make_room(to)) return to;
    }
    return kNowhere;
  }
};

struct SameIndex {
  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort& port) const {
    return port.from_task;
  }
};

struct FirstTask {
  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort&) const {
    return 0;
  }
};

/// To the task that the author's function names.
template <class F>
struct Named {
  F function;
  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta&, ChannelPort& port) {
    const std::size_t to = function(record, port.frames.size());
    if (to >= port.frames.size())
      throw RejectRecord(
          "the grouping function named task " + std::to_string(to) + " of " + std::to_string(port.frames.size()),
          "bad grouping");
    return static_cast<std::uint32_t>(to);
  }
};

/// Of two tasks that the key's hash names, to the one that got less so far (Nasir et al. 2015, two choices).
template <class KeyOf>
struct TwoChoices {
  KeyOf key_of;
  std::vector<std::uint64_t> sent{};

  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta&, ChannelPort& port) {
    sent.resize(port.frames.size());
    const std::uint64_t hash = key_hash(std::invoke(key_of, record));
    const auto tasks = static_cast<std::uint32_t>(port.frames.size());
    const std::uint32_t one = key_group_of(hash, tasks);
    const std::uint32_t other = key_group_of(hash << 32, tasks);
    return sent[one] <= sent[other] ? one : other;
  }
  void chosen(std::uint32_t to) { ++sent[to]; }
};

/// Every task gets every record; goes on only when all have room.
template <class T>
class BroadcastRouter final : public Router {
 public:
  std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      for (std::uint32_t to = 0; to < port.frames.size(); ++to) {
        if (!port.frames[to].has_room() && !port.make_room(to)) return at;
      }
      // Encoded ones first: where the record is too large for one, no task gets it.
      const auto index = view.index(at);
      for (const bool local : {false, true}) {
        for (auto& frame : port.frames) {
          if ((frame.batch != nullptr) == local)
            put_record<void>(frame, in.records[index], in.metas[index], in, index, NoKey{}, port.max_record_bytes);
        }
      }
    }
    return view.size;
  }
};

/// `K` void: the receiver gets a stream without a key. Else a keyed one, whose key comes from `KeyOf` on both sides, or
/// travels beside the record (CarriedKey).
template <class K, class T, class KeyOf>
class TypedEdge final : public EdgeType {
 public:
  using MakeRouter = std::function<std::unique_ptr<Router>()>;
  TypedEdge(KeyOf key_of, MakeRouter make_router) : key_of_(std::move(key_of)), make_router_(std::move(make_router)) {}
  std::unique_ptr<Router> make_router() const override { return make_router_(); }
  std::unique_ptr<BatchBase> make_batch() const override { return std::make_unique<BatchOf<K, T>>(); }

  // Flat: what it calls for each field is small, and costs as much to call as to do.
  [[gnu::flatten]] bool read_records(ByteReader& in, FrameDelta& delta, BatchBase& into,
                                     std::size_t max) const override {
    auto& batch = static_cast<BatchOf<K, T>&>(into);
    while (in.remaining() != 0 && batch.size() < max) {
      const auto tag = static_cast<std::uint8_t>(*in.position());
      if ((tag & kKindBits) != static_cast<std::uint8_t>(ElementKind::record)) return true;
      std::uint8_t skipped = 0;
      RecordMeta meta;
      if (!in.byte(skipped) || !read_meta(in, tag, delta, meta)) return false;
      T& record = batch.records.add();
      if (!decode(in, record)) return false;
      if constexpr (std::same_as<KeyOf, CarriedKey>) {
        if (!decode(in, batch.keys.add())) return false;
      } else if constexpr (!std::is_void_v<K>) {
        batch.keys.add() = std::invoke(key_of_, std::as_const(record));
      }
      if constexpr (kHashedAgain<K>) meta.key_hash = key_hash(batch.keys.back());
      batch.metas.push_back(meta);
    }
    return true;
  }

 private:
  KeyOf key_of_;
  MakeRouter make_router_;
};

template <class K, class T, class KeyOf, class Choose>
std::shared_ptr<const EdgeType> make_edge(KeyOf key_of, Choose choose) {
  return std::make_shared<TypedEdge<K, T, KeyOf>>(key_of, [key_of, choose]() -> std::unique_ptr<Router> {
    return std::make_unique<ChoosingRouter<K, T, KeyOf, Choose>>(key_of, choose);
  });
}

template <class T>
std::shared_ptr<const EdgeType> make_broadcast_edge() {
  return std::make_shared<TypedEdge<void, T, NoKey>>(
      NoKey{}, []() -> std::unique_ptr<Router> { return std::make_unique<BroadcastRouter<T>>(); });
}

}  // namespace freshet::detail
