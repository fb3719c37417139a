#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/cli/result.h"

namespace freshet::cli {

/// "64MiB", "2 GiB", "512B", "1.5KiB", "4096" to bytes. Powers of 1024 only: KB and MB are refused, because half of
/// their readers mean 1000. A failure is the sentence that says which form is expected (kUsage).
Result<std::int64_t> parse_size(std::string_view text);

/// "250ms", "30s", "5min", "2h", "1d", "1.5s" to milliseconds; a number without a unit is refused, except 0.
Result<std::int64_t> parse_duration_ms(std::string_view text);

inline constexpr const char* kSizeForm = "a size such as 512B, 64KiB, 64MiB or 2GiB";
inline constexpr const char* kDurationForm = "a duration such as 250ms, 30s, 5min, 2h or 1d";

}  // namespace freshet::cli
