#pragma once

#include <functional>
#include <map>
#include <optional>

#include "runtime/checkpoint/saved_state.h"
#include "runtime/reads/refusal.h"
#include "runtime/reads/state_answer.h"

namespace freshet::reads {

/// The fields that the streams into an operator are keyed by, by operator: the parts of keys have no names of their
/// own.
std::map<std::string, std::vector<std::string>> key_fields_of(const LogicalGraph& graph);

/// A wish to read saved state, as far as the job manager's thread knows it: all that reading needs besides the storage.
struct StateRead {
  JobId job{};
  std::string job_name{};
  std::string address{};                                         ///< OPERATOR or OPERATOR.STATE
  std::map<std::string, std::vector<std::string>> key_fields{};  ///< by operator: what its key is made of
  /// By operator, as the job is now: they say what to look for before a file is read, and are not believed.
  std::map<std::string, std::vector<StateDeclaration>> declared{};
  std::optional<CheckpointId> checkpoint{};  ///< none: the newest that is complete
  std::optional<std::string> key{};          ///< as written by people; none: all keys
  checkpoint::StatePosition after{};
  std::size_t limit = 0;
  std::int64_t now_ms = 0;
};

/// Reads files and answers the JSON of runtime/cli/README.md. Blocking; from any thread. `is_to_end`: nobody waits for
/// the answer any more.
Answer<std::string> read_saved_state(const StateRead& wanted, checkpoint::CheckpointStorage& storage,
                                     const std::function<bool()>& is_to_end);

}  // namespace freshet::reads
