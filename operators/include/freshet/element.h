#pragma once

#include <freshet/batch.h>

/// Stream elements as bytes inside a frame. Frozen: golden tests hold every byte.
///
/// Each element begins with a tag: kind in the low four bits, flags above. A record goes on with
///   [event time]  when kHasTime:      msgpack integer, ms, difference to the frame's previous one
///   [partition]   when kNewPartition: msgpack integer
///   [offset]      when kHasPosition:  msgpack integer, difference to the frame's previous one
///   [key hash]    when kHasHash:      8 bytes, little-endian
/// and then the record: msgpack array of its fields, on some edges of a few of them (record_form.h), followed by its
/// key's msgpack on channels that carry keys.
/// Differences are modulo 2^64, count from 0 at the start of a frame, and keep a record's meta at two or three bytes.
namespace freshet {

enum class ElementKind : std::uint8_t {
  record = 0,
  watermark = 1,  ///< no record with an earlier event time is expected; time
  idle = 2,       ///< nothing will come for now: do not wait for this channel's watermark
  active = 3,
  barrier = 4,        ///< everything before belongs to the checkpoint, everything behind does not; id, kind, payload
  end_of_data = 5,    ///< no record will come any more; barriers may
  end_of_stream = 6,  ///< nothing will come any more
  tried_again = 7,    ///< a record that has been in a retry lane
};
FRESHET_ENUM(ElementKind, record, watermark, idle, active, barrier, end_of_data, end_of_stream, tried_again)

enum class BarrierKind : std::uint8_t { checkpoint, savepoint, final_checkpoint };
FRESHET_ENUM(BarrierKind, checkpoint, savepoint, final_checkpoint)

/// Any element that is not a record.
struct ControlElement {
  ElementKind kind = ElementKind::watermark;
  std::int64_t time_ms = 0;      ///< of a watermark
  std::uint64_t checkpoint = 0;  ///< of a barrier
  BarrierKind barrier = BarrierKind::checkpoint;
  std::string payload{};  ///< of a barrier; at most kMaxBarrierPayload bytes
  bool operator==(const ControlElement&) const = default;
};

inline constexpr std::size_t kMaxBarrierPayload = 4096;

namespace detail {

inline constexpr std::uint8_t kKindBits = 0x0f;
inline bool is_record(std::uint8_t tag) {
  const auto kind = static_cast<ElementKind>(tag & kKindBits);
  return kind == ElementKind::record || kind == ElementKind::tried_again;
}
inline constexpr std::uint8_t kHasTime = 0x10;
inline constexpr std::uint8_t kHasHash = 0x20;
inline constexpr std::uint8_t kHasPosition = 0x40;
inline constexpr std::uint8_t kNewPartition = 0x80;

/// What the differences inside a frame count from. Sender and receiver keep one each.
struct FrameDelta {
  std::uint64_t time = 0;
  std::uint64_t offset = 0;
  std::uint32_t partition = 0;
};

/// What stands before a record is no longer than this.
inline constexpr std::size_t kMaxMetaSize = 1 + 9 + 5 + 9 + 8;

/// Writes where kMaxMetaSize bytes fit, and a cursor's slack.
inline void write_meta(Cursor& out, FrameDelta& delta, const RecordMeta& meta, bool with_hash) {
  std::uint8_t tag =
      static_cast<std::uint8_t>(meta.position.tried_again ? ElementKind::tried_again : ElementKind::record);
  if (meta.event_time_ms != RecordMeta::kNoTime) tag |= kHasTime;
  if (meta.position.offset != 0 || meta.position.partition != 0) tag |= kHasPosition;
  if (meta.position.partition != delta.partition) tag |= kNewPartition | kHasPosition;
  if (with_hash) tag |= kHasHash;
  const char first = static_cast<char>(tag);
  out.write(&first, 1);
  const auto difference = [&](std::uint64_t value, std::uint64_t& previous) {
    out.signed_integer(static_cast<std::int64_t>(value - previous));
    previous = value;
  };
  if (tag & kHasTime) difference(static_cast<std::uint64_t>(meta.event_time_ms), delta.time);
  if (tag & kNewPartition) out.unsigned_integer(delta.partition = meta.position.partition);
  if (tag & kHasPosition) difference(meta.position.offset, delta.offset);
  if (with_hash) out.write(reinterpret_cast<const char*>(&meta.key_hash), sizeof meta.key_hash);
}

/// Reads what follows a record's tag.
[[nodiscard]] inline bool read_meta(ByteReader& in, std::uint8_t tag, FrameDelta& delta, RecordMeta& meta) {
  const auto difference = [&](std::uint64_t& previous) {
    std::int64_t step = 0;
    if (!read_integer(in, step)) return false;
    previous += static_cast<std::uint64_t>(step);
    return true;
  };
  if (tag & kHasTime) {
    if (!difference(delta.time)) return false;
    meta.event_time_ms = static_cast<std::int64_t>(delta.time);
  }
  if ((tag & kNewPartition) && !read_integer(in, delta.partition)) return false;
  if (tag & kHasPosition) {
    if (!difference(delta.offset)) return false;
    meta.position = {delta.partition, delta.offset};
  }
  meta.position.tried_again = (tag & kKindBits) == static_cast<std::uint8_t>(ElementKind::tried_again);
  if (tag & kHasHash) {
    std::string_view hash;
    if (!in.bytes(sizeof meta.key_hash, hash)) return false;
    std::memcpy(&meta.key_hash, hash.data(), sizeof meta.key_hash);
  }
  return true;
}

}  // namespace detail

void write_control(ByteBuffer& out, const ControlElement& element);
/// Reads one element that is not a record; false when it is malformed or of an unknown kind.
[[nodiscard]] bool read_control(ByteReader& in, ControlElement& element);

}  // namespace freshet
