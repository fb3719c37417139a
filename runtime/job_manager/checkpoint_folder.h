#pragma once

#include <string>

#include <freshet/result.h>

namespace freshet::manager {

/// Files in the data folder: the id of the cluster, made once; and where its checkpoints lie.
inline constexpr const char* kClusterIdFile = "cluster-id";
inline constexpr const char* kCheckpointFolderFile = "checkpoint-storage";

/// The folder of the checkpoint storage, absolute: `wanted`; when that is empty, the one of the last start; at first
/// `data`/checkpoints. It is made when it is missing, was proved to be writable, and is this cluster's from now on
/// (runtime/checkpoint/storage_owner.h). `new_id` becomes the id of a cluster that has none; no two may be the same.
///
/// Error, with what to do: the folder cannot be made or written, is another cluster's, is not the one in which the
/// jobs' checkpoints are, or is gone. Jobs would begin from nothing, and commit their results once more. Blocks; to be
/// called at the start of a job manager, when no other has the data folder.
Result<std::string> claim_checkpoint_folder(const std::string& data, const std::string& wanted,
                                            const std::string& new_id);

}  // namespace freshet::manager
