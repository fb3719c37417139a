#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/job_manager/checkpoint_history.h"
#include "runtime/job_manager/crash_book.h"
#include "runtime/job_manager/status_book.h"
#include "runtime/wire/control.h"

namespace freshet::manager {

/// Why a job fails, in words. When a worker dies, its neighbours notice too and say so, often before the agent does:
/// of several causes the one of the highest weight is the one to tell.
struct Cause {
  enum class Weight : std::uint8_t {
    consequence,  ///< a channel closed, a time ran out: something else lies behind it
    root,
  };
  Weight weight = Weight::root;
  std::string reason{};  ///< one sentence; stands behind the job's state
  std::optional<ProblemView> problem{};
  bool is_final = false;  ///< another attempt would fail as this one did
  /// So many failures, this one among them, will not come again: what they came from is set aside.
  std::uint32_t cured = 0;
  CheckpointId damaged{};  ///< that the job cannot go on from; 0: none
};

/// Longest text of a cause or problem; what comes from a worker may be of any length.
inline constexpr std::size_t kMaxCauseBytes = 4u << 10;

/// Cuts every text to kMaxCauseBytes.
Cause shortened(Cause cause);
ProblemView shortened(ProblemView problem);

/// `SIGSEGV`; `signal 77` for one without a name.
std::string signal_name(int number);

/// A process that ended before it was told to. `job` is the job's name, for the commands; `held`: what it last said.
Cause worker_ended_cause(const wire::WorkerEnded& ended, const std::string& agent, const std::string& job,
                         const StatusBook::Memory& held = {});
/// Adds how often it has crashed there, and what comes of it. `limit`: crashes that it takes to set a record aside.
void add_crashes(Cause& cause, const CrashedPlace& place, std::uint32_t limit, bool may_set_aside);
/// `damage`: what is damaged, and how. What it held may have been committed, so nobody goes back behind it unasked.
Cause damaged_cause(const std::string& damage, CheckpointId checkpoint, const std::string& job);
/// A record that is set aside.
ProblemView poison_problem(const CrashedPlace& place, const std::string& job);
Cause task_failed_cause(const wire::TaskFailed& failed, const std::string& agent, const std::string& job);
Cause agent_lost_cause(const std::string& agent, const std::string& why, const std::string& job);
Cause prepare_cause(const std::vector<Problem>& problems, std::uint32_t worker, const std::string& agent);
Cause fingerprint_cause(std::uint32_t worker, const std::string& agent);
Cause too_many_splits_cause(std::size_t found, std::size_t limit);
/// It did not run any more when a job manager came back.
Cause not_adopted_cause(std::uint32_t worker, const std::string& agent);
Cause deployment_timeout_cause(Duration limit, const std::string& waiting_for);
Cause silent_worker_cause(std::uint32_t worker, const std::string& agent, Duration limit, const std::string& job);

/// `key`: "user=0", or a record in which it stands; empty: it is not known.
ProblemView hot_key_problem(const StatusBook::HotKey& hot, const std::string& operator_id, const std::string& key,
                            const std::string& job);
/// "38 % of the records of events: field time … · PAUSED at in/events.csv line 12"
ProblemView flood_problem(const wire::BrakePulled& brake, const std::string& job);
ProblemView no_slots_problem(const std::string& text);
/// Checkpoints failed in a row; the attempt fails after `left` more, or 0: has failed. Its effect is left open.
ProblemView checkpoint_failing_problem(const CheckpointHistory& history, std::uint32_t left, const std::string& job);

/// Sources are held because results of more than `limit` bytes wait for a checkpoint.
ProblemView uncommitted_problem(std::uint64_t bytes, std::uint64_t limit, const std::string& job);

/// `tasks` of `of` tasks wait for room on `disk` of an agent's machine. Its effect is left open.
ProblemView state_disk_full_problem(const wire::FullDisk& disk, const std::string& agent, std::uint32_t tasks,
                                    std::size_t of, const std::string& job);
/// The job manager's journal cannot be written.
ProblemView journal_full_problem(const std::string& why, const std::string& folder);

/// For people: "0 B", "12 KiB", "1.5 GiB".
std::string rounded_bytes(std::uint64_t bytes);
/// For people: "412 ms", "4.1 s", "31 s", "2 min", "3 h".
std::string rounded_duration(Duration value);

}  // namespace freshet::manager
