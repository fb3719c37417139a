#include "operators/connectors/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "operators/connectors/input_files.h"

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

Error system_error(const char* what, const std::string& path) {
  return {std::string("cannot ") + what + " " + path + ": " + std::strerror(errno)};
}

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// A new or renamed entry survives a power cut only when its directory is synced, too.
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

}  // namespace

OutputFile::OutputFile(std::string path, int descriptor)
    : path_(std::move(path)), aside_(path_ + std::string(kInProgress)), descriptor_(descriptor) {
  buffer_.reserve(kBufferBytes);
}

Result<OutputFile> OutputFile::create(const std::string& path) {
  if (auto status = make_directory(parent_of(path)); !status) return status.error();
  const std::string aside = path + std::string(kInProgress);
  if (::unlink(aside.c_str()) != 0 && errno != ENOENT) return system_error("replace", aside);
  const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return system_error("create", aside);
  return OutputFile(path, descriptor);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      aside_(std::move(other.aside_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)),
      bytes_(other.bytes_),
      error_(std::move(other.error_)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  path_ = std::move(other.path_);
  aside_ = std::move(other.aside_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  buffer_ = std::move(other.buffer_);
  bytes_ = other.bytes_;
  error_ = std::move(other.error_);
  return *this;
}

OutputFile::~OutputFile() { discard(); }

Status OutputFile::append(std::string_view bytes) {
  if (!error_.empty()) return Error{error_};
  if (descriptor_ < 0) return Error{path_ + " is already finished or discarded"};
  bytes_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    if (auto status = flush(); !status) return status;
    if (bytes.size() > kBufferBytes) return write_all(bytes);
  }
  buffer_.append(bytes);
  return {};
}

Status OutputFile::finish() {
  if (auto status = append({}); !status) return status;
  if (auto status = flush(); !status) return status;
  if (::fsync(descriptor_) != 0) return failed("sync");
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    const Status status = failed("close");
    ::unlink(aside_.c_str());
    return status;
  }
  if (::rename(aside_.c_str(), path_.c_str()) != 0) {
    const Status status = failed(("rename to " + path_ + " the file").c_str());
    ::unlink(aside_.c_str());
    return status;
  }
  return sync_directory(parent_of(path_));
}

void OutputFile::discard() {
  if (descriptor_ < 0) return;
  ::close(std::exchange(descriptor_, -1));
  ::unlink(aside_.c_str());
}

Status OutputFile::flush() {
  auto status = write_all(buffer_);
  buffer_.clear();
  return status;
}

Status OutputFile::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status OutputFile::failed(const char* what) {
  error_ = system_error(what, aside_).message;
  return Error{error_};
}

Status publish_file(const std::string& from, const std::string& to) {
  if (auto status = make_directory(parent_of(to)); !status) return status;
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int reason = errno;
    std::error_code ignored;
    const bool done_before = reason == ENOENT && fs::exists(to, ignored);
    errno = reason;
    if (!done_before) return system_error(("move " + from + " to").c_str(), to);
  }
  if (auto status = sync_directory(parent_of(to)); !status) return status;
  std::error_code gone;
  if (parent_of(from) == parent_of(to) || !fs::is_directory(parent_of(from), gone)) return {};
  return sync_directory(parent_of(from));
}

}  // namespace freshet::files
