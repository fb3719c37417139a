#pragma once

#include <cstdint>
#include <vector>

#include <freshet/graph.h>
#include "dag/validator.h"

namespace freshet::dag {

/// What a job's graph was built from, beside the library.
struct FingerprintInputs {
  std::int64_t default_parallelism = 1;
  std::uint32_t key_groups = 128;
  std::vector<GivenValue> parameters{};   ///< all that were given, secrets with their values
  std::vector<GivenValue> file_hashes{};  ///< parameter name, SHA-256 of the attached file as hex
};

/// Tells two builds of one job apart: the job manager puts it into the plan, every worker compares it with that of the
/// graph it built itself. XXH3-64 of the msgpack encoding of graph and inputs; the order of parameters and files does
/// not matter. A digest, not a secret: it shows that a password differs, not which it is.
std::uint64_t fingerprint(const LogicalGraph& graph, const FingerprintInputs& inputs);

/// Sixteen hexadecimal digits.
std::string fingerprint_text(std::uint64_t fingerprint);

}  // namespace freshet::dag
