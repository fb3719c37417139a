#include "dag/fingerprint.h"

#include <algorithm>
#include <cstdio>

#include <freshet/key.h>

namespace freshet::dag {

namespace {

/// Grows when what goes into the digest changes, so that no old one can match by chance.
constexpr std::uint32_t kVersion = 5;

std::vector<GivenValue> sorted(std::vector<GivenValue> values) {
  std::sort(values.begin(), values.end(), [](const GivenValue& a, const GivenValue& b) {
    return a.name != b.name ? a.name < b.name : a.text < b.text;
  });
  return values;
}

}  // namespace

std::uint64_t fingerprint(const LogicalGraph& graph, const FingerprintInputs& inputs) {
  ByteBuffer bytes;
  encode(bytes, kVersion);
  encode(bytes, graph);
  encode(bytes, inputs.default_parallelism);
  encode(bytes, inputs.key_groups);
  encode(bytes, sorted(inputs.parameters));
  encode(bytes, sorted(inputs.file_hashes));
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string fingerprint_text(std::uint64_t fingerprint) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(fingerprint));
  return digits;
}

}  // namespace freshet::dag
