#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What the formats of checkpoint files have in common: big-endian numbers, read with ByteReader of <freshet/codec.h>,
/// and checksums.
namespace freshet::checkpoint {

inline constexpr std::size_t kReservedBytes = 3;                      ///< zeros behind the magic number and the version
inline constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);  ///< at the end

/// XXH3-64. Of a whole file, it is what a manifest's SnapshotRef holds.
std::uint64_t checksum_of(std::string_view bytes);

/// Writes `value` to `at`, big-endian, sizeof(Number) bytes.
template <class Number>
void write_number(char* at, Number value) {
  for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Number>(value >> (sizeof value > 1 ? 8 : 0)))
    at[i] = static_cast<char>(value & 0xff);
}

/// Appends `value`, big-endian, sizeof(Number) bytes.
template <class Number>
void append_number(std::string& out, Number value) {
  char bytes[sizeof value];
  write_number(bytes, value);
  out.append(bytes, sizeof bytes);
}

}  // namespace freshet::checkpoint
