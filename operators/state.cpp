#include <freshet/state.h>

namespace freshet {

void append_state_address(ByteBuffer& out, std::uint32_t key_group, std::uint32_t state_id, std::string_view key,
                          std::string_view map_key) {
  const auto group = __builtin_bswap16(static_cast<std::uint16_t>(key_group));
  const auto id = __builtin_bswap32(state_id);
  out.write(reinterpret_cast<const char*>(&group), sizeof group);
  out.write(reinterpret_cast<const char*>(&id), sizeof id);
  out.append(key);
  out.write("\0", 1);  // no namespace
  out.append(map_key);
}

std::uint32_t state_id(std::string_view operator_id, std::string_view state) {
  const std::string address = std::string(operator_id) + "." + std::string(state);
  return static_cast<std::uint32_t>(XXH3_64bits(address.data(), address.size()));
}

}  // namespace freshet
