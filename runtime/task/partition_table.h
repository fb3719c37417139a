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
    std::string source_id{};
  };
  void add(std::uint32_t number, Entry entry) { entries_[number] = std::move(entry); }
  /// "in/events.csv, line 918"; empty for a record that no source made.
  std::string describe(const SourcePosition& position) const {
    const Entry* entry = find(position.partition);
    return entry == nullptr ? std::string() : entry->source->describe(entry->partition, position.offset);
  }
  /// Nullptr: no source has it. Neither allocates nor waits.
  const Entry* find(std::uint32_t number) const {
    const auto found = entries_.find(number);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::uint32_t, Entry> entries_;
};

}  // namespace freshet::task
