#pragma once

#include <cstdint>

#include <freshet/result.h>

/// What Linux knows of a process. Reads /proc; a process that is gone is an Error.
namespace freshet::base {

/// Clock ticks since boot at which the process started. With the pid it names a process for ever: pids are used again.
Result<std::uint64_t> process_start_time(std::int64_t pid);

/// True when that very process runs; one that ended and was not yet waited for does not.
bool is_process_alive(std::int64_t pid, std::uint64_t start_time);

/// Bytes in memory, shared pages counted whole.
Result<std::uint64_t> resident_bytes(std::int64_t pid);

/// Bytes in memory, each shared page divided by how many processes share it: sums over processes are true.
Result<std::uint64_t> proportional_bytes(std::int64_t pid);

/// The calling process.
std::int64_t own_pid();

}  // namespace freshet::base
