#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/simulation/kill_points.h"

namespace freshet::sim {

/// One simulated run of a job, decided by its seed alone.
struct RunOptions {
  std::string topology{};
  std::uint64_t seed = 1;
  bool full_size = false;
  bool harm = true;  ///< some seeds break connections, cut machines off, slow them down, kill workers or lose frames
  bool lose_grants = false;            ///< no credit comes back: shows that a job that hangs is found
  bool forget_checkpoint_ids = false;  ///< the journal keeps no numbers of checkpoints: shows that it is seen
  bool spills = false;                 ///< no state fits into memory, and checkpoints are frequent
};

struct RunResult {
  std::string problem{};  ///< what is wrong with the engine; empty: nothing
  std::string harm{};     ///< what was done to the run; empty: nothing
  std::string state{};    ///< of the job, at its end
  std::string reason{};
  std::uint64_t trace = 0;  ///< hash of all that happened, in order
  std::uint64_t events = 0;
  std::uint64_t virtual_ms = 0;
  std::uint64_t remote_frames = 0;
  std::uint64_t barriers = 0;     ///< that passed every task
  std::uint64_t checkpoints = 0;  ///< numbers that were given out
  std::uint64_t attempts = 0;
  std::array<std::uint64_t, kKillPoints> kills{};  ///< by point, deaths there
  std::uint64_t storage_errors = 0;
  std::uint64_t files_lost = 0;    ///< that a crash took before they were durable
  std::uint64_t late_commits = 0;  ///< by attempts that were replaced, of what their successor began with
  std::uint64_t replayed = 0;      ///< dead letters, as the last job manager heard of them
  std::uint64_t outlived = 0;      ///< times that a worker did something beside its replacement
};

RunResult simulate(const RunOptions& options);

/// How to repeat it, for people.
std::string how_to_repeat(const RunOptions& options);

}  // namespace freshet::sim
