#pragma once

#include <freshet/batch.h>
#include <freshet/schema.h>
#include <freshet/spill.h>

/// Keyed state: what an operator remembers per key. Handles are members of the operator, `{this, "name"}`; the tables
/// behind them hold live objects; the engine reaches the tables by bytes, through StateTable, to save and restore them.
namespace freshet {

/// A state table of an operator; its address for people is OPERATOR.STATE.
struct StateDeclaration {
  std::string name{};
  std::string kind{};  ///< value, list, map, set, broadcast, or which windows or pairs
  Schema key{};
  Schema map_key{};  ///< of a map or set; empty kind otherwise
  Schema value{};
  Duration ttl = Duration::max();
  bool queryable = false;
  bool operator==(const StateDeclaration&) const = default;
  FRESHET_RECORD(name, kind, key, map_key, value, ttl, queryable)
};

namespace detail {

/// The kind of a state of which each task has all entries, whosever keys they are: restored by other tasks, each of
/// them takes all.
inline constexpr std::string_view kBroadcastState = "broadcast";

}  // namespace detail

struct StateOptions {
  Duration ttl = Duration::max();  ///< since the last write, on the processing clock; an older entry reads as absent
  bool queryable = false;
};

/// One entry as bytes. `key` and `map_key` are key encodings (key.h), `value` is msgpack.
struct StateEntry {
  std::uint64_t key_hash = 0;
  std::string_view key{};
  std::string_view map_key{};
  std::string_view value{};
  std::int64_t written_ms = kNoStamp;
  bool erased = false;  ///< there is no such entry any more; it has no value

  /// The table has no TTL and keeps no times. Restored into one that has, the entry counts as written then: who
  /// restores it puts the time in.
  static constexpr std::int64_t kNoStamp = std::numeric_limits<std::int64_t>::min();
};

/// Takes the entries of a table, in any order; the views are good during the call.
class StateWriter {
 public:
  virtual ~StateWriter() = default;
  virtual void put(const StateEntry& entry) = 0;
};

/// The state port: a typed table as the engine sees it. One thread, the task's.
class StateTable {
 public:
  virtual ~StateTable() = default;
  virtual StateDeclaration declaration() const = 0;
  virtual std::size_t entries() const = 0;
  virtual std::size_t bytes() const = 0;
  /// All entries, as they are.
  virtual void write(StateWriter& out) const = 0;
  /// Gives `out` what stands under a key, as write() would; entries that have outlived their TTL are among it. Looks
  /// only: what is spilled stays where it is. Between calls. False: there is nothing, or entries of this table are not
  /// found by a key alone. Throws StateLost when what is spilled cannot be read.
  virtual bool read(std::uint64_t key_hash, std::string_view key, StateWriter& out) const = 0;
  /// Begins to save the table as it is now, between calls of user code: everything, or what has changed since the save
  /// before, which must be over. It may go on changing; `out` must live until save_some() says true.
  virtual void begin_save(StateWriter& out, bool everything) = 0;
  /// What has changed since the last save is more than it remembers: the next one has to be of everything.
  virtual bool wants_everything() const = 0;
  /// Saves about `entries` more; one key of a map counts as one. True: all is saved.
  virtual bool save_some(std::size_t entries) = 0;
  /// Behind begin_save(): so many entries that changed and have left memory since are still to be saved; they go first.
  virtual std::size_t left_to_save() const = 0;
  /// Entries that do not fit into memory go there from now on; `state`: state_id() of the table. Before anything is
  /// evicted; `store` outlives the table.
  virtual void spill_to(SpillStore& store, std::uint32_t state) = 0;
  /// About what its entries take that are in memory, bytes.
  virtual std::size_t resident_bytes() = 0;
  /// How many of its keys are in memory.
  virtual std::size_t resident_keys() const = 0;
  /// Gives at most `entries` that were not touched lately to the spill store; between calls only. Answers how many:
  /// none when that has no room.
  virtual std::size_t evict(std::size_t entries) = 0;
  /// Erases entries that have outlived their TTL, if they have one, among the next few, wherever they are: so many that
  /// keys which never come back cost nothing for long. Before a batch of `records`, between calls.
  virtual void sweep(std::size_t records, std::int64_t now_ms) = 0;
  /// Takes back what was saved, oldest first. False: the bytes are not an entry of this table.
  [[nodiscard]] virtual bool restore(const StateEntry& entry) = 0;
  /// Appends the value of an entry nobody has written to, member initialisers included; of a list, a list of one such
  /// element. Fields that were not saved get what stands there.
  virtual void write_blank(ByteBuffer& out) const = 0;

  /// Forgets how to undo the last call, or undoes it. Called between calls, only where undo is on.
  virtual void commit_call() = 0;
  virtual void undo_call() = 0;
};

/// The bytes of an entry's address in storage; frozen, golden test: key group u16 | state id u32, both big-endian |
/// key encoding | namespace (0x00: none; 0x01 + window start and end as keys) | map key encoding.
void append_state_address(ByteBuffer& out, std::uint32_t key_group, std::uint32_t state_id, std::string_view key,
                          std::string_view map_key);
/// Low half of XXH3-64 of "OPERATOR.STATE"; a job in which two collide is refused.
std::uint32_t state_id(std::string_view operator_id, std::string_view state);

}  // namespace freshet
