#pragma once

#include <memory>

#include <freshet/snapshot.h>

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"

/// Reads the keyed state that a checkpoint holds, without the job's library: entries stand in snapshot files behind the
/// declaration of their table. Blocking; from any thread. One file is in memory at a time, whole.
namespace freshet::checkpoint {

/// Where an entry stands in the order in which states are read: by task, then by the encodings of key and map key,
/// which are in the order of the keys. Empty texts come before all.
struct StatePosition {
  std::uint32_t task = 0;
  std::string key{};
  std::string map_key{};
  auto operator<=>(const StatePosition&) const = default;
  FRESHET_RECORD(task, key, map_key)
};

struct SavedEntry {
  StatePosition position{};
  std::string value{};  ///< msgpack, of declaration->value
  std::int64_t written_ms = StateEntry::kNoStamp;
  std::shared_ptr<const StateDeclaration> declaration{};  ///< of the list that it stood in; shared by many entries
};

/// What to read of the state `state` of the operator `operator_id`.
struct StateQuery {
  /// An entry or a map that is larger than this is a page of its own.
  static constexpr std::size_t kMaxPageBytes = 1u << 20;

  std::string operator_id{};
  std::string state{};
  std::optional<std::string> key{};  ///< encoded; of this key only, in the task that holds it
  std::uint64_t key_hash = 0;        ///< of `key`
  bool is_map = false;               ///< `key` may have several entries
  StatePosition after{};
  std::size_t most_entries = 100;
  std::size_t most_bytes = kMaxPageBytes;  ///< of the page, about
  std::int64_t now_ms = 0;                 ///< entries whose TTL is over by then are left out
};

/// Entries in order.
struct StatePage {
  std::vector<SavedEntry> entries{};
  std::uint64_t expired = 0;            ///< entries that were left out
  std::optional<StatePosition> next{};  ///< more may stand behind it
};

/// The chain that an operator was in.
std::optional<std::uint32_t> chain_of(const Manifest& manifest, std::string_view operator_id);

/// The states of an operator that the manifest knows, as its tasks declared them; none when they left no snapshot.
/// Reads files of one task. Error names the file that cannot be read.
Result<std::vector<StateDeclaration>> saved_states(CheckpointStorage& storage, const Manifest& manifest,
                                                   std::string_view operator_id);

/// The next entries behind `query.after`. Of a value or list with a key, files are read from the newest back to the one
/// that tells; else all of each task that it comes to. Keeps at most query.most_entries and about query.most_bytes.
Result<StatePage> read_state(CheckpointStorage& storage, const Manifest& manifest, const StateQuery& query);

}  // namespace freshet::checkpoint
