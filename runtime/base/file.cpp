#include "runtime/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

namespace freshet::base {

namespace {

namespace fs = std::filesystem;

Error failure(const std::string& what, const std::string& path, int error) {
  return Error{what + " " + path + ": " + std::strerror(error), is_no_space(error)};
}

Error failure(const std::string& what, const std::string& path, const std::error_code& error) {
  return Error{what + " " + path + ": " + error.message()};
}

/// Opens anew when a signal came in between.
FileDescriptor open_file(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return FileDescriptor(fd);
}

/// Where a path's directory entry stands.
std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("cannot write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status write_and_sync(const std::string& path, std::string_view bytes) {
  const auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file.is_open()) return failure("cannot create", path, errno);
  if (auto written = write_all(file.get(), bytes, path); !written) return written;
  if (::fsync(file.get()) != 0) return failure("cannot sync", path, errno);
  return {};
}

}  // namespace

bool is_no_space(int error) { return error == ENOSPC || error == EDQUOT; }

Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes) {
  const auto file = open_file(path, O_RDONLY);
  if (!file.is_open()) return failure("cannot open", path, errno);
  constexpr std::size_t kPiece = 64u << 10;
  std::string text;
  // By pieces, not by the size that stat tells: files in /proc have none, and others may grow while they are read.
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    const ssize_t got = ::read(file.get(), text.data() + had, kPiece);
    const int error = errno;
    text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && error == EINTR) continue;
    if (got < 0) return failure("cannot read", path, error);
    if (got == 0) return text;
    if (text.size() > max_bytes)
      return Error{path + " is longer than the " + std::to_string(max_bytes) + " bytes allowed"};
  }
}

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  // Unique in this process and, by pid, among processes: two writers of one path must not share a temporary file.
  static std::atomic<std::uint64_t> counter{0};
  const std::string temporary =
      path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
  Status written = write_and_sync(temporary, bytes);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = failure("cannot replace", path, errno);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(parent_of(path));
}

Status sync_directory(const std::string& path) {
  const auto directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open()) return failure("cannot open directory", path, errno);
  if (::fsync(directory.get()) != 0) return failure("cannot sync directory", path, errno);
  return {};
}

Status make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return failure("cannot make directory", path, error);
  return {};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error) return failure("cannot list", path, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failure("cannot remove", path, errno);
  return {};
}

Status remove_all(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return failure("cannot remove", path, error);
  return {};
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string absolute_path(const std::string& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() || whole == whole.root_path() ? whole : whole.parent_path()).string();
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int FileDescriptor::release() { return std::exchange(fd_, -1); }

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<std::optional<FileDescriptor>> lock_file(const std::string& path, Duration patience) {
  FileDescriptor file = open_file(path, O_RDWR | O_CREAT, 0600);
  if (!file.is_open()) return failure("cannot open", path, errno);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return failure("cannot lock", path, errno);
    if (std::chrono::steady_clock::now() >= until) return std::optional<FileDescriptor>();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::optional(std::move(file));
}

}  // namespace freshet::base
