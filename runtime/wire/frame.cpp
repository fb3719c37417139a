#include "runtime/wire/frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <type_traits>

namespace freshet::wire {

namespace {

static_assert(std::endian::native == std::endian::little, "the header is copied as it stands in memory");

/// Walks over the header's bytes. Bounds are the caller's: both directions touch exactly kHeaderBytes.
class HeaderWriter {
 public:
  explicit HeaderWriter(char* out) : next_(out) {}
  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
    std::memcpy(next_, &value, sizeof value);
    next_ += sizeof value;
  }

 private:
  char* next_;
};

class HeaderReader {
 public:
  explicit HeaderReader(const char* in) : next_(in) {}
  template <class T>
  T get() {
    T value{};
    std::memcpy(&value, next_, sizeof value);
    next_ += sizeof value;
    return value;
  }

 private:
  const char* next_;
};

bool is_kind(std::uint8_t number) {
  return number >= static_cast<std::uint8_t>(MessageKind::data) &&
         number <= static_cast<std::uint8_t>(MessageKind::hello);
}

constexpr std::size_t kReservedBytes = 3;

}  // namespace

void write_header(const FrameHeader& header, char* out) {
  HeaderWriter writer(out);
  writer.put(kMagic);
  writer.put(kVersion);
  writer.put(header.kind);
  writer.put(header.flags);
  writer.put(header.attempt.value);
  writer.put(header.revision.value);
  writer.put(header.channel.edge);
  writer.put(header.channel.from);
  writer.put(header.channel.to);
  writer.put(header.channel.lane);
  for (std::size_t i = 0; i < kReservedBytes; ++i) writer.put(std::uint8_t{0});
  writer.put(header.epoch);
  writer.put(header.sequence);
  writer.put(header.elements);
  writer.put(header.length);
  writer.put(header.checksum);
  writer.put(header.origin_us);
}

Refusal read_header(std::string_view message, FrameHeader& header) {
  if (message.size() < kHeaderBytes) return Refusal::too_short;
  HeaderReader reader(message.data());
  if (reader.get<std::uint32_t>() != kMagic) return Refusal::bad_magic;
  if (reader.get<std::uint8_t>() != kVersion) return Refusal::bad_version;
  const auto kind = reader.get<std::uint8_t>();
  if (!is_kind(kind)) return Refusal::bad_kind;
  header.kind = static_cast<MessageKind>(kind);
  header.flags = reader.get<std::uint16_t>();
  if (header.flags != 0) return Refusal::bad_flags;
  header.attempt.value = reader.get<std::uint32_t>();
  header.revision.value = reader.get<std::uint32_t>();
  header.channel.edge = reader.get<std::uint32_t>();
  header.channel.from = reader.get<std::uint32_t>();
  header.channel.to = reader.get<std::uint32_t>();
  header.channel.lane = reader.get<std::uint8_t>();
  // Reserved bytes are flags that nobody has named yet: a sender that sets one means something we would get wrong.
  for (std::size_t i = 0; i < kReservedBytes; ++i) {
    if (reader.get<std::uint8_t>() != 0) return Refusal::bad_flags;
  }
  header.epoch = reader.get<std::uint64_t>();
  header.sequence = reader.get<std::uint64_t>();
  header.elements = reader.get<std::uint32_t>();
  header.length = reader.get<std::uint32_t>();
  header.checksum = reader.get<std::uint64_t>();
  header.origin_us = reader.get<std::int64_t>();
  if (header.length > kMaxPayloadBytes || header.length != message.size() - kHeaderBytes) return Refusal::bad_length;
  return Refusal::none;
}

std::uint64_t payload_checksum(std::string_view payload) { return XXH3_64bits(payload.data(), payload.size()); }

}  // namespace freshet::wire
