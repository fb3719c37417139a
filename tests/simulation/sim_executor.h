#pragma once

#include <memory>

#include "runtime/worker/task_executor.h"
#include "tests/simulation/watch.h"

namespace freshet::sim {

/// Between the operators of the simulated jobs and the simulation.
struct Spending {
  Nanoseconds spent{0};       ///< time that the operators of the step in work say they took
  bool sources_fail = false;  ///< what they read from is gone
  /// A task of that attempt commits what it had prepared under that handle; called before it counts.
  std::function<void(Attempt attempt, const std::string& handle)> on_commit = [](Attempt, const std::string&) {};
};

/// Shared by the tasks of all workers.
struct ExecutorShared {
  Scheduler& scheduler;
  base::Random& random;
  Watch& watch;
  Spending& spending;
  task::Task* stepping = nullptr;     ///< the task whose step runs
  std::uint64_t steps_with_work = 0;  ///< steps that got on; what a stall is measured by
};

/// Steps tasks one at a time, in the scheduler's order; each step takes virtual time. A task that has nothing to do
/// rests until its waker is notified or its own time has come, and not a step longer: a wake-up that is missing shows
/// as a stall.
class SimExecutor final : public worker::TaskExecutor {
 public:
  /// `process`: of the worker.
  SimExecutor(ExecutorShared& shared, const Freeze& process) : shared_(shared), process_(process) {}
  ~SimExecutor() override { stop(); }

  void start(const std::vector<task::Task*>& tasks) override;
  void stop() override;
  /// What each task is doing, for people.
  std::string describe() const;

 private:
  struct Seat final : task::Waker {
    Seat(SimExecutor* owner, task::Task* seated) : executor(owner), task(seated) {}
    void notify() override {
      if (executor != nullptr && resting) executor->step_at(*this, Nanoseconds(0));
    }
    SimExecutor* executor;  // null: stopped
    task::Task* task;
    bool resting = false;
    std::uint64_t turn = 0;  // an event of another turn is out of date
    Progress last = Progress::progress;
    std::weak_ptr<Seat> self;
  };
  void step_at(Seat& seat, Nanoseconds delay);
  void step(Seat& seat);
  void rest(Seat& seat);

  ExecutorShared& shared_;
  const Freeze& process_;
  std::vector<std::shared_ptr<Seat>> seats_;  // shared with the events that step them
};

}  // namespace freshet::sim
