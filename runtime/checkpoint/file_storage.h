#pragma once

#include <mutex>
#include <set>

#include "runtime/checkpoint/storage.h"

namespace freshet::checkpoint {

/// Checkpoint files in a directory of a POSIX file system, which several machines may share. A file is written under a
/// temporary name beside its own, synced, and linked to its name, which never replaces a file; then the directory is
/// synced. Temporary names are no names, so none of the calls sees what a crash left behind. Modes 0600 and 0700.
class FileCheckpointStorage final : public CheckpointStorage {
 public:
  /// `root` is not empty, and made by the first write.
  explicit FileCheckpointStorage(std::string root);

  /// Makes `root`, and proves that files can be written, linked and made durable there, which not every shared file
  /// system can. Leaves nothing behind. Error: what cannot be done, in which file, and why.
  Status probe();

  Status put(std::string_view name, std::string_view bytes) override;
  Result<bool> publish(std::string_view name, std::string_view bytes) override;
  Result<std::string> get(std::string_view name, std::uint64_t max_bytes) override;
  Result<std::vector<std::string>> list(std::string_view folder) override;
  Status remove(std::string_view name) override;

  /// Removes the temporary files in `folder`. A put or publish that is at work there may fail by that, and leaves
  /// nothing behind; so call it before the folder's writers start.
  Status sweep(std::string_view folder);

 private:
  enum class LastSync { keep, undo };
  Result<bool> create(std::string_view name, std::string_view bytes, LastSync on_failure);
  Status make_folders(std::string_view name);
  Status make_root();
  Status make_folder(const std::string& parent, const std::string& path);
  std::string path_of(std::string_view name) const { return root_ + "/" + std::string(name); }

  const std::string root_;
  std::mutex mutex_;               // calls may come from any thread
  std::set<std::string> durable_;  // folders whose entry in their parent was synced
};

}  // namespace freshet::checkpoint
