#include "runtime/base/clock.h"

namespace freshet::base {

SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

std::int64_t SystemClock::wall_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace freshet::base
