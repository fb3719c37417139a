#pragma once

#include <string>
#include <vector>

namespace freshet::integration {

struct Ended {
  int exit_code = -1;
  std::string output{};  // standard output and standard error
};

/// Runs the freshet executable of this build and waits for its end.
Ended run_freshet(const std::vector<std::string>& arguments);

/// A TCP port of 127.0.0.1 that nobody had a moment ago.
int free_port();

}  // namespace freshet::integration
