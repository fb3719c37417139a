#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <freshet/file_sink.h>

/// How the files of file sinks are called. Names are read back exactly as they are made, or not at all: they come from
/// folders and checkpoints, which may hold anything.
namespace freshet::files {

/// "csv", "jsonl"
std::string_view extension_of(RowFormat format);

/// "part-00003.csv": all rows of a task, of a job without checkpoints.
std::string part_name(std::uint32_t task, std::string_view extension);
/// The task that a part file of this extension is of; nothing when the name is no part file's.
std::optional<std::uint32_t> task_of_part(std::string_view name, std::string_view extension);

/// "a2-t00003-7.csv": rows that are not committed yet, in a folder of the job.
struct PendingName {
  std::uint32_t attempt = 0;
  std::uint32_t task = 0;
  std::uint64_t sequence = 0;  ///< of the files of this attempt and task, from 1
  std::string extension{};     ///< of some RowFormat

  std::string text() const;
  static std::optional<PendingName> parse(std::string_view text);
};

/// "part-00000012-00003-x7.csv": committed rows of one task between two checkpoints. Names in order are files in the
/// order of time.
struct CommittedName {
  std::uint32_t task = 0;
  std::uint64_t checkpoint = 0;  ///< that it was closed for
  std::string run{};
  std::string extension{};

  std::string text() const;
  static std::optional<CommittedName> parse(std::string_view text);
};

/// Letters and digits, 1 to 64 of them.
bool is_run_name(std::string_view run);

}  // namespace freshet::files
