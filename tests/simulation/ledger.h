#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "runtime/checkpoint/manifest.h"
#include "runtime/wire/control.h"

namespace freshet::sim {

/// What exactly-once asks of attempts, checkpoints and commits, looked at as they happen:
/// nothing is committed before a complete manifest names it; of two attempts the older commits only what the newer one
/// began with; a number of a checkpoint is given out once.
class Ledger {
 public:
  explicit Ledger(std::function<void(const std::string& what)> wrong) : wrong_(std::move(wrong)) {}

  /// A worker of the attempt is told to begin with what that checkpoint holds; 0: anew.
  void on_attempt(Attempt attempt, CheckpointId restore);
  /// A source is told to send the barrier of a checkpoint.
  void on_inject(Term term, Attempt attempt, CheckpointId checkpoint);
  void on_published(const checkpoint::Manifest& manifest);
  /// A task of that attempt commits, for the first time or again.
  void on_commit(Attempt attempt, const std::string& handle);

  /// Whether of what the newest manifest names some is committed, and some is not.
  bool is_between_commits() const { return !open_.empty() && open_.size() < newest_; }
  CheckpointId newest_injected() const { return injected_.empty() ? CheckpointId{} : injected_.rbegin()->first; }
  /// A worker of the attempt does something.
  void on_sign_of_life(Attempt attempt) { outlived_ += !began_with_.empty() && attempt < began_with_.rbegin()->first; }
  std::uint64_t late_commits() const { return late_; }  ///< of attempts that were replaced; all of them harmless
  std::uint64_t outlived() const { return outlived_; }  ///< signs of life beside a newer attempt

 private:
  const std::function<void(const std::string& what)> wrong_;
  std::map<Attempt, CheckpointId> began_with_;
  std::map<CheckpointId, std::pair<Term, Attempt>> injected_;
  std::map<CheckpointId, std::set<std::string>> handles_;  // of every complete manifest there ever was
  std::set<std::string> named_;                            // all of them
  std::set<std::string> committed_;
  std::set<std::string> open_;  // of the newest manifest, not committed
  std::size_t newest_ = 0;      // how many the newest manifest names
  std::uint64_t late_ = 0;
  std::uint64_t outlived_ = 0;
};

}  // namespace freshet::sim
