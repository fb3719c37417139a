#pragma once

#include <chrono>
#include <cstdint>

namespace freshet::bench {

/// The steady clock is one for all processes of a machine, so that differences between workers mean something.
inline std::int64_t steady_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace freshet::bench
