#pragma once

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/job_manager/job.h"
#include "runtime/job_manager/refusal.h"

namespace freshet::manager {

/// What went away with a savepoint. `kept_files` stay: other checkpoints name them, or it is not certain that none
/// does.
struct DeletedSavepoint {
  std::uint32_t version = 1;
  std::uint64_t number = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t kept_files = 0;
  FRESHET_RECORD(version, number, files, bytes, kept_files)
};

/// Deletes a savepoint of a job: its manifest, then the files that no other manifest names. Refused: it is none, there
/// is none of that number, or a job that is not over would go on from it. Waits for disks. The job manager's thread.
Answer<DeletedSavepoint> delete_savepoint(Job& job, checkpoint::CheckpointStorage& storage, CheckpointId savepoint);

}  // namespace freshet::manager
