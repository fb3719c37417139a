#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "dag/compatibility.h"
#include "runtime/base/background_thread.h"
#include "runtime/checkpoint/verify.h"

namespace freshet::manager {

/// Reads whole checkpoints, to find damages or to compare what they hold with another graph, and keeps what it found.
/// Checkpoints may be large, so it does so on a thread of its own, one after the other; that thread begins with the
/// first one. All methods: the job manager's thread.
class CheckpointVerifier {
 public:
  static constexpr std::size_t kMaxWaiting = 8;      ///< with the one in work
  static constexpr std::size_t kMaxKept = 50;        ///< answers; the oldest are forgotten
  static constexpr std::size_t kMaxDamages = 1'000;  ///< of one checkpoint; more are counted only
  /// Newest checkpoints that are deleted while they are read, one after the other: then it is given up.
  static constexpr int kMaxDeleted = 5;

  /// What is to go on from a checkpoint.
  struct Successor {
    LogicalGraph graph{};
    std::vector<std::string> dropped{};  ///< operators whose state is given up
  };
  struct ComparedOperator {
    dag::OperatorComparison comparison{};
    std::uint64_t entries = 0;  ///< of its states; see checkpoint::SavedState
    std::uint64_t bytes = 0;
  };

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
    bool compares = false;    ///< it was read to be compared, and not for damages
    Revision revision{};      ///< that made it, when it was compared
    std::vector<ComparedOperator> operators{};
  };

  /// The storage outlives it.
  explicit CheckpointVerifier(checkpoint::CheckpointStorage& storage) : storage_(storage) {}
  /// Waits for the file that is being read.
  ~CheckpointVerifier();

  /// Answers its number; nothing: kMaxWaiting wait already.
  std::optional<std::uint64_t> begin(JobId job, CheckpointId checkpoint);
  /// The same, to compare. Checkpoint 0: the newest that is complete.
  std::optional<std::uint64_t> begin_comparison(JobId job, CheckpointId checkpoint, Successor successor);
  /// Nothing: there was none of that number for the job, or it is forgotten.
  std::optional<Verification> find(JobId job, std::uint64_t number) const;

 private:
  using Work = std::function<void(Verification& found)>;
  std::optional<std::uint64_t> add(Verification wanted, Work work);
  void verify(Verification& found) const;
  void compare(Verification& found, const Successor& successor) const;
  void keep(Verification found);

  checkpoint::CheckpointStorage& storage_;
  std::atomic<bool> stopping_ = false;
  std::uint64_t last_ = 0;

  // The thread writes its answer here.
  mutable std::mutex mutex_;
  std::deque<Verification> verifications_;

  std::unique_ptr<base::BackgroundThread> thread_;  // last: it uses all of the above
};

}  // namespace freshet::manager
