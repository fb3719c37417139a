#pragma once

#include <cstdint>
#include <string>

namespace freshet::sim {

/// One simulated run of a job, decided by its seed alone.
struct RunOptions {
  std::string topology{};
  std::uint64_t seed = 1;
  bool full_size = false;
  bool harm = true;  ///< some seeds break connections, cut machines off, slow them down, kill workers or lose frames
  bool lose_grants = false;  ///< no credit comes back: shows that a job that hangs is found
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
};

RunResult simulate(const RunOptions& options);

/// How to repeat it, for people.
std::string how_to_repeat(const RunOptions& options);

}  // namespace freshet::sim
