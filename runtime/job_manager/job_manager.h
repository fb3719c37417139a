#pragma once

#include <string>

#include "runtime/base/clock.h"
#include "runtime/job_manager/agent_registry.h"
#include "runtime/job_manager/checkpoint_runner.h"
#include "runtime/job_manager/job_journal.h"
#include "runtime/job_manager/job_table.h"
#include "runtime/job_manager/library_store.h"
#include "runtime/job_manager/manager_options.h"
#include "runtime/job_manager/refusal.h"
#include "runtime/job_manager/savepoint_removal.h"
#include "runtime/job_manager/views.h"
#include "runtime/transport/control_transport.h"

namespace freshet::manager {

/// The control process's core: takes jobs, finds them slots, and leads each through its life (see wire/control.h).
///
/// Life: made, recovered once, then called with messages, requests and ticks, all on one thread. It only joins parts:
/// what a message means to a job is Job's, to the agents AgentRegistry's; where tasks go is dag::place's; what survives
/// a restart is JobJournal's.
class JobManager {
 public:
  /// All of these must outlive it.
  JobManager(ManagerOptions options, base::Clock& clock, transport::ControlOutbox& outbox, state::Journal& journal,
             LibraryStore& libraries, checkpoint::CheckpointStorage& checkpoints);
  JobManager(const JobManager&) = delete;
  JobManager& operator=(const JobManager&) = delete;

  /// Reads the journal and begins a new term. Jobs that were not over are taken over with their workers, or go on from
  /// their newest checkpoint. Error: the journal cannot be read.
  Status recover();
  void on_message(const std::string& peer, const wire::ControlMessage& message);
  /// Does what is due; answers when it wants to be called again, at the latest. Call it after every message or request,
  /// too, or at least this often.
  base::SteadyTime on_tick();

  /// Journalled before it answers.
  Answer<SubmitAnswer> submit(Submission submission);
  /// `job`: see JobTable::find. Answers the job's id; its end is to be seen in its state.
  Answer<std::string> cancel(const std::string& job);
  /// Begins to stop, restart, rescale, upgrade or roll back a job; how it goes is to be seen in the job. A job that is
  /// over can be restarted only. Answers the job's id.
  Answer<std::string> change(const std::string& job, const ChangeRequest& request);
  Answer<std::string> pause(const std::string& job, bool paused);
  /// Forgets a job that is over, with its checkpoints.
  Answer<std::string> remove(const std::string& job);
  /// Asks for a checkpoint or savepoint; its end is to be seen in the job's checkpoints.
  Result<RequestId> request_checkpoint(JobId job, BarrierKind kind);

  /// The same for a user. Answers the number of an operation in the history of the job's checkpoints.
  Answer<std::uint64_t> begin_checkpoint(JobId job, BarrierKind kind);
  /// Replays or drops dead letters, for a user. Answers the number of the order in the job's letter_changes().
  Answer<std::uint64_t> change_letters(JobId job, wire::ChangeLetters order);
  /// See savepoint_removal.h.
  Answer<DeletedSavepoint> delete_savepoint(JobId job, CheckpointId savepoint);
  /// To look into.
  checkpoint::CheckpointStorage& checkpoint_storage() const { return storage_; }

  Answer<const Job*> find_job(const std::string& job) const;
  Answer<JobView> job(const std::string& job) const;
  JobListView jobs() const;
  ClusterView cluster() const;

  const JobTable& table() const { return jobs_; }
  const AgentRegistry& agents() const { return agents_; }
  LibraryStore& libraries() { return libraries_; }
  const ManagerOptions& options() const { return options_; }
  Term term() const { return term_; }
  Moment now() const;
  /// Messages that were late, of another term, or made no sense.
  std::uint64_t dropped_messages() const { return dropped_; }
  std::uint64_t refused_messages() const { return outbox_.refused(); }
  /// Entries that could not be journalled although the job went on.
  std::uint64_t journal_failures() const { return journal_failures_; }
  /// Why the journal cannot be written; empty: it can.
  const std::string& journal_failure() const { return journal_.failure(); }

 private:
  void on_body(const std::string& peer, const wire::AgentHello& hello);
  void on_body(const std::string& peer, const wire::AgentHeartbeat& beat);
  void on_body(const std::string& peer, const wire::LibraryRequest& request);
  void on_worker_message(const std::string& peer, const WorkerKey& worker, const wire::ControlBody& body);

  void send(const std::string& peer, wire::ControlBody body);
  void send_all(const Orders& orders);
  /// Lets a job do something, and carries out what it answers.
  template <class Act>
  void with(Job& job, Act act);
  Answer<std::string> reopen(Job& job, bool allow_duplicates);
  Answer<JobRevision> next_revision(const Job& job, const ChangeRequest& request) const;
  Answer<std::string> act_on(const std::string& job, const std::function<Status(Job&, Orders&)>& act);
  void compact_journal();
  Status journal_crashes(Job& job);
  std::vector<Problem> find_beginning(Submission& submission);
  Status settle_checkpoints(Job& job);
  void settle_all_checkpoints();
  void welcome(const std::string& peer);
  std::vector<wire::ReadPlace> read_places() const;
  void tell_read_places();
  void stop_strangers(const std::string& peer, const std::vector<WorkerKey>& workers);
  bool is_living(const WorkerKey& worker) const;
  void lose_agent(const std::string& agent, const std::string& why, const std::vector<WorkerKey>& taken_over = {});
  void settle();
  void forget_old_jobs();
  void note_journal();
  Refusal not_journalled(const std::string& what) const;
  void schedule();
  void schedule(Job& job);
  std::vector<Problem> check(const Submission& submission) const;

  // Set once in the constructor.
  const ManagerOptions options_;
  base::Clock& clock_;
  transport::ControlOutbox& outbox_;
  JobJournal journal_;
  checkpoint::CheckpointStorage& storage_;
  CheckpointRunner runner_;
  LibraryStore& libraries_;
  const base::SteadyTime started_;

  Term term_{};
  std::uint64_t next_job_ = 1;
  std::uint32_t letter_orders_ = 0;  // under this term
  AgentRegistry agents_;
  JobTable jobs_;
  std::set<JobId> end_not_journalled_;  // jobs that are not over, as the journal knows it
  bool slots_changed_ = false;
  base::SteadyTime next_settling_{};
  base::SteadyTime next_end_entry_{};  // not before, after the journal has failed
  base::SteadyTime next_journal_try_{};
  std::string journal_failure_;     // as the jobs know it
  std::size_t forgotten_ = 0;       // jobs that the journal still has and the table no longer
  std::uint64_t compacted_at_ = 0;  // numbers of checkpoints journalled before the journal was last rewritten
  std::uint64_t dropped_ = 0;
  std::uint64_t journal_failures_ = 0;
  std::vector<wire::ReadPlace> read_places_told_;  // to all agents
};

/// What `next` cannot take over from a checkpoint of `saved`. Operators that are gone and had nothing to lose join
/// those whose state `next` gives up.
std::vector<Problem> give_up_state(const LogicalGraph& saved, Submission& next);

}  // namespace freshet::manager
