#pragma once

#include <freshet/result.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "runtime/base/sha256.h"

namespace freshet::manager {

/// Larger libraries are refused.
inline constexpr std::uint64_t kMaxLibraryBytes = 512u << 20;

/// The job libraries that were submitted, by the SHA-256 of their bytes. What is stored stays as it is.
/// Owned by the composition root, used on the job manager's thread.
class LibraryStore {
 public:
  virtual ~LibraryStore() = default;
  /// How many bytes it has; nothing when it is not there.
  virtual std::optional<std::uint64_t> size_of(const std::string& sha256) = 0;
  /// Refuses bytes with another hash, or too many. Storing what is there already changes nothing.
  virtual Status put(const std::string& sha256, std::string_view bytes) = 0;
  /// At most `count` bytes from `offset` on; fewer at the end.
  virtual Result<std::string> read(const std::string& sha256, std::uint64_t offset, std::size_t count) = 0;
};

/// Why `bytes` cannot be stored under `sha256`; success when they can.
Status check_library(const std::string& sha256, std::string_view bytes);

/// Libraries in memory; for tests and the simulator.
class MemoryLibraryStore final : public LibraryStore {
 public:
  std::optional<std::uint64_t> size_of(const std::string& sha256) override;
  Status put(const std::string& sha256, std::string_view bytes) override;
  Result<std::string> read(const std::string& sha256, std::uint64_t offset, std::size_t count) override;

 private:
  std::map<std::string, std::string> libraries_;
};

/// Libraries as files `<directory>/<sha256>.so`, written beside and renamed, so that half of one is never seen.
class FileLibraryStore final : public LibraryStore {
 public:
  /// Makes the directory when it is missing.
  explicit FileLibraryStore(std::string directory);
  std::optional<std::uint64_t> size_of(const std::string& sha256) override;
  Status put(const std::string& sha256, std::string_view bytes) override;
  Result<std::string> read(const std::string& sha256, std::uint64_t offset, std::size_t count) override;

 private:
  std::string path_of(const std::string& sha256) const { return directory_ + "/" + sha256 + ".so"; }
  const std::string directory_;
};

}  // namespace freshet::manager
