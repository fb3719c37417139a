#pragma once

#include <string>
#include <vector>

#include <freshet/codec.h>

#include "runtime/base/ids.h"

namespace freshet::wire {

/// Where the queryable state of a job is served.
struct ReadPlace {
  JobId job{};
  std::string name{};
  std::uint32_t attempt = 0;
  std::vector<std::string> workers{};  ///< "127.0.0.1:40213"; none: it is starting
  bool operator==(const ReadPlace&) const = default;
  FRESHET_RECORD(job, name, attempt, workers)
};

}  // namespace freshet::wire
