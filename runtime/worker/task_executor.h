#pragma once

#include <memory>
#include <vector>

#include "runtime/task/task.h"

namespace freshet::worker {

/// Runs tasks: on threads (task_threads.h), or step by step under the simulator.
class TaskExecutor {
 public:
  virtual ~TaskExecutor() = default;
  /// Opens the tasks and steps them from now on. The tasks live until stop() has returned.
  virtual void start(const std::vector<task::Task*>& tasks) = 0;
  /// No step runs, and none will, when it returns.
  virtual void stop() = 0;
};

}  // namespace freshet::worker
