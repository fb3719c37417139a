#pragma once

#include <freshet/state.h>

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"

/// What a checkpoint holds, operator by operator, without knowing the job: every state stands behind its declaration.
namespace freshet::checkpoint {

/// More states of one checkpoint, declared alike or not, are refused.
inline constexpr std::size_t kMaxSavedStates = 100'000;

struct SavedState {
  StateDeclaration declaration{};
  std::uint64_t entries = 0;  ///< one that changed since an earlier file of the task counts in each
  std::uint64_t bytes = 0;    ///< of these
};

struct SavedOperator {
  std::string id{};
  bool is_source = false;            ///< it holds how far it has read
  std::vector<SavedState> states{};  ///< one name twice: with two declarations
};

/// Reads all files of a checkpoint, one at a time, each whole in memory; waits for disks. All operators of its plan, in
/// its order, also those without state. Error: a file is missing or damaged, and which.
Result<std::vector<SavedOperator>> read_state_inventory(CheckpointStorage& storage, const Manifest& manifest);

}  // namespace freshet::checkpoint
