#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <freshet/job.h>
#include <freshet/result.h>

#include "runtime/checkpoint/storage.h"
#include "runtime/task/task.h"
#include "runtime/wire/control.h"

namespace freshet::worker {

/// What reading the state of a job that runs needs to know of it. Made when the tasks start; after that only the
/// atomics change, so any thread may look. What it points to lives as long as the worker.
struct LiveJob {
  WorkerKey self{};
  std::string library_job{};
  const LogicalGraph* graph = nullptr;
  const dag::ExecutionPlan* plan = nullptr;
  std::vector<task::Task*> tasks{};              ///< of this worker
  std::map<std::uint32_t, std::string> peers{};  ///< where each worker of the job serves its state; this one, too
  std::shared_ptr<checkpoint::CheckpointStorage> storage{};  ///< null: the job makes no checkpoints
  /// Of the tasks' mailboxes none is looked at any more.
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> checkpoint{0};  ///< the newest that is complete, as far as this worker knows; 0: none
};

/// Serves queryable state to the world outside; implemented by the process. Called on the worker's thread.
class StateServer {
 public:
  virtual ~StateServer() = default;
  /// Begins to listen, before there is anything to serve. Answers the address, "127.0.0.1:40213".
  virtual Result<std::string> open() = 0;
  /// From now on the state of this job is served, until it is over.
  virtual void serve(std::shared_ptr<const LiveJob> job) = 0;
};

}  // namespace freshet::worker
