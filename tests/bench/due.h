#pragma once

#include <cstdint>

#include <freshet/record.h>

namespace freshet::bench {

/// A record on a schedule that waits for nobody.
struct Due {
  std::uint64_t user = 0;
  std::int64_t due_ns = 0;  ///< when it was to be made; 0: it only fills the state
  FRESHET_RECORD(user, due_ns)
};

/// What is kept of a user's records.
struct Newest {
  std::uint64_t records = 0;
  std::int64_t due_ns = 0;
  FRESHET_RECORD(records, due_ns)
};

}  // namespace freshet::bench
