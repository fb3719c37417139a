#pragma once

#include <freshet/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::checkpoint {

/// Where checkpoint files live: immutable, named once, durable before an answer.
///
/// A name is relative: segments of [A-Za-z0-9._-] with '/' between them, none of them "." or ".."; anything else is an
/// Error that names it. A folder is a name, too, and comes into being with its first file. All calls block and may come
/// from any thread and, at one time, from many processes. Implementations: FileCheckpointStorage for directories,
/// MemoryCheckpointStorage for tests and the simulator.
class CheckpointStorage {
 public:
  static constexpr std::size_t kMaxSegmentBytes = 255;  // what file systems take
  static constexpr std::size_t kMaxNameBytes = 1024;
  /// A folder with more files than this cannot be listed.
  static constexpr std::size_t kMaxFolderFiles = 1u << 20;

  virtual ~CheckpointStorage() = default;
  /// Success: the file is there and durable. Error: there was one of that name, which is untouched; or it could not be
  /// written, and nothing stands under the name.
  virtual Status put(std::string_view name, std::string_view bytes) = 0;
  /// Makes the file if there is none of that name, whole and durable. True: this call made it; of several that race,
  /// exactly one is told so. False: there is one, durable and untouched. Error: it is not there; or, when only the last
  /// sync failed, it may be, so ask again before acting on either.
  virtual Result<bool> publish(std::string_view name, std::string_view bytes) = 0;
  /// The whole file. Error: there is none, it cannot be read, or it is longer than `max_bytes`.
  virtual Result<std::string> get(std::string_view name, std::uint64_t max_bytes) = 0;
  /// Names of the files that stand directly in `folder`, without the folder, sorted. None when there is no folder.
  virtual Result<std::vector<std::string>> list(std::string_view folder) = 0;
  /// Success: there is no such file any more, also after a power cut.
  virtual Status remove(std::string_view name) = 0;
};

/// Error unless `name` is a name as CheckpointStorage takes it.
Status check_name(std::string_view name);

/// Whether `segment` may stand between the '/' of a name.
bool is_name_segment(std::string_view segment);

}  // namespace freshet::checkpoint
