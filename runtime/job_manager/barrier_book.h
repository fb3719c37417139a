#pragma once

#include <map>
#include <set>

#include "runtime/base/ids.h"

namespace freshet::manager {

/// Which tasks each barrier of a job has passed. Numbers count up from 1 and are never used twice. Pure.
class BarrierBook {
 public:
  /// Older barriers than these are forgotten.
  static constexpr std::size_t kMaxBarriers = 16;

  CheckpointId next() {
    const CheckpointId id{++last_};
    passed_[id];
    if (passed_.size() > kMaxBarriers) passed_.erase(passed_.begin());
    return id;
  }
  /// False: no such barrier, or the task has reported it before.
  bool on_passed(CheckpointId id, TaskId task) {
    const auto found = passed_.find(id);
    return found != passed_.end() && found->second.insert(task).second;
  }
  /// Tasks that the barrier has passed.
  std::size_t passed(CheckpointId id) const {
    const auto found = passed_.find(id);
    return found == passed_.end() ? 0 : found->second.size();
  }

 private:
  std::uint64_t last_ = 0;
  std::map<CheckpointId, std::set<TaskId>> passed_;
};

}  // namespace freshet::manager
