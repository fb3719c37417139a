#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <freshet/codec.h>

/// Keys: their bytes and their hash. Both are frozen for ever (golden tests): they place state.
///
/// Key encoding (order-preserving, self-delimiting): integers, bool, enums, times and durations as 8 bytes big-endian,
/// signed ones with the sign bit flipped; a string as its bytes with 0x00 written 0x00 0xff, then 0x00 0x01; a tuple as
/// its parts in order.
///
/// Key hash: XXH3-64 (Collet, xxHash 0.8), seed 0, of a lone string's raw bytes, and of the key encoding for all else.
namespace freshet {

namespace detail {

template <KeyValue K>
std::uint64_t key_bits(const K& key) {
  constexpr std::uint64_t kSign = 1ULL << 63;
  if constexpr (std::same_as<K, Time>)
    return static_cast<std::uint64_t>(key.time_since_epoch().count()) ^ kSign;
  else if constexpr (std::same_as<K, Duration>)
    return static_cast<std::uint64_t>(key.count()) ^ kSign;
  else if constexpr (std::is_enum_v<K>)
    return key_bits(static_cast<std::underlying_type_t<K>>(key));
  else if constexpr (std::is_signed_v<K>)
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(key)) ^ kSign;
  else
    return static_cast<std::uint64_t>(key);
}

}  // namespace detail

/// Appends the key encoding of `key`.
template <KeyValue K>
void encode_key(ByteBuffer& out, const K& key) {
  if constexpr (std::same_as<K, std::string>) {
    for (std::size_t from = 0;;) {
      const auto zero = key.find('\0', from);
      out.append(std::string_view(key).substr(from, zero - from));
      if (zero == std::string::npos) break;
      out.write("\0\xff", 2);
      from = zero + 1;
    }
    out.write("\0\x01", 2);
  } else if constexpr (detail::IsTuple<K>) {
    std::apply([&](const auto&... part) { (encode_key(out, part), ...); }, key);
  } else {
    const std::uint64_t bits = __builtin_bswap64(detail::key_bits(key));
    out.write(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
}

namespace detail {

template <KeyValue K>
bool read_key_part(std::string_view& in, K& key) {
  if constexpr (std::same_as<K, std::string>) {
    key.clear();
    for (std::size_t at = 0; at + 1 < in.size(); ++at) {
      if (in[at] != '\0') {
        key.push_back(in[at]);
      } else if (in[at + 1] == '\xff') {
        key.push_back('\0');
        ++at;
      } else if (in[at + 1] == '\x01') {
        in.remove_prefix(at + 2);
        return true;
      } else {
        return false;
      }
    }
    return false;
  } else if constexpr (IsTuple<K>) {
    return std::apply([&](auto&... part) { return (read_key_part(in, part) && ...); }, key);
  } else {
    if (in.size() < 8) return false;
    std::uint64_t bits = 0;
    std::memcpy(&bits, in.data(), sizeof bits);
    in.remove_prefix(8);
    bits = __builtin_bswap64(bits);
    constexpr std::uint64_t kSign = 1ULL << 63;
    const auto as_signed = static_cast<std::int64_t>(bits ^ kSign);
    if constexpr (std::same_as<K, Time>)
      key = Time(Duration(as_signed));
    else if constexpr (std::same_as<K, Duration>)
      key = Duration(as_signed);
    else if constexpr (std::is_enum_v<K>)
      key = std::is_signed_v<std::underlying_type_t<K>> ? static_cast<K>(as_signed) : static_cast<K>(bits);
    else if constexpr (std::is_signed_v<K>)
      key = static_cast<K>(as_signed);
    else
      key = static_cast<K>(bits);
    return key_bits(key) == bits;  // else the bytes are those of a wider type
  }
}

}  // namespace detail

/// The key that `encode_key` wrote; false when `bytes` is not one.
template <KeyValue K>
[[nodiscard]] bool decode_key(std::string_view bytes, K& key) {
  return detail::read_key_part(bytes, key) && bytes.empty();
}

namespace detail {

/// That of a tuple, from its parts.
template <KeyValue... Parts>
std::uint64_t hash_of_parts(const Parts&... parts) {
  thread_local ByteBuffer scratch;
  scratch.clear();
  (encode_key(scratch, parts), ...);
  return XXH3_64bits(scratch.data(), scratch.size());
}

}  // namespace detail

/// The hash that chooses key group, task and table slot. Computed once a record; travels with it.
template <KeyValue K>
std::uint64_t key_hash(const K& key) {
  if constexpr (std::same_as<K, std::string>) {
    return XXH3_64bits(key.data(), key.size());
  } else if constexpr (detail::IsTuple<K>) {
    return std::apply([](const auto&... parts) { return detail::hash_of_parts(parts...); }, key);
  } else {
    const std::uint64_t bits = __builtin_bswap64(detail::key_bits(key));
    return XXH3_64bits(&bits, sizeof bits);
  }
}

/// Keys whose hash costs less to compute again than to keep or to send.
template <class K>
inline constexpr bool kHashedAgain = std::is_integral_v<K>;

/// Names the unit in which keyed state is placed and moved: 0 ≤ key group < the job's number of key groups.
constexpr std::uint32_t key_group_of(std::uint64_t hash, std::uint32_t key_groups) {
  return static_cast<std::uint32_t>(((hash >> 32) * key_groups) >> 32);
}

/// The task, of `parallelism`, that owns a key group: consecutive groups stay together.
constexpr std::uint32_t task_of_key_group(std::uint32_t key_group, std::uint32_t key_groups,
                                          std::uint32_t parallelism) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(key_group) * parallelism / key_groups);
}

}  // namespace freshet
