#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshet::manager {

/// Strict RFC 4648: padded, no line breaks, no bits left over; nothing for anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace freshet::manager
