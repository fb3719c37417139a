#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/base/background_thread.h"
#include "runtime/checkpoint/verify.h"

namespace freshet::manager {

/// Reads whole checkpoints and keeps what it found. Checkpoints may be large, so it does so on a thread of its own, one
/// after the other; that thread begins with the first one. All methods: the job manager's thread.
class CheckpointVerifier {
 public:
  static constexpr std::size_t kMaxWaiting = 8;      ///< with the one in work
  static constexpr std::size_t kMaxKept = 50;        ///< answers; the oldest are forgotten
  static constexpr std::size_t kMaxDamages = 1'000;  ///< of one checkpoint; more are counted only

  struct Verification {
    std::uint64_t number = 0;  ///< 1, 2, 3 … of one verifier
    JobId job{};
    CheckpointId checkpoint{};
    bool is_over = false;
    std::string why{};  ///< why it could not be looked at; empty: it was
    std::vector<checkpoint::Damage> damages{};
    std::uint64_t more_damages = 0;
    std::uint64_t files = 0;  ///< that were read
    std::uint64_t bytes = 0;  ///< of these, as the manifest says
  };

  /// The storage outlives it.
  explicit CheckpointVerifier(checkpoint::CheckpointStorage& storage) : storage_(storage) {}
  /// Waits for the file that is being read.
  ~CheckpointVerifier();

  /// Answers its number; nothing: kMaxWaiting wait already.
  std::optional<std::uint64_t> begin(JobId job, CheckpointId checkpoint);
  /// Nothing: there was none of that number for the job, or it is forgotten.
  std::optional<Verification> find(JobId job, std::uint64_t number) const;

 private:
  void verify(std::uint64_t number, JobId job, CheckpointId checkpoint);

  checkpoint::CheckpointStorage& storage_;
  std::atomic<bool> stopping_ = false;
  std::uint64_t last_ = 0;

  // The thread writes its answer here.
  mutable std::mutex mutex_;
  std::deque<Verification> verifications_;

  std::unique_ptr<base::BackgroundThread> thread_;  // last: it uses all of the above
};

}  // namespace freshet::manager
