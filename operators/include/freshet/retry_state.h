#pragma once

#include <freshet/record_codec.h>
#include <freshet/state.h>

/// What a retry lane looks like as state: OPERATOR.lane, an entry for each record that waits to be tried again.
namespace freshet::detail {

inline constexpr std::string_view kLaneState = "lane";

/// What is known of a record that waits, beside the record.
struct WaitingFor {
  std::uint32_t attempts = 0;  ///< made so far; 0: it waits behind another of its key
  Time first{};                ///< when it failed first, or came
  std::optional<Time> next{};  ///< attempt; none: when the one before it is through
  std::string reason{};        ///< of the last failure
  std::string message{};
  std::optional<Time> event_time{};
  std::uint32_t partition = 0;
  std::uint64_t offset = 0;
  std::uint64_t key_hash = 0;
  FRESHET_RECORD(attempts, first, next, reason, message, event_time, partition, offset, key_hash)
};

/// Key: the hash by which records are placed, and the number that the record got as it came. Value: {waiting, record},
/// and the record's key where the stream has one.
inline StateDeclaration lane_declaration(const RecordCodec& records) {
  StateDeclaration lane{.name = std::string(kLaneState), .kind = "lane"};
  lane.key = schema_of<std::pair<std::uint64_t, std::uint64_t>>();
  lane.value = {"record", {{"waiting", schema_of<WaitingFor>()}, {"record", records.record()}}, {}};
  if (Schema key = records.key(); !key.kind.empty()) lane.value.fields.push_back({"key", std::move(key)});
  return lane;
}

}  // namespace freshet::detail
