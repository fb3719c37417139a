#pragma once

#include <string>
#include <variant>
#include <vector>

#include <freshet/graph.h>

namespace freshet::reads {

/// Why a request was not done; the codes are those of the REST contract (runtime/cli/README.md).
struct Refusal {
  enum class Code : std::uint8_t { validation, not_found, timeout, bad_state, forbidden, no_room, failed };
  Code code = Code::failed;
  std::string message{};
  std::vector<Problem> problems{};
  std::vector<std::string> near{};  ///< names like the one that was not found
};
FRESHET_ENUM(Refusal::Code, validation, not_found, timeout, bad_state, forbidden, no_room, failed)

inline Refusal no_such_job(const std::string& job, std::vector<std::string> near) {
  return {Refusal::Code::not_found, "there is no job " + job.substr(0, 64), {}, std::move(near)};
}

/// What was asked for, or the refusal.
template <class T>
using Answer = std::variant<T, Refusal>;

}  // namespace freshet::reads
