#pragma once

#include <set>

#include "dag/plan.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/task/task.h"

namespace freshet::worker {

/// What came back from a checkpoint besides the tasks' own state.
struct Restored {
  std::vector<wire::AssignedSplit> splits{};  ///< that tasks of this worker read, where they had got to
  std::set<std::string> operators{};          ///< that the checkpoint knows
};

/// Gives tasks that have not been opened what a checkpoint holds of their operators, which are found by their ids: the
/// plan may have other chains, tasks and workers than the one that was saved. What sinks asked to have committed is
/// given back to the same job only. Reads only the files that these tasks need, one at a time, each whole in memory;
/// waits for disks. Error: what cannot be restored, and why; `is_damaged`: what was read is not what was written.
Result<Restored> restore_tasks(checkpoint::CheckpointStorage& storage, const wire::CheckpointOrders& orders, JobId job,
                               const LogicalGraph& graph, const dag::ExecutionPlan& plan,
                               const std::vector<std::unique_ptr<task::Task>>& tasks, bool& is_damaged);

}  // namespace freshet::worker
