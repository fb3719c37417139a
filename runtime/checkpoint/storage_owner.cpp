#include "runtime/checkpoint/storage_owner.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/file.h"
#include "runtime/checkpoint/file_storage.h"

namespace freshet::checkpoint {

namespace {

constexpr std::uint64_t kMaxOwnerBytes = 256;

}  // namespace

Result<std::string> owner_of(const std::string& folder) {
  const std::string path = folder + "/" + kOwnerName;
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return std::string();
  return base::read_file(path, kMaxOwnerBytes);
}

Status claim_folder(const std::string& folder, const std::string& cluster) {
  FileCheckpointStorage storage(folder);
  if (auto written = storage.probe(); !written) return written;
  const auto made = storage.publish(kOwnerName, cluster);
  if (!made) return made.error();
  if (*made) return {};
  const auto owner = storage.get(kOwnerName, kMaxOwnerBytes);
  if (!owner) return owner.error();
  if (*owner == cluster) return {};
  return Error{"it holds the checkpoints of another cluster, whose jobs have the same numbers"};
}

Status check_folder(const std::string& folder) {
  const auto owner = owner_of(folder);
  if (!owner) return owner.error();
  if (owner->empty()) {
    return Error{"the checkpoint storage " + folder +
                 " is not there. It has to be reachable under this path on every machine that runs workers"};
  }
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  return Error{"the checkpoint storage " + folder + " cannot be written: " + std::strerror(errno)};
}

}  // namespace freshet::checkpoint
