#include "runtime/state/spill_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace freshet::state {

namespace {

using Length = std::uint32_t;

bool write_all(int file, const char* bytes, std::size_t count, std::uint64_t at) {
  while (count != 0) {
    const ssize_t done = ::pwrite(file, bytes, count, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    count -= static_cast<std::size_t>(done);
    at += static_cast<std::uint64_t>(done);
  }
  return true;
}

/// 0, or what is wrong.
int read_all(int file, char* bytes, std::size_t count, std::uint64_t at) {
  while (count != 0) {
    const ssize_t done = ::pread(file, bytes, count, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return done < 0 ? errno : EIO;
    bytes += done;
    count -= static_cast<std::size_t>(done);
    at += static_cast<std::uint64_t>(done);
  }
  return 0;
}

}  // namespace

SpillQueue::~SpillQueue() {
  if (file_ >= 0) ::close(file_);
}

bool SpillQueue::open() {
  if (file_ >= 0) return true;
  std::string name = folder_ + "/queue-XXXXXX";
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0) return false;
  ::unlink(name.c_str());
  return true;
}

bool SpillQueue::push(std::string_view block) {
  const auto length = static_cast<Length>(block.size());
  // A block that was written in part is written over by the next.
  if (!open() || !write_all(file_, reinterpret_cast<const char*>(&length), sizeof length, end_) ||
      !write_all(file_, block.data(), block.size(), end_ + sizeof length))
    return false;
  end_ += sizeof length + block.size();
  return true;
}

bool SpillQueue::pop(std::string& block) {
  if (begin_ == end_) return false;
  Length length = 0;
  if (const int error = read_all(file_, reinterpret_cast<char*>(&length), sizeof length, begin_)) fail(error);
  if (length > end_ - begin_ - sizeof length) fail(EIO);
  block.resize(length);
  if (const int error = read_all(file_, block.data(), length, begin_ + sizeof length)) fail(error);
  begin_ += sizeof length + length;
  if (begin_ == end_) clear();
  return true;
}

void SpillQueue::clear() {
  begin_ = end_ = 0;
  // What cannot be cut off is written over.
  if (file_ >= 0 && ::ftruncate(file_, 0) != 0) return;
}

void SpillQueue::fail(int error) const {
  throw std::runtime_error("what was put aside in " + folder_ +
                           " cannot be read: " + std::system_category().message(error));
}

}  // namespace freshet::state
