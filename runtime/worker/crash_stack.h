#pragma once

#include <signal.h>

#include <memory>

namespace freshet::worker {

/// While it lives, a signal handler of the calling thread has a stack of its own (SA_ONSTACK): a crash is reported also
/// when it came of a stack that was used up.
class CrashStack {
 public:
  CrashStack();
  ~CrashStack();
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;

 private:
  const std::unique_ptr<char[]> bytes_;
  stack_t before_{};
};

}  // namespace freshet::worker
