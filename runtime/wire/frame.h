#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/ids.h"

/// What workers say to each other. Frozen: golden tests hold every byte.
///
/// The story. A worker that has tuples for another connects to it and introduces itself (hello). From then on the pair
/// speaks in messages, each one header and one payload.
///
///   sender                                         receiver
///     hello      {job, attempt, worker}              ─▶   refused, and counted, when job or attempt is not its own
///     data       a frame of one channel              ─▶   into the channel's queue; sequence must be the next
///     heartbeat  {channel: highest sequence sent}…   ─▶   a tail that got lost shows here: the attempt fails loudly
///     ◀─ grant   {channel: bytes taken so far}…           cumulative: a lost grant is healed by the next
///
/// A channel's credit is `window` bytes: what was sent and not yet granted never exceeds it, but for one oversized
/// frame. A frame costs its length plus kFrameCost. The receiver grants what its task has consumed.
///
/// Inside a data frame stand stream elements, back to back, in FIFO order; see element.h for each one's bytes.
namespace freshet::wire {

inline constexpr std::uint32_t kMagic = 0x48535246;  // "FRSH" as little-endian bytes
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 72;
/// What a frame costs beside its bytes: about what its bookkeeping weighs on both sides.
inline constexpr std::uint32_t kFrameCost = 256;
/// No message between workers is longer; one record of kMaxRecordBytes fits.
inline constexpr std::uint32_t kMaxPayloadBytes = 64u << 20;

enum class MessageKind : std::uint8_t { data = 1, grant = 2, heartbeat = 3, hello = 4 };

/// The first 72 bytes of every message, little-endian, in this order.
struct FrameHeader {
  // magic u32, version u8
  MessageKind kind = MessageKind::data;  // u8
  std::uint16_t flags = 0;               // none defined: others are refused
  Attempt attempt{};                     // u32
  Revision revision{};                   // u32
  ChannelId channel{};                   // edge u32, from u32, to u32, lane u8, three zero bytes
  std::uint64_t epoch = 0;               // checkpoints whose barrier this channel has passed
  std::uint64_t sequence = 0;            // 1, 2, 3 … per channel and attempt
  std::uint32_t elements = 0;            // in the payload
  std::uint32_t length = 0;              // of the payload, bytes
  std::uint64_t checksum = 0;            // XXH3-64 of the payload
  std::int64_t origin_us = 0;            // wall clock at which the oldest record in here entered the job; 0: none
  bool operator==(const FrameHeader&) const = default;
};

/// Why a message was refused. Counted by name.
enum class Refusal : std::uint8_t {
  none,
  too_short,
  bad_magic,
  bad_version,
  bad_kind,
  bad_flags,
  bad_length,
  bad_checksum,
  wrong_attempt,
  unknown_channel,
  wrong_sequence,
  bad_element,
  over_credit,
  unknown_peer
};
FRESHET_ENUM(Refusal, none, too_short, bad_magic, bad_version, bad_kind, bad_flags, bad_length, bad_checksum,
             wrong_attempt, unknown_channel, wrong_sequence, bad_element, over_credit, unknown_peer)

/// Writes exactly kHeaderBytes to `out`.
void write_header(const FrameHeader& header, char* out);

/// Reads the header of a whole message and checks magic, version, kind, flags and that `length` is what follows.
/// Looks at nothing but `message`; allocates nothing. The checksum is checked by `check_payload`.
[[nodiscard]] Refusal read_header(std::string_view message, FrameHeader& header);

[[nodiscard]] std::uint64_t payload_checksum(std::string_view payload);

/// Payloads of the small messages, in msgpack.
struct Hello {
  WorkerKey from{};
  WorkerKey to{};
  FRESHET_RECORD(from, to)
};
struct ChannelGrant {
  ChannelId channel{};
  std::uint64_t consumed_bytes = 0;  ///< frame lengths and kFrameCost each, since the attempt began
  FRESHET_RECORD(channel, consumed_bytes)
};
struct Grants {
  std::vector<ChannelGrant> grants{};
  FRESHET_RECORD(grants)
};
struct ChannelHighest {
  ChannelId channel{};
  std::uint64_t sequence = 0;
  FRESHET_RECORD(channel, sequence)
};
struct Heartbeat {
  std::vector<ChannelHighest> channels{};
  FRESHET_RECORD(channels)
};

}  // namespace freshet::wire
