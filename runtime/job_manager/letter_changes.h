#pragma once

#include <deque>
#include <set>

#include "runtime/job_manager/checkpoint_decision.h"
#include "runtime/job_manager/checkpoint_history.h"

namespace freshet::manager {

/// How far a user's order to replay or drop dead letters is. It is done when a checkpoint holds what it changed; of a
/// job without checkpoints when all workers have done their part.
struct LetterOperation {
  std::uint64_t number = 0;  ///< as in wire::ChangeLetters
  bool replays = true;
  CheckpointState state = CheckpointState::open;
  std::uint64_t letters = 0;            ///< that were replayed or dropped
  std::uint32_t refused = 0;            ///< tasks that have nothing more to give, and left theirs where they were
  std::optional<CheckpointId> saved{};  ///< that holds it
  std::string why{};                    ///< why it failed
};

/// The orders to change a job's dead letters, one at a time. Is told facts; decides nothing but when one is over. Pure;
/// owned by its job.
class LetterChanges {
 public:
  static constexpr std::size_t kMostRemembered = 20;

  /// The number of the `count`th order of a job manager: greater than all of those before it.
  static std::uint64_t number_of(Term term, std::uint32_t count) { return (term.value << 32) | count; }
  static std::uint32_t count_of(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

  bool is_open() const { return !operations_.empty() && operations_.back().state == CheckpointState::open; }
  /// Only when none is open. `workers`: who have to answer.
  void begin(const wire::ChangeLetters& order, std::set<WorkerId> workers);
  /// What that worker may not have heard, or its answer is lost; nothing when it has answered.
  std::optional<wire::ChangeLetters> to_repeat(const WorkerKey& worker) const;
  /// True: that was the last answer, and it is time for a checkpoint.
  [[nodiscard]] bool on_changed(const wire::LettersChanged& changed);
  /// All workers have done their part: checkpoints above `last` hold it. Nothing: there are none.
  void save_above(std::optional<CheckpointId> last);
  void on_complete(CheckpointId id);
  /// The attempt is over, and what was done in it since its last checkpoint undone.
  void end(const std::string& why);
  /// Letters that were replayed or dropped, as workers have said.
  std::uint64_t letters() const { return letters_; }
  /// Nullptr: there was none of that number, or it is forgotten.
  const LetterOperation* find(std::uint64_t number) const;

 private:
  std::deque<LetterOperation> operations_;
  wire::ChangeLetters order_;  // the newest
  std::set<WorkerId> waiting_for_;
  std::optional<CheckpointId> saved_above_;  // of the newest, once all workers have done their part
  std::uint64_t letters_ = 0;
};

}  // namespace freshet::manager
