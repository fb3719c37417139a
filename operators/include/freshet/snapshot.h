#pragma once

#include <functional>

#include <freshet/result.h>
#include <freshet/state.h>

/// What the operators of a task save at a barrier and get back when the job is restored: named lists of records, opaque
/// to all but who wrote them.
namespace freshet {

/// Takes what one task saves, operator by operator. One thread, the task's.
class SnapshotOut {
 public:
  virtual ~SnapshotOut() = default;
  /// Begins a list of the operator `operator_id`. `kind` and `name` tell it from others: "state" "totals".
  virtual void begin(std::string_view operator_id, std::string_view kind, std::string_view name) = 0;
  /// A record of the list begun last; copied.
  virtual void put(std::string_view record) = 0;
  /// What a sink wants to be told to commit once the checkpoint is complete: opaque bytes, at most kMaxHandleBytes;
  /// copied.
  virtual void ask_commit(std::string_view operator_id, std::string_view handle) = 0;
  /// Work without which the snapshot is worth nothing, such as making a file durable. Done once, soon, on a thread that
  /// may wait; when it fails the checkpoint does.
  virtual void before_done(std::function<Status()> work) = 0;

  /// False: what was saved before is still there, and what has changed of the tables since is enough.
  virtual bool wants_everything() const { return true; }
  /// False: wait a little with more of the tables, there is no room.
  virtual bool has_room() const { return true; }

  static constexpr std::size_t kMaxHandleBytes = 64u << 10;
};

/// One record that was saved, on its way back; the views are good during the call.
struct SavedRecord {
  std::string_view operator_id{};
  std::string_view kind{};
  std::string_view name{};
  std::string_view bytes{};
  bool is_first = false;  ///< of its list
};

/// Which of what all tasks of a chain saved belongs to one task of the restored chain.
struct RestoreScope {
  std::uint32_t task_index = 0;
  std::uint32_t parallelism = 1;
  std::uint32_t key_groups = 128;
  /// The job had as many tasks here when it was saved: each takes back all that it saved itself, and nothing else.
  bool same_tasks = true;

  bool owns_key(std::uint64_t key_hash) const {
    return same_tasks || task_of_key_group(key_group_of(key_hash, key_groups), key_groups, parallelism) == task_index;
  }
  /// For splits, which have no key: partitions are dealt out by their numbers.
  bool owns_partition(std::uint32_t number) const { return same_tasks || number % parallelism == task_index; }
};

/// A state entry as a record of a snapshot: key hash u64, time of the last write i64, lengths of key and map key u32,
/// all little-endian, then key, map key and value. The upper bit of the map key's length says that the entry is gone.
/// Frozen; golden test.
void append_state_entry(ByteBuffer& out, const StateEntry& entry);
/// False: the bytes are none. The views are into `bytes`.
[[nodiscard]] bool read_state_entry(std::string_view bytes, StateEntry& entry);

/// The same behind its length, u32 little-endian, for entries that stand one behind the other.
void append_packed_entry(ByteBuffer& out, const StateEntry& entry);
/// Takes the first entry from `packed`. False: there is none, or it is damaged.
[[nodiscard]] bool next_packed_entry(std::string_view& packed, StateEntry& entry);

}  // namespace freshet
