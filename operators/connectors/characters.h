#pragma once

namespace freshet::files {

/// Of any locale, unlike that of <cctype>.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace freshet::files
