#pragma once

#include <freshet/record_codec.h>
#include <freshet/state.h>

/// What an operator keeps of records that failed, as state: OPERATOR.lane has an entry for each that waits to be tried
/// again, OPERATOR.dead_letters one for each that has failed for good.
namespace freshet::detail {

inline constexpr std::string_view kLaneState = "lane";
inline constexpr std::string_view kLettersState = "dead_letters";

/// What is known of a record that waits, beside the record.
struct WaitingFor {
  std::uint32_t attempts = 0;  ///< made so far; 0: it waits behind another of its key
  Time first{};                ///< when it failed first, or came; of a dead letter: when it became one
  std::optional<Time> next{};  ///< attempt; none: when the one before it is through, or never
  std::string reason{};        ///< of the last failure
  std::string message{};
  std::optional<Time> event_time{};
  std::uint32_t partition = 0;
  std::uint64_t offset = 0;
  std::uint64_t key_hash = 0;
  std::string origin{};  ///< of a dead letter: DeadLetter::origin
  FRESHET_RECORD(attempts, first, next, reason, message, event_time, partition, offset, key_hash, origin)
};

/// Key: the hash by which records are placed, and the number that the record got as it came, or DeadLetter::id. Value:
/// {waiting, record}, and the record's key where the stream has one.
inline StateDeclaration lane_declaration(const RecordCodec& records, std::string_view name = kLaneState) {
  StateDeclaration lane{.name = std::string(name), .kind = "lane"};
  lane.key = schema_of<std::pair<std::uint64_t, std::uint64_t>>();
  lane.value = {"record", {{"waiting", schema_of<WaitingFor>()}, {"record", records.record()}}, {}};
  if (Schema key = records.key(); !key.kind.empty()) lane.value.fields.push_back({"key", std::move(key)});
  return lane;
}

}  // namespace freshet::detail
