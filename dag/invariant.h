#pragma once

#include <cstdio>
#include <cstdlib>

namespace freshet::dag {

/// Ends the process when what callers promise does not hold. dag/ may not include runtime/, where CHECK lives.
inline void must_hold(bool condition, const char* meaning) {
  if (condition) [[likely]]
    return;
  std::fprintf(stderr, "dag: check failed: %s\n", meaning);
  std::abort();
}

}  // namespace freshet::dag
