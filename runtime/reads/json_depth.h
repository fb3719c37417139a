#pragma once

#include <string_view>

namespace freshet::reads {

/// False when arrays and objects are nested deeper than `limit`. Looks at brackets outside of strings only.
bool json_depth_within(std::string_view text, int limit);

}  // namespace freshet::reads
