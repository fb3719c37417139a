#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/record.h>
#include <freshet/result.h>

/// Files, with what went wrong as a value that names the file and the reason. Blocking; from any thread.
namespace freshet::base {

/// `error`, an errno, says that a disk or a quota is full.
bool is_no_space(int error);

/// The whole file. Error when it is longer than `max_bytes`.
Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes);

/// After success the file holds exactly `bytes`, also after a power cut; before it, what it held. A reader never sees
/// half of it: written beside it, synced, renamed, directory synced.
Status write_file_atomically(const std::string& path, std::string_view bytes);

/// Makes renames, creations and removals in a directory durable.
Status sync_directory(const std::string& path);

/// Makes the directory and those above it; success when it is there already.
Status make_directories(const std::string& path);

/// Names in a directory, sorted, without `.` and `..`.
Result<std::vector<std::string>> list_directory(const std::string& path);

/// Success when there is no such file.
Status remove_file(const std::string& path);

/// The file or directory and all below it. Success when there is none. Follows no symbolic link.
Status remove_all(const std::string& path);

bool exists(const std::string& path);

/// Without '.', '..' and a '/' at the end, from the working directory when it is relative; no link is followed.
std::string absolute_path(const std::string& path);

/// An open file descriptor; closed with its owner.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

/// Takes the lock of a file, which is made when it is not there, for as long as the descriptor is open. A process that
/// was killed counts as gone while its last threads still hold its locks: waits so long for whoever has it. None:
/// somebody still has it.
Result<std::optional<FileDescriptor>> lock_file(const std::string& path, Duration patience);

}  // namespace freshet::base
