#include <freshet/snapshot.h>

#include <bit>
#include <cstring>

namespace freshet {

namespace {

/// What stands before the bytes of key, map key and value.
struct EntryHeader {
  std::uint64_t key_hash = 0;
  std::int64_t written_ms = 0;
  std::uint32_t key_bytes = 0;
  std::uint32_t map_key_bytes = 0;
};
static_assert(sizeof(EntryHeader) == 24 && std::endian::native == std::endian::little);

/// In the length of the map key: the entry is gone.
constexpr std::uint32_t kErased = 1u << 31;

}  // namespace

void append_state_entry(ByteBuffer& out, const StateEntry& entry) {
  const EntryHeader header{entry.key_hash, entry.written_ms, static_cast<std::uint32_t>(entry.key.size()),
                           static_cast<std::uint32_t>(entry.map_key.size()) | (entry.erased ? kErased : 0)};
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(entry.key);
  out.append(entry.map_key);
  out.append(entry.value);
}

bool read_state_entry(std::string_view bytes, StateEntry& entry) {
  EntryHeader header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes.remove_prefix(sizeof header);
  entry.erased = (header.map_key_bytes & kErased) != 0;
  header.map_key_bytes &= ~kErased;
  if (bytes.size() < std::uint64_t{header.key_bytes} + header.map_key_bytes) return false;
  entry.key_hash = header.key_hash;
  entry.written_ms = header.written_ms;
  entry.key = bytes.substr(0, header.key_bytes);
  entry.map_key = bytes.substr(header.key_bytes, header.map_key_bytes);
  entry.value = bytes.substr(std::size_t{header.key_bytes} + header.map_key_bytes);
  return true;
}

void append_packed_entry(ByteBuffer& out, const StateEntry& entry) {
  const std::size_t at = out.size();
  out.write("\0\0\0\0", sizeof(std::uint32_t));
  append_state_entry(out, entry);
  const auto length = static_cast<std::uint32_t>(out.size() - at - sizeof(std::uint32_t));
  std::memcpy(out.data() + at, &length, sizeof length);
}

bool next_packed_entry(std::string_view& packed, StateEntry& entry) {
  std::uint32_t length = 0;
  if (packed.size() < sizeof length) return false;
  std::memcpy(&length, packed.data(), sizeof length);
  packed.remove_prefix(sizeof length);
  if (packed.size() < length || !read_state_entry(packed.substr(0, length), entry)) return false;
  packed.remove_prefix(length);
  return true;
}

}  // namespace freshet
