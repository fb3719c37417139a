#pragma once

#include <map>
#include <optional>

#include "runtime/job_manager/job.h"
#include "runtime/state/journal.h"

namespace freshet::manager {

/// What the journal says of a job.
struct RememberedJob {
  std::vector<JobRevision> revisions{};  ///< without plans; the last is the current one
  std::int64_t submitted_ms = 0;
  Attempt attempt{};          ///< the last one that was allowed to start
  dag::ExecutionPlan plan{};  ///< of that attempt, placed
  CheckpointId checkpoint{};  ///< the highest that was given out; 0: none
  JobWish wish{};
  std::optional<JobEnd> end{};  ///< nothing: it was not over
  std::vector<CrashedPlace> crashes{};
};

/// Everything that the journal says, folded.
struct History {
  Term term{};
  std::uint64_t next_job = 1;
  std::map<JobId, RememberedJob> jobs{};
};

/// The job manager's memory: what it has to know after a restart, as typed entries. What is recorded is durable before
/// the call returns, and is recorded before it takes effect. One thread.
class JobJournal {
 public:
  explicit JobJournal(state::Journal& journal) : journal_(journal) {}

  /// Error: the journal cannot be read, or an entry is not one of ours.
  Result<History> replay();
  /// Writes down `history`, and nothing that is not in it.
  Status compact(const History& history);

  Status record_submitted(JobId job, const RememberedJob& remembered);
  Status record_attempt(JobId job, Attempt attempt, const dag::ExecutionPlan& plan);
  /// The id may be used from now on, once.
  Status record_checkpoint(JobId job, CheckpointId checkpoint);
  /// It is the current one from now on.
  Status record_revision(JobId job, const JobRevision& revision);
  Status record_end(JobId job, const JobEnd& end);
  Status record_wish(JobId job, const JobWish& wish);
  /// An attempt has crashed there.
  Status record_crash(JobId job, const CrashedPlace& crash);
  /// A job that was over is to run again; what was wished before is over, too.
  Status record_reopened(JobId job);
  /// It is as if the job had never been.
  Status record_deleted(JobId job);
  /// Says again what is there already, to find out whether it can be written.
  Status record_term(Term term, std::uint64_t next_job);

  /// Why the last try to write it has failed; empty: it has not.
  const std::string& failure() const { return failure_; }

 private:
  Status append(const std::string& entry) { return note(journal_.append(entry)); }
  Status note(Status written) {
    failure_ = written ? "" : written.error().message;
    return written;
  }

  state::Journal& journal_;
  std::string failure_;
};

}  // namespace freshet::manager
