#include "operators/connectors/pending_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "operators/connectors/directories.h"

namespace freshet::files {

Result<std::shared_ptr<PendingFile>> PendingFile::create(const std::string& path) {
  // Tasks that end remove the directory when it is empty, maybe right after we have made it.
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return std::make_shared<PendingFile>(path, descriptor);
    if (errno == EEXIST) return Error{path + " is there already: give each file sink of a job a folder of its own"};
    if (errno != ENOENT) break;
    if (auto status = make_directory(parent_of(path)); !status) return status.error();
    errno = ENOENT;
  }
  return system_error("create", path);
}

PendingFile::~PendingFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status PendingFile::append(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!error_.empty()) return Error{error_};
  buffer_.append(bytes);
  bytes_ += bytes.size();
  if (buffer_.size() < kBufferBytes) return {};
  if (!write_fully(descriptor_, buffer_)) return fail("write");
  buffer_.clear();
  return {};
}

Status PendingFile::make_durable() {
  const std::lock_guard lock(mutex_);
  if (!error_.empty()) return Error{error_};
  if (descriptor_ < 0) return {};
  if (!write_fully(descriptor_, buffer_)) return fail("write");
  buffer_ = {};
  if (::fsync(descriptor_) != 0) return fail("sync");
  if (::close(std::exchange(descriptor_, -1)) != 0) return fail("close");
  return {};
}

void PendingFile::discard() { ::unlink(path_.c_str()); }

Status PendingFile::fail(const char* what) {
  error_ = system_error(what, path_).message;
  failed_ = true;
  return Error{error_};
}

}  // namespace freshet::files
