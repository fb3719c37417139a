#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace freshet::integration {

/// The freshet executable of this build, running beside the test in a session of its own. One that still runs when this
/// goes away is interrupted, and killed when that does not end it.
class BackgroundProgram {
 public:
  /// Standard output and standard error go to the file `output`.
  BackgroundProgram(const std::vector<std::string>& arguments, std::string output);
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;
  ~BackgroundProgram();

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// What it has printed so far.
  std::string output() const;
  bool has_ended();
  /// The exit code, or minus the signal that killed it; nothing when it has not ended within `limit`.
  std::optional<int> wait(std::chrono::seconds limit);

 private:
  pid_t pid_ = 0;
  const std::string output_;
  std::optional<int> code_;
};

}  // namespace freshet::integration
