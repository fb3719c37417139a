#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace freshet::base {

void check_failed(const char* file, int line, const char* condition, std::string_view meaning) {
  std::fprintf(stderr, "%s:%d: check failed: %.*s (%s)\n", file, line, static_cast<int>(meaning.size()), meaning.data(),
               condition);
  std::abort();
}

}  // namespace freshet::base
