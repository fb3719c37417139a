#pragma once

#include <cstdint>
#include <string>

namespace freshet::dag {

/// "1 task", "2 tasks".
inline std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace freshet::dag
