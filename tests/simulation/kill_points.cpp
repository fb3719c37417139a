#include "tests/simulation/kill_points.h"

namespace freshet::sim {

std::string name_of(KillPoint point) {
  constexpr const char* kNames[] = {"published", "between-commits", "mid-upload", "mid-alignment",
                                    "adoption",  "restore",         "final-open", "end-of-stream"};
  static_assert(std::size(kNames) == kKillPoints);
  return kNames[static_cast<std::size_t>(point)];
}

std::string name_of(Victim victim) {
  constexpr const char* kNames[] = {"worker killed", "machine killed", "job manager killed", "everything killed",
                                    "machine frozen"};
  static_assert(std::size(kNames) == kVictims);
  return kNames[static_cast<std::size_t>(victim)];
}

}  // namespace freshet::sim
