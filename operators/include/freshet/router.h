#pragma once

#include <freshet/element.h>
#include <freshet/record_form.h>
#include <freshet/stage.h>

/// Routers: how the records of one type find their receiving task and get into its frames. This is the record path's
/// innermost loop; it is made by the job's builder for each edge's types.
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
  /// Sends what it keeps back. False: a channel has no room, call again.
  [[nodiscard]] virtual bool drain(ChannelPort&) { return true; }
  /// The same before a watermark: what must not come behind it.
  [[nodiscard]] virtual bool drain_before(ChannelPort& port, std::int64_t /*time_ms*/) { return drain(port); }
  virtual bool keeps_some() const { return false; }
  /// How long it may keep something back, at the most: results then go out by time, and can wait so long.
  virtual std::chrono::milliseconds keeps_for() const { return std::chrono::milliseconds(10); }
  std::size_t at = 0;
};

/// Key functions: of a stream without a key, and of one that goes on under the key it has.
struct NoKey {};
struct CarriedKey {};

/// Key functions of several fields: they need make no tuple of texts for a key's hash, or to put it into a batch.
struct KeyOfParts {};

/// A record's key, and the hash of it.
template <class KeyOf, class T, class K>
void find_key(const KeyOf& key_of, const T& record, K& key) {
  if constexpr (std::derived_from<KeyOf, KeyOfParts>)
    key_of.read(record, key);
  else
    key = std::invoke(key_of, record);
}
template <class KeyOf, class T>
std::uint64_t hash_of_key(const KeyOf& key_of, const T& record) {
  if constexpr (std::derived_from<KeyOf, KeyOfParts>)
    return key_of.hash(record);
  else
    return key_hash(std::invoke(key_of, record));
}

/// Appends one record to a channel's open frame. `key`: what computes its key, NoKey, or the key itself, which then
/// travels beside the record.
template <class K, class T, class Key, class Form = WholeRecord>
void put_record(OpenFrame& frame, const T& record, const RecordMeta& meta, const Key& key,
                std::uint64_t max_record_bytes, const Form& form = {}) {
  constexpr bool keyed = !std::is_void_v<K>;
  constexpr bool carries_key = std::same_as<Key, K>;
  if (frame.batch) {
    auto& batch = static_cast<BatchOf<K, T>&>(*frame.batch);
    form.copy(batch.records.add(), record);
    if constexpr (carries_key)
      batch.keys.add() = key;
    else if constexpr (keyed)
      find_key(key, record, batch.keys.add());
    batch.metas.push_back(meta);
    frame.size += sizeof(T) + sizeof(RecordMeta) + heap_bytes(batch.records.back());
  } else {
    const std::size_t before = frame.bytes.size();
    const FrameDelta delta_before = frame.delta;
    std::size_t most = kMaxMetaSize + max_encoded_size(record) + kCursorSlack;
    if constexpr (carries_key) most += max_encoded_size(key);
    Cursor cursor{frame.bytes.room_for(most)};
    write_meta(cursor, frame.delta, meta, keyed && !kHashedAgain<K>);
    form.encode(cursor, record);
    if constexpr (carries_key) encode(cursor, key);
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

}  // namespace freshet::detail
