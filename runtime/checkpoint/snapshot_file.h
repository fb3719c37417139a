#pragma once

#include <freshet/codec.h>
#include <freshet/result.h>

#include "runtime/base/ids.h"

/// What one task saved for one checkpoint, or a part of it, as the bytes of a file. Frozen: a golden test holds every
/// byte. Numbers are big-endian.
///
///   header   magic "FRSS", version u8, three zero bytes, job u64, attempt u32, checkpoint u64, chain u32, index u32,
///            part u32
///   section  1 u8, length of the body u64, body, XXH3-64 of the section so far u64; any number of them
///   footer   2 u8, number of sections u32, XXH3-64 of the file so far u64
///
/// A body: kind, operator id and name, each with its length u16 before it; number of records u64; the records, each
/// with its length before it as a varint (seven bits a byte, lowest first, the upper bit says that more follow).
namespace freshet::checkpoint {

inline constexpr std::uint32_t kSnapshotMagic = 0x46525353;  // "FRSS"
inline constexpr std::uint8_t kSnapshotVersion = 2;
inline constexpr std::size_t kSnapshotHeaderBytes = 40;
inline constexpr std::size_t kSnapshotFooterBytes = 13;
/// A section's kind, operator id or name is not longer.
inline constexpr std::size_t kMaxSectionTextBytes = 4096;
inline constexpr std::uint64_t kMaxSnapshotRecordBytes = 1u << 30;
inline constexpr std::uint32_t kMaxSnapshotSections = 1u << 20;
/// No snapshot file is longer: it is made and read in memory.
inline constexpr std::uint64_t kMaxSnapshotBytes = std::uint64_t{1} << 40;

/// Whose snapshot it is.
struct SnapshotId {
  JobId job{};
  Attempt attempt{};
  CheckpointId checkpoint{};
  TaskId task{};
  std::uint32_t part = 0;  ///< 0, 1, 2 … of what was saved for this checkpoint; each builds on those before it
  auto operator<=>(const SnapshotId&) const = default;
};

/// `job-1/snapshots`.
std::string snapshot_folder(JobId job);

/// Name of its file in the checkpoint storage, `job-1/snapshots/c7-a3-t0.2`: attempt 3, task 2 of chain 0. Further
/// parts have their number behind it: `c7-a3-t0.2-p1`.
std::string snapshot_name(const SnapshotId& id);

/// The id whose snapshot_name() `name` is; Error when it is none's.
Result<SnapshotId> parse_snapshot_name(std::string_view name);

/// Writes one snapshot file in memory. Life: sections, each begun and then filled record by record; finish, once. Used
/// by one thread at a time. What breaks a limit ends the process: callers keep to them.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(const SnapshotId& id);

  /// Ends the section before. The three texts, at most kMaxSectionTextBytes each, say what its records are ("state",
  /// "timers", …), and of which operator; readers find sections in the order in which they were written.
  void begin_section(std::string_view kind, std::string_view operator_id, std::string_view name);
  /// One record of the section, opaque, at most kMaxSnapshotRecordBytes; may be empty.
  void put(std::string_view record);
  /// Bytes written so far.
  std::size_t size() const { return bytes_.size(); }
  /// The whole file. Nothing may be called after it.
  std::string finish();

 private:
  void end_section();

  std::string bytes_;
  std::size_t section_at_ = 0;  // where the open section begins; 0: none is open
  std::size_t count_at_ = 0;    // where its number of records stands
  std::uint64_t records_ = 0;   // of the open section
  std::uint32_t sections_ = 0;
  bool finished_ = false;
};

/// Reads a snapshot file whose bytes outlive it and all that it gives out. Everything is checked by open(), so what
/// follows cannot fail. Used by one thread at a time.
class SnapshotReader {
 public:
  struct Section {
    std::string_view kind{};
    std::string_view operator_id{};
    std::string_view name{};
    std::uint64_t records = 0;
  };

  /// Error: a part of the file is damaged, and which, and at which byte; or it is not the snapshot of `expected`.
  /// Allocates nothing.
  static Result<SnapshotReader> open(std::string_view bytes, const SnapshotId& expected);

  /// Goes to the next section, from wherever the reader is in this one. False: there is none.
  bool next_section(Section& section);
  /// The next record of the section. False: there is none.
  bool next_record(std::string_view& record);

 private:
  explicit SnapshotReader(std::string_view sections) : sections_(sections), records_({}) {}

  ByteReader sections_;  // from the next section on, without the footer
  ByteReader records_;   // from the section's next record on
};

}  // namespace freshet::checkpoint
