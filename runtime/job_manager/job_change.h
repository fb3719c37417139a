#pragma once

#include <optional>
#include <string>

#include "runtime/job_manager/checkpoint_decision.h"
#include "runtime/job_manager/submission.h"

/// What users change about a job that runs. All of it is one operation: stop at a savepoint, start from it, see whether
/// it comes up, and go back if it does not.
namespace freshet::manager {

enum class ChangeKind : std::uint8_t {
  stop,      ///< nothing is started again
  restart,   ///< the same revision
  rescale,   ///< the same library with another parallelism, or on other workers
  upgrade,   ///< another library, other parameters
  rollback,  ///< the revision before
};
FRESHET_ENUM(ChangeKind, stop, restart, rescale, upgrade, rollback)

/// How far a change has come.
enum class ChangeStep : std::uint8_t {
  saving,      ///< its savepoint is being made; processing goes on
  moving,      ///< nothing is processed: workers end, others start and restore
  confirming,  ///< it runs again; its first checkpoint is still to come
  watching,    ///< that is there, too; should it fail within the time asked for, it goes back
  done,
  failed,  ///< why says what became of the job
};
FRESHET_ENUM(ChangeStep, saving, moving, confirming, watching, done, failed)

/// One version of a job: what was asked for, planned.
struct JobRevision {
  Revision number{};
  Submission submission{};
  dag::ExecutionPlan plan{};  ///< not placed
  std::int64_t since_ms = 0;  ///< when it was made the current one
  std::string how{};          ///< "submitted", "rescaled", …
  CheckpointId savepoint{};   ///< that it began from; 0: none
};

/// A change is not watched for longer.
inline constexpr Duration kMaxWatch{24LL * 3600 * 1000};

/// What is asked for to change about a job that runs.
struct ChangeRequest {
  ChangeKind kind = ChangeKind::stop;
  std::optional<std::int64_t> parallelism{};  ///< rescale
  std::optional<std::uint32_t> workers{};     ///< rescale
  std::optional<Submission> submission{};     ///< upgrade: all of it anew, under the name of the job
  std::vector<std::string> dropped_state{};   ///< operators whose state is given up
  Duration watch_for{0};          ///< rescale, upgrade, rollback: once it runs, so long it goes back should it fail
  bool allow_duplicates = false;  ///< restart: of a job that failed, its damaged checkpoint is given up
};

struct JobChange {
  ChangeKind kind = ChangeKind::stop;
  ChangeStep step = ChangeStep::saving;
  std::optional<JobRevision> next{};  ///< what is to run; nothing: the revision that runs, or nothing
  RequestId request{};                ///< of the savepoint, then of the checkpoint that confirms it
  CheckpointId savepoint{};
  std::int64_t asked_ms = 0;
  std::optional<base::SteadyTime> stands_since{};  ///< while it does
  std::optional<Duration> saved_in{};              ///< from the savepoint's beginning until it was complete
  std::optional<Duration> restored_in{};           ///< from then until all tasks of the next attempt ran
  Duration stood_still{0};                         ///< all together
  Duration watch_for{0};
  std::optional<base::SteadyTime> watch_until{};  ///< once it runs
  Revision back_to{};                             ///< of a failed one: the job goes on as that one; 0: it does not
  bool was_paused = false;                        ///< no source read when it was asked for
  std::string why{};                              ///< of a failed one

  bool is_over() const { return step == ChangeStep::done || step == ChangeStep::failed; }
};

/// A change as REST shows it.
struct ChangeView {
  std::string action{};
  std::string step{};
  std::uint64_t savepoint = 0;
  std::uint32_t revision = 0;  ///< that it leads or led to
  std::int64_t asked_ms = 0;
  std::int64_t stood_still_ms = 0;
  std::string why{};
  std::optional<std::int64_t> savepoint_ms{};
  std::optional<std::int64_t> restored_ms{};
  std::int64_t watch_for_ms = 0;
  std::uint32_t back_to = 0;  ///< the revision as which the job goes on after the change failed; 0: it does not
  FRESHET_RECORD(action, step, savepoint, revision, asked_ms, stood_still_ms, why, savepoint_ms, restored_ms,
                 watch_for_ms, back_to)
};

}  // namespace freshet::manager
