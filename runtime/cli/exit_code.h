#pragma once

namespace freshet::cli {

/// What a verb tells the shell. Scripts depend on the numbers: they never change their meaning.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,          // tried and failed; the message says what state things are in
  kUsage = 2,           // usage, or confirmation needed and no terminal
  kRefused = 3,         // refused by validation; nothing was changed
  kNotFound = 4,        // no such job, operator, key, checkpoint, file
  kUnreachable = 5,     // the job manager does not answer
  kTimeout = 6,         // time-out while waiting; the operation goes on
  kBadState = 7,        // not possible in the job's present state
  kForbidden = 8,       // token, role, rate limit
  kJobFailed = 9,       // the job ended Failed (`run`, `submit --wait`, `status --wait`)
  kDegraded = 10,       // `health` only
  kNotProcessing = 11,  // `health` only
  kInterrupted = 130,
};

constexpr int number(ExitCode code) { return static_cast<int>(code); }

}  // namespace freshet::cli
