#include "runtime/job_manager/checkpoint_folder.h"

#include <algorithm>

#include "runtime/base/file.h"
#include "runtime/checkpoint/file_storage.h"
#include "runtime/checkpoint/storage_owner.h"

namespace freshet::manager {

namespace {

constexpr std::uint64_t kMaxIdBytes = 256;
constexpr std::uint64_t kMaxNoteBytes = 4'096;

Result<std::string> cluster_id(const std::string& data, const std::string& new_id) {
  checkpoint::FileCheckpointStorage files(data);
  if (const auto made = files.publish(kClusterIdFile, new_id); !made) return made.error();
  return files.get(kClusterIdFile, kMaxIdBytes);
}

/// Whether snapshots or manifests of any job are there; what cannot be read may hold some.
bool holds_jobs(const std::string& folder) {
  if (!base::exists(folder)) return false;
  const auto names = base::list_directory(folder);
  return !names || std::ranges::any_of(*names, [](const std::string& name) { return name.starts_with("job-"); });
}

Error unusable_folder(const std::string& folder, const std::string& why, const std::string& remedy) {
  return Error{"the checkpoint storage " + folder + " cannot be used: " + why + "\n  remedy  " + remedy};
}

/// Whether checkpoints would be missed in `folder` that are, or were, in `before`.
Status check_move(const std::string& before, bool is_remembered, const std::string& folder, const std::string& id) {
  const auto owner = checkpoint::owner_of(folder);
  if (!owner) return owner.error();
  if (*owner == id) return {};
  if (folder == before) {
    if (!is_remembered) return {};
    return unusable_folder(
        folder,
        "the jobs' checkpoints were there, and now it is " +
            std::string(owner->empty() ? "empty or gone" : "another cluster's"),
        "mount it again, or, where it was moved to another place, name that: --checkpoint-storage DIR");
  }
  const auto owner_before = checkpoint::owner_of(before);
  const bool is_gone = is_remembered && (!owner_before || *owner_before != id);
  if (!is_gone && !holds_jobs(before)) return {};
  return unusable_folder(folder, "the jobs' checkpoints are in " + before,
                         "while the cluster is stopped, move all that is there, the file '" +
                             std::string(checkpoint::kOwnerName) + "' too, to " + folder +
                             "; or start without --checkpoint-storage");
}

}  // namespace

Result<std::string> claim_checkpoint_folder(const std::string& data, const std::string& wanted,
                                            const std::string& new_id) {
  const auto id = cluster_id(data, new_id);
  if (!id) return id.error();
  const std::string note = data + "/" + kCheckpointFolderFile;
  const bool is_remembered = base::exists(note);
  const auto before = is_remembered ? base::read_file(note, kMaxNoteBytes)
                                    : Result<std::string>(base::absolute_path(data + "/checkpoints"));
  if (!before) return before.error();
  const std::string folder = wanted.empty() ? *before : base::absolute_path(wanted);
  if (const auto checked = check_move(*before, is_remembered, folder, *id); !checked) return checked.error();
  if (const auto claimed = checkpoint::claim_folder(folder, *id); !claimed) {
    return unusable_folder(folder, claimed.error().message,
                           "make it writable for this user, or name another: --checkpoint-storage DIR");
  }
  if (!is_remembered || *before != folder) {
    if (const auto noted = base::write_file_atomically(note, folder); !noted) return noted.error();
  }
  return folder;
}

}  // namespace freshet::manager
