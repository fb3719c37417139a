#pragma once

#include <string_view>

namespace freshet::base {

/// Ends the process after writing where and what to stderr. Never returns.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view meaning);

}  // namespace freshet::base

/// What must hold, in every build. `meaning` says it in words: CHECK(size <= limit, "a frame fits its buffer").
#define CHECK(condition, meaning)                                             \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::freshet::base::check_failed(__FILE__, __LINE__, #condition, meaning); \
  } while (false)
