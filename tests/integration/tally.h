#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace freshet::integration {

/// What the sinks of the job `flow` took, all together: see faults/tally_sink.h.
struct Tally {
  std::uint64_t count = 0, sum = 0, bytes = 0, wrong = 0;
};

inline Tally tally_in(const std::string& folder) {
  Tally all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    Tally one;
    std::ifstream(entry.path()) >> one.count >> one.sum >> one.bytes >> one.wrong;
    all = {all.count + one.count, all.sum + one.sum, all.bytes + one.bytes, all.wrong + one.wrong};
  }
  return all;
}

}  // namespace freshet::integration
