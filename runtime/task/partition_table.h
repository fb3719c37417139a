#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <freshet/stage.h>

namespace freshet::task {

/// Names the origin of records, in words. Made once per worker before its tasks start, then only read, by all its
/// threads.
class PartitionTable {
 public:
  struct Entry {
    std::string partition;
    std::shared_ptr<const SourceStage> source;  // shared by the partitions of a source; knows how to say a position
  };
  void add(std::uint32_t number, Entry entry) { entries_[number] = std::move(entry); }
  /// "in/events.csv, line 918"; empty for a record that no source made.
  std::string describe(const SourcePosition& position) const {
    const auto found = entries_.find(position.partition);
    if (found == entries_.end()) return {};
    return found->second.source->describe(found->second.partition, position.offset);
  }

 private:
  std::map<std::uint32_t, Entry> entries_;
};

}  // namespace freshet::task
