#pragma once

#include <chrono>
#include <thread>

namespace freshet::integration {

/// How long a test waits for what must come: far longer than it takes, because machines are busy.
inline constexpr std::chrono::seconds kPatience{60};

/// Asks again and again; false when `condition` was not met within `limit`.
template <class Condition>
bool eventually(std::chrono::milliseconds limit, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace freshet::integration
