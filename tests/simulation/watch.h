#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dag/plan.h"
#include "runtime/task/task.h"
#include "tests/simulation/data_net.h"

namespace freshet::sim {

/// What a task has counted at some moment.
struct TaskCounts {
  struct Edge {
    std::uint64_t records = 0;
    std::uint64_t in_flight_bytes = 0;
    std::vector<std::uint64_t> frames{};  ///< by receiving task
  };
  std::uint64_t records_in = 0;  ///< of the chain's head
  std::uint64_t frames_in = 0;
  std::map<std::uint32_t, Edge> edges{};  ///< by edge id
};
TaskCounts counts_of(task::Task& task);

/// Looks at everything that must hold while a job runs, step by step, and keeps the accounts for what must hold at its
/// end. The first thing that is wrong is kept in words.
class Watch final : public DataObserver {
 public:
  struct Limits {
    wire::DataOptions data{};
    std::uint64_t largest_record_bytes = 0;  ///< encoded, or in a batch
  };
  explicit Watch(Limits limits) : limits_(limits) {}

  void fail(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  const std::string& problem() const { return problem_; }

  /// Workers of this attempt start. A new one begins with empty accounts; what older ones still do is not looked at.
  void on_attempt(Attempt attempt);
  /// Two workers have lost their connection.
  void on_disconnect() { is_disconnected_ = true; }
  /// After each step of a task: no channel holds more than its credit, no operator more overflow than it may.
  void on_step(task::Task& task);
  /// The task will not step any more.
  void on_task_stopped(task::Task& task);
  /// A barrier has passed the task, whose counts were these in that moment; what it saved is durable.
  void on_barrier(Attempt attempt, std::uint64_t checkpoint, const TaskId& task, TaskCounts counts);

  void on_data_sent(std::string_view message) override;
  void on_data_delivered(std::string_view message) override;

  /// The job has finished: on every edge as much was received as was sent, and all of it was granted; what lies before
  /// a barrier at its sender lies before it at its receiver.
  void check_balance(const dag::ExecutionPlan& plan);
  std::uint64_t barriers_passed_by_all() const { return complete_barriers_; }
  std::uint64_t remote_frames() const { return remote_frames_; }

 private:
  struct Remote {
    std::uint64_t frames_sent = 0, frames_delivered = 0;
    std::uint64_t elements_sent = 0, elements_delivered = 0;
    std::uint64_t cost = 0;  ///< of all that was sent
    std::uint64_t grant_sent = 0, grant_delivered = 0;
  };
  std::uint64_t most_in_flight() const;
  void check_task(const dag::ExecutionPlan& plan, const TaskId& task, const TaskCounts& counts);
  void check_edge(const dag::ExecutionPlan& plan, std::uint32_t chain);
  void check_barrier(const dag::ExecutionPlan& plan, std::uint64_t checkpoint);
  void check_remote(const dag::ExecutionPlan& plan);

  const Limits limits_;
  std::string problem_;
  Attempt attempt_{};
  std::map<TaskId, TaskCounts> final_;
  std::map<std::uint64_t, std::map<TaskId, TaskCounts>> barriers_;
  std::map<TaskId, std::uint64_t> last_barrier_;
  std::map<ChannelId, Remote> remote_;
  std::map<ChannelId, std::uint64_t> not_yet_granted_;  ///< bytes, when the channel's sender was stopped
  bool is_disconnected_ = false;                        // some workers from each other, in this attempt
  std::map<TaskId, std::uint64_t> weigh_after_;         ///< steps, until a task's overflow is weighed again
  std::uint64_t remote_frames_ = 0;
  std::uint64_t complete_barriers_ = 0;
};

}  // namespace freshet::sim
