#pragma once

#include <cstdint>

#include <freshet/record.h>

namespace freshet::bench {

/// One in so many records is of a user of its own, whose state is read to see how fresh it is: the last.
inline constexpr std::uint64_t kProbeEvery = 100;

struct Due {
  std::uint64_t user = 0;
  std::int64_t due_ns = 0;  ///< when it was to be made; 0: it only fills the state
  FRESHET_RECORD(user, due_ns)
};

struct Newest {
  std::uint64_t records = 0;
  std::int64_t due_ns = 0;
  FRESHET_RECORD(records, due_ns)
};

}  // namespace freshet::bench
