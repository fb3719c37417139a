#include "operators/connectors/directories.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace freshet::files {

namespace fs = std::filesystem;

Error system_error(const char* what, const std::string& path) {
  return {std::string("cannot ") + what + " " + path + ": " + std::strerror(errno)};
}

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

Status sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_error("open directory", directory);
  const bool synced = ::fsync(descriptor) == 0;
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (!synced) return system_error("sync directory", directory);
  return {};
}

Status make_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return {};
  if (directory.has_parent_path() && directory.parent_path() != directory) {
    if (auto status = make_directory(directory.parent_path()); !status) return status;
  }
  if (::mkdir(directory.c_str(), 0777) != 0) {
    const int reason = errno;
    if (fs::is_directory(directory, error)) return {};  // somebody else was faster
    errno = reason;
    return system_error("create directory", directory);
  }
  return sync_directory(parent_of(directory));
}

bool write_fully(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Status move_file(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST) return Error{"cannot move " + from + ": " + to + " is there already, of somebody else"};
  // Not every file system can look before it moves.
  if (errno == EINVAL && ::rename(from.c_str(), to.c_str()) == 0) return {};
  const int reason = errno;
  std::error_code ignored;
  const bool done_before = reason == ENOENT && fs::exists(to, ignored);
  errno = reason;
  if (!done_before) return system_error(("move " + from + " to").c_str(), to);
  return {};
}

}  // namespace freshet::files
