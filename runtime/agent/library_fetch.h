#pragma once

#include <optional>
#include <vector>

#include "runtime/agent/ports.h"
#include "runtime/base/clock.h"

namespace freshet::agent {

/// Fetches one library, piece by piece, one request outstanding. Pure: says which offset to ask for, and who waits.
/// Owned by the agent, on its thread; gone when the library is there or cannot be had.
class LibraryFetch {
 public:
  /// A request without an answer for longer is repeated.
  static constexpr auto kRetryAfter = std::chrono::seconds(2);
  /// Larger libraries are refused; the job manager's store has the same limit.
  static constexpr std::uint64_t kMaxLibraryBytes = 512u << 20;

  enum class Step : std::uint8_t { ask, complete, ignore, impossible };

  explicit LibraryFetch(base::SteadyTime now) : asked_at_(now) {}

  std::uint64_t offset() const { return offset_; }
  const std::string& problem() const { return problem_; }
  /// What to do with a piece that came; on `impossible`, problem() says why.
  Step on_chunk(const wire::LibraryChunk& chunk, LibraryCache& cache, base::SteadyTime now);
  base::SteadyTime retry_at() const { return asked_at_ + kRetryAfter; }
  /// The same offset is asked for again.
  void asked(base::SteadyTime now) { asked_at_ = now; }

  std::vector<wire::StartWorker> waiting;  ///< workers to start when it is there

 private:
  std::uint64_t offset_ = 0;
  base::SteadyTime asked_at_;
  std::string problem_;
};

}  // namespace freshet::agent
