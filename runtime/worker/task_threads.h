#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime/worker/task_executor.h"

namespace freshet::worker {

/// A few threads that step many tasks. A task stays on its thread; those that asked for one have theirs to themselves.
class TaskThreads final : public TaskExecutor {
 public:
  /// `threads`: how many share the tasks; 0: one per core. `own_thread` tells of each task whether it wants its own.
  TaskThreads(std::uint32_t threads, std::function<bool(const TaskId&)> own_thread, const base::Clock& clock);
  ~TaskThreads() override;

  void start(const std::vector<task::Task*>& tasks) override;
  void stop() override;

 private:
  /// One thread and the tasks it steps. Sleeps while none has anything to do.
  class TaskThread final : public task::Waker {
   public:
    explicit TaskThread(const base::Clock& clock) : clock_(clock) {}
    ~TaskThread() override;
    void add(task::Task& task);
    void start();
    void stop();
    void notify() override;

   private:
    void run();
    bool step_all();
    void rest();

    const base::Clock& clock_;
    std::vector<task::Task*> tasks_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> notified_{false};
    std::atomic<bool> asleep_{false};
    std::mutex mutex_;  // guards nothing but the sleep: taken when a sleeper is woken, not once a frame
    std::condition_variable wake_;
    std::thread thread_;
  };

  const std::uint32_t threads_wanted_;
  const std::function<bool(const TaskId&)> own_thread_;
  const base::Clock& clock_;
  std::vector<std::unique_ptr<TaskThread>> threads_;
};

}  // namespace freshet::worker
