#pragma once

#include <freshet/codec.h>

namespace freshet::wire {

/// A file in the checkpoint storage.
struct StoredFile {
  std::string name{};
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  ///< XXH3-64 of the whole
  bool operator==(const StoredFile&) const = default;
  FRESHET_RECORD(name, bytes, checksum)
};

}  // namespace freshet::wire
