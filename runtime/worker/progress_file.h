#pragma once

#include <cstdint>
#include <string>

#include <freshet/result.h>

#include "runtime/base/file.h"

namespace freshet::worker {

/// How far the tasks of one worker are, in records since it started.
struct WorkerProgress {
  std::uint64_t read = 0;      ///< by its sources
  std::uint64_t received = 0;  ///< over channels, and processed by the operator behind
};

/// The progress of a worker as a file beside its log, for who asks while no job manager answers: one line, both numbers
/// in columns of 20, READ RECEIVED. Written over in place, so a reader sees one state or the next. One thread.
class ProgressFile {
 public:
  /// Made anew. Error: it cannot be.
  static Result<ProgressFile> create(const std::string& path);
  /// What cannot be written is not shown; the next time it may be.
  void show(const WorkerProgress& progress) const;

 private:
  explicit ProgressFile(base::FileDescriptor file) : file_(std::move(file)) {}
  base::FileDescriptor file_;
};

}  // namespace freshet::worker
