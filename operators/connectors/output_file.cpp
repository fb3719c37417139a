#include "operators/connectors/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "operators/connectors/directories.h"
#include "operators/connectors/input_files.h"

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

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
  if (!write_fully(descriptor_, bytes)) return failed("write");
  return {};
}

Status OutputFile::failed(const char* what) {
  error_ = system_error(what, aside_).message;
  return Error{error_};
}

Status publish_file(const std::string& from, const std::string& to) {
  if (auto status = make_directory(parent_of(to)); !status) return status;
  if (auto status = move_file(from, to); !status) return status;
  if (auto status = sync_directory(parent_of(to)); !status) return status;
  std::error_code gone;
  if (parent_of(from) == parent_of(to) || !fs::is_directory(parent_of(from), gone)) return {};
  return sync_directory(parent_of(from));
}

}  // namespace freshet::files
