#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <freshet/result.h>
#include "dag/life_cycle.h"
#include "runtime/job_manager/cause.h"
#include "runtime/job_manager/crash_book.h"
#include "runtime/job_manager/deployment.h"
#include "runtime/job_manager/job_change.h"
#include "runtime/job_manager/job_checkpoints.h"
#include "runtime/job_manager/letter_changes.h"
#include "runtime/job_manager/manager_options.h"
#include "runtime/job_manager/recoveries.h"
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
  CheckpointId damaged{};  ///< that it could not go on from; 0: it ended for another reason
  FRESHET_RECORD(state, reason, time_ms, problems, damaged)
};

/// What a user has asked of a job, and what has to hold under the next job manager, too.
struct JobWish {
  bool paused = false;
  bool cancelled = false;
  bool operator==(const JobWish&) const = default;
  FRESHET_RECORD(paused, cancelled)
};

/// One job's life: its state, the workers of its attempt, and how it ends. Is told facts and answers with orders;
/// sends, journals and places nothing itself. Facts told twice, late, or of another attempt change nothing.
///
/// While it ends its state shows why: Running when it has finished, Cancelling, or Recovering when its attempt has
/// failed; it is over, or Scheduling its next attempt, only when all its workers are gone. Owned by the job table; the
/// job manager's thread.
class Job {
 public:
  /// Older revisions are forgotten.
  static constexpr std::size_t kMaxRevisions = 20;

  Job(JobId id, Submission submission, dag::ExecutionPlan plan, const ManagerOptions& options,
      std::int64_t submitted_ms);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// As the journal remembers it when it was over.
  void restore(Attempt attempt, const JobEnd& end);
  /// As the journal remembers it when it was not: the workers of its last attempt may run, under that placed plan, and
  /// are taken over as they are when all of them show up; else the next attempt begins. Without an attempt it is
  /// scheduled.
  void adopt(Attempt attempt, dag::ExecutionPlan plan, Moment now);

  /// Not enough slots; `text` says how many are missing.
  void wait_for_slots(const std::string& text, Moment now);
  /// Starts an attempt whose number is durable, with a placed plan.
  void deploy(Attempt attempt, dag::ExecutionPlan plan, std::uint64_t library_bytes, Moment now, Orders& orders);
  /// False: the message is of no worker of this attempt, or out of order. It is counted, and changes nothing.
  bool on_message(const std::string& peer, const wire::ControlBody& body, Moment now, Orders& orders);
  /// The agent's process is there (again), with these `workers` running: what it may not have heard is said once more.
  void on_agent_hello(const std::string& agent, const std::vector<WorkerKey>& workers, Moment now, Orders& orders);
  /// All workers on that agent are given up, but for those that its next process has taken over. `why`: "silent for
  /// 6s".
  void on_agent_lost(const std::string& agent, const std::string& why, const std::vector<WorkerKey>& taken_over,
                     Moment now, Orders& orders);
  void on_tick(Moment now, Orders& orders);
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;

  Status cancel(Moment now, Orders& orders);
  /// Begins a change: a savepoint is made, the attempt ends at it, and `next` (or the same, or with stop nothing)
  /// begins from it. How it goes is to be seen in change(). Error: not possible now, and why.
  Status begin_change(ChangeKind kind, std::optional<JobRevision> next, Duration watch_for, Moment now);
  /// Whether a job that is over can run again, from its newest checkpoint.
  Status can_reopen() const;
  /// It is to. Only when it can.
  void reopen(Moment now);
  Status pause(Moment now, Orders& orders);
  Status resume(Moment now, Orders& orders);
  /// As the journal remembers it: what its user wanted of it when the last job manager ended. Behind adopt().
  void restore_wish(const JobWish& wish, Moment now, Orders& orders);
  JobWish wish() const { return {wants_pause_, state_ == dag::JobState::cancelling}; }
  /// The attempt is given up, and once its workers are gone the job is, too, unless its restart strategy says
  /// otherwise.
  void fail(Cause cause, Moment now, Orders& orders);
  /// It is time to look for slots for it.
  bool wants_slots(Moment now) const;
  bool restart_is_due(Moment now) const { return restart_at_ && *restart_at_ <= now.steady; }
  /// It cannot be looked for yet: `why`, and try again after `delay`.
  void postpone(const std::string& why, Duration delay, Moment now);

