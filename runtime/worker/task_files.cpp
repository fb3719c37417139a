#include "runtime/worker/task_files.h"

namespace freshet::worker {

namespace {

/// A restore reads them one by one, and every manifest names them.
constexpr std::size_t kMaxFiles = 64;

}  // namespace

bool TaskFiles::begin(bool alone) {
  const std::lock_guard lock(mutex_);
  return alone || !is_sound_ || files_.size() >= kMaxFiles || change_bytes_ > base_bytes_;
}

Result<std::vector<wire::StoredFile>> TaskFiles::end(bool is_everything, Result<std::vector<wire::StoredFile>> own) {
  const std::lock_guard lock(mutex_);
  if (!own) {
    is_sound_ = false;
    return own;
  }
  if (!is_everything && !is_sound_) return Error{"the snapshot that it builds on could not be stored"};
  if (is_everything) {
    files_.clear();
    base_bytes_ = change_bytes_ = 0;
    is_sound_ = true;
  }
  for (auto& file : *own) {
    (is_everything ? base_bytes_ : change_bytes_) += file.bytes;
    files_.push_back(std::move(file));
  }
  return files_;
}

}  // namespace freshet::worker
