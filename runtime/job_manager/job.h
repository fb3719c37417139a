#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <freshet/result.h>
#include "dag/life_cycle.h"
#include "runtime/job_manager/barrier_book.h"
#include "runtime/job_manager/cause.h"
#include "runtime/job_manager/deployment.h"
#include "runtime/job_manager/manager_options.h"
#include "runtime/job_manager/status_book.h"
#include "runtime/job_manager/submission.h"
#include "runtime/job_manager/time_line.h"

namespace freshet::manager {

/// Now, on both clocks.
struct Moment {
  base::SteadyTime steady{};
  std::int64_t wall_ms = 0;
};

/// How a job that is over ended; what the journal keeps of it.
struct JobEnd {
  dag::JobState state = dag::JobState::failed;
  std::string reason{};
  std::int64_t time_ms = 0;
  std::vector<ProblemView> problems{};
  FRESHET_RECORD(state, reason, time_ms, problems)
};

/// One job's life: its state, the workers of its attempt, and how it ends. Is told facts and answers with orders;
/// sends, journals and places nothing itself. Facts told twice, late, or of another attempt change nothing.
///
/// While it ends its state shows why: Running when it has finished, Cancelling, or Recovering when it has failed (one
/// day it is restarted from there); it is over only when all its workers are gone. Owned by the job table; the job
/// manager's thread.
class Job {
 public:
  Job(JobId id, Submission submission, dag::ExecutionPlan plan, const ManagerOptions& options,
      std::int64_t submitted_ms);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// As the journal remembers it.
  void restore(Attempt attempt, const JobEnd& end);

  /// Not enough slots; `text` says how many are missing.
  void wait_for_slots(const std::string& text, Moment now);
  /// Starts an attempt whose number is durable, with a placed plan.
  void deploy(Attempt attempt, dag::ExecutionPlan plan, std::uint64_t library_bytes, Moment now, Orders& orders);
  /// False: the message is of no worker of this attempt, or out of order. It is counted, and changes nothing.
  bool on_message(const std::string& peer, const wire::ControlBody& body, Moment now, Orders& orders);
  /// The agent's process is there (again): what it may not have heard is said once more.
  void on_agent_hello(const std::string& agent, Orders& orders);
  /// All workers on that agent are given up. `why`: "silent for 6s".
  void on_agent_lost(const std::string& agent, const std::string& why, Moment now, Orders& orders);
  void on_tick(Moment now, Orders& orders);
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;

  Status cancel(Moment now, Orders& orders);
  /// The job is given up; with an attempt, once its workers are gone.
  void fail(Cause cause, Moment now, Orders& orders);
  Result<CheckpointId> inject_barrier(Orders& orders);

  JobId id() const { return id_; }
  std::string id_text() const { return "job-" + std::to_string(id_.value); }
  const std::string& name() const { return submission_.name; }
  const Submission& submission() const { return submission_; }
  dag::JobState state() const { return state_; }
  bool is_over() const { return dag::is_over(state_); }
  Attempt attempt() const { return attempt_; }
  /// Placed once it has been deployed.
  const dag::ExecutionPlan& plan() const { return deployment_ ? deployment_->spec().plan : plan_; }
  const std::string& reason() const { return reason_; }
  JobEnd end() const;
  std::int64_t since_ms() const { return since_ms_; }
  std::int64_t submitted_ms() const { return submitted_ms_; }
  std::optional<std::int64_t> started_ms() const { return started_ms_; }
  const std::map<ProblemKind, ProblemView>& problems() const { return problems_; }
  const TimeLine& time_line() const { return time_line_; }
  const BarrierBook& barriers() const { return barriers_; }
  /// Nullptr before the first attempt.
  const Deployment* deployment() const { return deployment_ ? &*deployment_ : nullptr; }
  const StatusBook* status() const { return status_ ? &*status_ : nullptr; }
  std::uint32_t slots_on(const std::string& agent) const { return deployment_ ? deployment_->slots_on(agent) : 0; }

 private:
  enum class EndKind : std::uint8_t { finished, cancelled, failed };
  enum class EndStep : std::uint8_t { asked, forced };
  struct Ending {
    EndKind kind = EndKind::failed;
    EndStep step = EndStep::asked;
    Cause cause{};
    base::SteadyTime deadline{};
  };

  bool on(const std::string& peer, const wire::WorkerHello& hello, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerStarted& started, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerPrepared& prepared, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerRunning& running, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerStatus& status, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::BrakePulled& brake, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::TaskFailed& failed, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::BarrierPassed& passed, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::TasksFinished& finished, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerEnded& ended, Moment now, Orders& orders);

  void move_to(dag::JobState state, Moment now, const std::string& text = "");
  void begin_ending(EndKind kind, Cause cause, Moment now, Orders& orders);
  void end_if_all_gone(Moment now);
  void run_if_all_running(Moment now);
  void begin_problem(const ProblemView& problem, Moment now);
  void clear_problem(ProblemKind kind, Moment now);
  const DeployedWorker* living(const WorkerKey& key) const;
  std::string missing_workers() const;

  // Set once in the constructor.
  const JobId id_;
  const Submission submission_;
  const dag::ExecutionPlan plan_;  // not placed
  const ManagerOptions& options_;
  const std::int64_t submitted_ms_;

  dag::JobState state_ = dag::JobState::submitted;
  std::int64_t since_ms_;
  std::optional<std::int64_t> started_ms_;
  std::string reason_;
  Attempt attempt_{};
  TimeLine time_line_;
  std::map<ProblemKind, ProblemView> problems_;
  BarrierBook barriers_;

  // Of the attempt; kept when it is over, to be looked at.
  std::optional<Deployment> deployment_;
  std::optional<StatusBook> status_;
  base::SteadyTime deployed_by_{};
  std::set<WorkerId> not_yet_paused_;
  std::optional<Ending> ending_;
};

/// "Running", as people and JSON read it.
std::string state_text(dag::JobState state);

}  // namespace freshet::manager
