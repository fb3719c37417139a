#include "tests/integration/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace freshet::integration {

namespace {

void try_to(const char* what, bool done) {
  if (!done) throw std::runtime_error(std::string("may not ") + what + ": " + std::strerror(errno));
}

/// Once for the process: from now on its mounts are its own.
void leave_mounts_of_others() {
  static bool has_left = false;
  if (has_left) return;
  try_to("have mounts of its own", ::unshare(CLONE_NEWNS) == 0);
  try_to("keep its mounts to itself", ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  has_left = true;
}

}  // namespace

SmallDisk::SmallDisk(std::string folder, std::size_t bytes) : folder_(std::move(folder)) {
  leave_mounts_of_others();
  const std::string size = "size=" + std::to_string(bytes);
  try_to("mount", ::mount("small", folder_.c_str(), "tmpfs", 0, size.c_str()) == 0);
}

SmallDisk::~SmallDisk() { ::umount2(folder_.c_str(), MNT_DETACH); }

void SmallDisk::fill() const {
  const int file = ::open((folder_ + "/filler").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  try_to("fill the disk", file >= 0);
  const std::vector<char> bytes(1u << 20, 'x');
  for (std::size_t size = bytes.size(); size != 0;)
    if (::write(file, bytes.data(), size) <= 0) size /= 2;
  ::close(file);
}

void SmallDisk::make_room() const { std::filesystem::remove(folder_ + "/filler"); }

}  // namespace freshet::integration
