#pragma once

#include <functional>

#include <freshet/job.h>

#include "dag/plan.h"
#include "runtime/task/task.h"
#include "runtime/wire/control.h"

namespace freshet::worker {

/// What tasks are made from. All of it outlives them.
struct TaskFactorySetup {
  const Job* job = nullptr;
  const dag::ExecutionPlan* plan = nullptr;
  WorkerKey worker{};
  wire::DataOptions options{};
  const base::Clock* clock = nullptr;
  task::FrameCarrier* carrier = nullptr;
  task::TaskListener* listener = nullptr;
  std::shared_ptr<const task::PartitionTable> partitions;  ///< filled before the tasks are opened
  bool checkpoints = false;                                ///< sources wait at the end, and sinks commit by them
  std::string run{};                                       ///< see StageHost
  /// Where the state of one task goes that does not fit into the `state_bytes` of its worker; may be empty.
  std::function<std::unique_ptr<SpillStore>(std::uint32_t task, std::uint64_t state_bytes)> open_spill{};
  bool aligns = true;  ///< see task::InputGate
};

/// Makes the tasks that the plan places on a worker, with the author's operators inside. Not opened yet.
std::vector<std::unique_ptr<task::Task>> make_tasks(const TaskFactorySetup& setup);

/// The worker that runs a task.
std::uint32_t worker_of(const dag::ExecutionPlan& plan, std::uint32_t chain, std::uint32_t index);

}  // namespace freshet::worker
