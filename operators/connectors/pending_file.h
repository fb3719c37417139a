#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

/// A file that a sink writes, and that another thread makes durable once the sink has closed it. Life: create, append
/// by the task's thread, then make_durable by any, or discard by the task's. Owns the open file; the destructor closes
/// it and leaves what was written.
class PendingFile {
 public:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  /// Creates `path`, which must not exist; its directory is made when it is gone. Does not wait for the disk otherwise.
  static Result<std::shared_ptr<PendingFile>> create(const std::string& path);
  /// Of an open descriptor; for create().
  PendingFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  /// After an error the file is of no use.
  Status append(std::string_view bytes);
  /// Writes what is buffered, waits for the disk, closes. Once done it is done; once failed it fails for ever: what a
  /// disk refused once may be gone although it says yes the second time. The directory is the caller's to sync.
  Status make_durable();
  /// Removes the file.
  void discard();

  const std::string& path() const { return path_; }
  /// What was appended. The task's thread.
  std::uint64_t bytes() const { return bytes_; }
  /// append() or make_durable() has failed.
  bool failed() const { return failed_; }

 private:
  Status fail(const char* what);

  const std::string path_;
  std::atomic<bool> failed_ = false;
  std::uint64_t bytes_ = 0;

  // Several checkpoints may ask to have one file made durable, each on a thread of its own.
  std::mutex mutex_;
  int descriptor_ = -1;  // -1: closed
  std::string buffer_{};
  std::string error_{};
};

}  // namespace freshet::files
