#include "runtime/checkpoint/file_bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace freshet::checkpoint {

std::uint64_t checksum_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace freshet::checkpoint