  /// On which records its processes crashed. What it has not journalled has to be before the next attempt.
  CrashBook& crashes() { return crashes_; }
  const CrashBook& crashes() const { return crashes_; }
  /// A worker of the current attempt crashed; also one that is given up, for its agent may have been away. Answers what
  /// is known of the place; nullptr: it has none, or was told before.
  const CrashedPlace* note_crash(const wire::WorkerEnded& ended, Moment now);

  JobCheckpoints& checkpoints() { return checkpoints_; }
  const JobCheckpoints& checkpoints() const { return checkpoints_; }
  /// It is known again which of its checkpoints are complete.
  void on_checkpoints_settled(Moment now) { finish_if_data_ended(now); }
  // What its checkpoints decide; see CheckpointRunner.
  void inject_barrier(CheckpointId id, BarrierKind kind, Orders& orders);
  void commit_checkpoint(CheckpointId id, BarrierKind kind, Orders& orders);
  void note_checkpoint_given_up(const Abandon& abandon, Moment now);
  /// A user asked for something: "savepoint create".
  void note_verb(const std::string& verb, Moment now);
  void on_request_ended(const RequestEnded& ended, Moment now, Orders& orders);
  /// Dead letters are to be replayed or dropped, as `order` says, whose number is greater than that of any before it.
  /// How it goes is to be seen in letter_changes(). Error: not possible now, and why.
  Status change_letters(const wire::ChangeLetters& order, Moment now, Orders& orders);
  const LetterChanges& letter_changes() const { return letter_changes_; }
  /// The history of its checkpoints has changed.
  void on_checkpoints_noted(Moment now);
  /// Why the job manager's journal cannot be written; empty: it can.
  void note_journal(const std::string& why, Moment now);

  JobId id() const { return id_; }
  std::string id_text() const { return "job-" + std::to_string(id_.value); }
  const std::string& name() const { return submission().name; }
  const JobRevision& revision() const { return revisions_.back(); }
  /// Oldest first; the last is the current one. The oldest are forgotten.
  const std::vector<JobRevision>& revisions() const { return revisions_; }
  /// As the journal remembers them; with plans.
  void restore_revisions(std::vector<JobRevision> revisions) {
    revisions_ = std::move(revisions);
    journalled_revision_ = revision().number;
  }
  /// The current revision has to be made durable before it is deployed.
  bool has_new_revision() const { return revision().number > journalled_revision_; }
  /// Before it is made durable: a new revision begins from the newest checkpoint there is now.
  void begin_revision();
  void on_revision_journalled() { journalled_revision_ = revision().number; }
  const Submission& submission() const { return revision().submission; }
  /// How long its sources were held the last time they were, as far as this job manager knows.
  std::optional<Duration> held_for() const { return held_for_; }
  /// The last change that was asked for; nullptr: there was none.
  const JobChange* change() const { return change_ ? &*change_ : nullptr; }
  dag::JobState state() const { return state_; }
  bool is_over() const { return dag::is_over(state_); }
  Attempt attempt() const { return attempt_; }
  /// Placed once it has been deployed.
  const dag::ExecutionPlan& plan() const { return deployment_ ? deployment_->spec().plan : revision().plan; }
  const std::string& reason() const { return reason_; }
  JobEnd end() const;
  std::int64_t since_ms() const { return since_ms_; }
  std::int64_t submitted_ms() const { return submitted_ms_; }
  std::optional<std::int64_t> started_ms() const { return started_ms_; }
  const std::map<ProblemKind, ProblemView>& problems() const { return problems_; }
  const TimeLine& time_line() const { return time_line_; }
  /// Nullptr before the first attempt.
  const Deployment* deployment() const { return deployment_ ? &*deployment_ : nullptr; }
  const StatusBook* status() const { return status_ ? &*status_ : nullptr; }
  std::uint32_t slots_on(const std::string& agent) const { return deployment_ ? deployment_->slots_on(agent) : 0; }

