#pragma once

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/job_manager/job.h"
#include "runtime/job_manager/job_journal.h"

namespace freshet::manager {

/// What a storage holds of a job.
struct SettledCheckpoints {
  std::vector<KeptCheckpoint> complete{};  ///< oldest first
  std::string damage{};                    ///< of manifests above the newest complete one; empty: there is none
  CheckpointId damaged{};                  ///< the newest of them
};

/// Carries out what is decided about jobs' checkpoints: makes ids durable, publishes manifests, deletes what nobody
/// needs any more. Waits for disks. Only the job manager deletes. The job manager's thread.
class CheckpointRunner {
 public:
  /// Both outlive it.
  CheckpointRunner(JobJournal& journal, checkpoint::CheckpointStorage& storage)
      : journal_(journal), storage_(storage) {}

  /// Asks the storage again about a publication of the job that had no clear answer. To be called now and then.
  void ask_again(Job& job, Moment now);
  /// Works off the decisions of a job, and what follows from them.
  void carry_out(Job& job, Moment now, Orders& orders);
  /// Makes sure that no id below or equal `last` can still become complete, by publishing a void manifest for it, and
  /// lists what is complete. Error: it is not known; ask again later.
  Result<SettledCheckpoints> settle(const Job& job, std::optional<CheckpointId> last);

  /// Deletes every checkpoint and savepoint of a job that is over.
  Status remove_all(JobId job);
  /// A damaged checkpoint is given up: its manifest goes, whether it can be read or not.
  Status remove_damaged(JobId job, CheckpointId id);

  /// Files that could not be deleted.
  std::uint64_t failures() const { return failures_; }
  /// Ids journalled so far.
  std::uint64_t journalled() const { return journalled_; }

 private:
  void act(Job& job, const JournalId& decision, Moment now, Orders& orders);
  void act(Job& job, const Inject& decision, Moment now, Orders& orders);
  void act(Job& job, const Publish& decision, Moment now, Orders& orders);
  void act(Job& job, const NotifyCommit& decision, Moment now, Orders& orders);
  void act(Job& job, const Prune& decision, Moment now, Orders& orders);
  void act(Job& job, const Abandon& decision, Moment now, Orders& orders);
  void act(Job& job, const FailAttempt& decision, Moment now, Orders& orders);
  void act(Job& job, const Fenced& decision, Moment now, Orders& orders);
  void act(Job& job, const RequestEnded& decision, Moment now, Orders& orders);
  /// A manifest that is to be published, always with the same bytes: those of others are how another job manager shows.
  struct Publication {
    Publish decision{};
    std::int64_t created_ms = 0;
    std::vector<checkpoint::EdgeBalance> edges{};
  };
  void publish(Job& job, const Publication& publication, Moment now);
  void remove_leftovers(const Job& job);
  void remove_snapshots(const Job& job);
  static void note(Job& job, const CheckpointDecision& decision, Moment now);

  JobJournal& journal_;
  checkpoint::CheckpointStorage& storage_;
  std::map<JobId, std::set<CheckpointId>> leftovers_;  // checkpoints not kept whose manifests are still there
  std::map<JobId, Publication> unanswered_;  // publications of which it is not known whether they have happened
  std::uint64_t failures_ = 0;
  std::uint64_t journalled_ = 0;
};

/// What is published when all tasks of the running attempt are in.
checkpoint::Manifest manifest_of(const Job& job, const Publish& publish, std::int64_t created_ms,
                                 std::vector<checkpoint::EdgeBalance> edges);

}  // namespace freshet::manager
