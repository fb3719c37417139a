#pragma once

#include <freshet/result.h>

#include <mutex>
#include <vector>

#include "runtime/wire/stored_file.h"

namespace freshet::worker {

/// The files of one task in the checkpoint storage that its next snapshot can build on: one or more that hold
/// everything, and behind them what has changed since. Snapshots are begun by the task's thread and end, in the order
/// in which they were begun, on a thread that may wait for disks.
class TaskFiles {
 public:
  /// The task begins a snapshot. True: it has to hold everything. So it is when there is nothing to build on, or what
  /// there is has grown to twice its size, or when `alone`: it must not need earlier files.
  bool begin(bool alone);
  /// A snapshot has ended: `own` are its files, oldest first, or why they could not be stored. Answers the files that a
  /// restore needs. Error: it cannot be used, and neither can those begun since that build on it.
  Result<std::vector<wire::StoredFile>> end(bool is_everything, Result<std::vector<wire::StoredFile>> own);

 private:
  std::mutex mutex_;
  std::vector<wire::StoredFile> files_;  // oldest first
  bool is_sound_ = false;                // files_ are all there is to build on
  std::uint64_t base_bytes_ = 0;         // of those that hold everything
  std::uint64_t change_bytes_ = 0;       // of those behind
};

}  // namespace freshet::worker