 private:
  enum class EndKind : std::uint8_t { finished, cancelled, failed, stopped, changed };
  /// Sinks keep what they have written up to then.
  static bool keeps_results(EndKind kind) { return kind != EndKind::cancelled && kind != EndKind::failed; }
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
  bool on(const std::string& peer, const wire::SnapshotStored& stored, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::SnapshotDeclined& declined, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::DataEnded& ended, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::LettersChanged& changed, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::TasksFinished& finished, Moment now, Orders& orders);
  bool on(const std::string& peer, const wire::WorkerEnded& ended, Moment now, Orders& orders);

  DeploymentSpec spec_of(Attempt attempt, dag::ExecutionPlan plan) const;
  void begin_attempt(DeploymentSpec spec, Moment now);
  void move_to(dag::JobState state, Moment now, const std::string& text = "");
  bool may_set_aside(const std::string& operator_id) const;
  void decide_restart(const Cause& cause, Moment now);
  void begin_ending(EndKind kind, Cause cause, Moment now, Orders& orders);
  void end_if_all_gone(Moment now);
  void run_if_all_running(Moment now, Orders& orders);
  void finish_if_data_ended(Moment now);
  void make_current(JobRevision next, Moment now);
  void on_change_runs(Moment now);
  void on_confirmed(const std::string& why, Moment now, Orders& orders);
  void watch_change(Moment now, Orders& orders);
  void end_change(ChangeStep step, const std::string& why, Moment now);
  bool goes_back(const Cause& cause, Moment now);
  void hold_while_uncommitted(Moment now, Orders& orders);
  void repeat_hold(const wire::WorkerStatus& status, Orders& orders);
  void hold_sources(Moment now, Orders& orders);
  void save_letters(Moment now);
  void repeat_checkpoint_orders(const DeployedWorker& worker, Orders& orders);
  void begin_problem(const ProblemView& problem, Moment now);
  void clear_problem(ProblemKind kind, Moment now);
  void keep_problem(ProblemKind kind, ProblemView problem, Moment now);
  void note_disks(Moment now);
  void note_hot_key(Moment now);
  void note_recovery(Moment now);
  void forget_old_failures(Moment now);
  const DeployedWorker* living(const WorkerKey& key) const;
  std::string missing_workers() const;

  // Set once in the constructor.
  const JobId id_;
  const ManagerOptions& options_;
  const std::int64_t submitted_ms_;

  std::vector<JobRevision> revisions_;  // never empty
  Revision journalled_revision_{1};
  std::optional<JobChange> change_;
  std::optional<JobRevision> going_back_;       ///< to become the current one when the attempt is gone
  bool wants_pause_ = false;                    ///< the user paused it, and it comes back paused
  std::optional<base::SteadyTime> held_since_;  ///< no source is to read
  std::optional<Duration> held_for_;
  dag::JobState state_ = dag::JobState::submitted;
  std::int64_t since_ms_;
  std::optional<std::int64_t> started_ms_;
  std::string reason_;
  CheckpointId damaged_{};  // that the last attempt, or the next, cannot go on from; 0: none
  Attempt attempt_{};
  TimeLine time_line_;
  std::map<ProblemKind, ProblemView> problems_;
  std::string journal_failure_;
  JobCheckpoints checkpoints_;
  LetterChanges letter_changes_;
  base::SteadyTime hot_key_seen_{};
  CrashBook crashes_;
  RestartStrategy restarts_;
  Recoveries recoveries_;
  std::optional<base::SteadyTime> restart_at_;  ///< failed and not given up: when the next attempt may begin

  // Of the attempt; kept when it is over, to be looked at.
  std::optional<Deployment> deployment_;
  std::optional<StatusBook> status_;
  bool adopting_ = false;  ///< the attempt began under another job manager; not all of its workers have shown up yet
  base::SteadyTime deployed_by_{};
  std::set<WorkerId> not_yet_paused_;
  bool waits_for_commit_ = false;  ///< too many results wait for a checkpoint: sources are held
  std::optional<Ending> ending_;
};

/// What a failure at this moment would cost a job whose checkpoints fail.
std::string replay_effect(const Job& job, Moment now);

/// "Running", as people and JSON read it.
std::string state_text(dag::JobState state);

}  // namespace freshet::manager
