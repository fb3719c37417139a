#pragma once

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

}  // namespace freshet::worker
