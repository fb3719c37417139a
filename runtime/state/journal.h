#pragma once

#include <freshet/result.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::state {

/// Where the job manager writes down what must survive it, entry by entry. The entries are opaque bytes; their order is
/// the order of the appends.
///
/// Life: made, replayed once, then appended to. Used by its owner's thread alone. Implementations: RocksDbJournal for
/// processes, MemoryJournal for tests and the simulator.
class Journal {
 public:
  /// A longer entry is refused; nothing that the job manager remembers comes near it.
  static constexpr std::size_t kMaxEntryBytes = 64u << 20;

  virtual ~Journal() = default;
  /// Calls `entry` with each entry, oldest first.
  virtual Status replay(const std::function<void(std::string_view)>& entry) = 0;
  /// Success: the entry is durable. Failure: it is not there after a restart, or (when the disk failed) may be.
  virtual Status append(std::string_view entry) = 0;
  /// Puts `entries` in the place of all that are there, all or nothing. How a journal is kept short.
  virtual Status replace(const std::vector<std::string>& entries) = 0;
};

/// Keeps entries in memory. Its levers: `fail_appends` makes appends fail; `entries` is what a restart would find.
class MemoryJournal final : public Journal {
 public:
  Status replay(const std::function<void(std::string_view)>& entry) override {
    for (const std::string& each : entries) entry(each);
    return {};
  }
  Status append(std::string_view entry) override {
    if (fail_appends) return Error{"the journal is told to fail"};
    if (entry.size() > kMaxEntryBytes) return Error{"a journal entry is longer than 64 MiB"};
    entries.emplace_back(entry);
    return {};
  }
  Status replace(const std::vector<std::string>& wanted) override {
    if (fail_appends) return Error{"the journal is told to fail"};
    entries = wanted;
    return {};
  }

  std::vector<std::string> entries;
  bool fail_appends = false;
};

}  // namespace freshet::state
