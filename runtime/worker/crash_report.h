#pragma once

#include <signal.h>

#include <memory>
#include <string>

namespace freshet::worker {

/// Has a fatal signal (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) write which operator and record were in work to
/// `path`, as a wire::RecordTrace in msgpack, before it ends the process as it would have. Once per process, before its
/// tasks start; then the thread that crashes does it.
///
/// The operator and the record's place are written first, with calls that are safe in a signal handler. The record as
/// JSON comes after, which is not: should that crash or hang, the process ends (an alarm sees to it) and what was
/// written stands. A record without a place, such as one that was emitted by time, has no RecordTrace::place.
void install_crash_report(const std::string& path);

/// While it lives, a crash of the calling thread is reported also when its stack was used up.
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
