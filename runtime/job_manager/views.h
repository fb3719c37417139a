#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <freshet/record.h>
#include "runtime/job_manager/job_change.h"
#include "runtime/job_manager/time_line.h"
#include "runtime/wire/control.h"

/// What REST answers, as records whose fields are the JSON's members; the contract stands in runtime/cli/README.md.
namespace freshet::manager {

/// Kinds of problem that can arise now. A closed list, the same in metrics, JSON and text; names are never reused.
enum class ProblemKind : std::uint8_t {
  WORKER_OOM,
  WORKER_CRASHED,
  AGENT_LOST,
  NO_SLOTS,
  DEAD_LETTER_FLOOD,
  POISON,
  CHECKPOINT_FAILING,
  CHECKPOINT_SLOW,
  DISK_FULL,
  HOT_KEY,
};
FRESHET_ENUM(ProblemKind, WORKER_OOM, WORKER_CRASHED, AGENT_LOST, NO_SLOTS, DEAD_LETTER_FLOOD, POISON,
             CHECKPOINT_FAILING, CHECKPOINT_SLOW, DISK_FULL, HOT_KEY)

struct ProblemView {
  std::string kind{};
  std::string what{};
  std::string where{};
  std::int64_t since_ms = 0;
  std::string cause{};
  std::string effect{};
  std::vector<std::string> commands{};  ///< "try" in JSON: each is a command line that parses
  bool operator==(const ProblemView&) const = default;

  template <class FreshetSelf>
  static constexpr auto freshet_fields() {
    return std::tuple{FRESHET_EACH(FRESHET_FIELD, kind, what, where, since_ms, cause, effect),
                      Field{"try", &FreshetSelf::commands}};
  }
};

struct TaskView {
  std::uint32_t task = 0;
  std::string agent{};
  std::uint32_t worker = 0;
  std::string phase{};
  std::optional<double> in_per_s{};
  double busy = 0;
  double blocked = 0;
  std::uint64_t queue_bytes = 0;
  FRESHET_RECORD(task, agent, worker, phase, in_per_s, busy, blocked, queue_bytes)
};

struct CounterView {
  std::string operator_id{};
  std::string name{};
  std::uint64_t value = 0;
  FRESHET_RECORD(operator_id, name, value)
};

/// One chain, under the id of its first operator.
struct OperatorView {
  std::string id{};
  std::vector<std::string> chain{};
  std::uint32_t tasks = 0;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t bytes_in = 0;  ///< of the frames that its tasks received; bytes_out: sent
  std::uint64_t bytes_out = 0;
  std::optional<double> in_per_s{};   ///< null of a source
  std::optional<double> out_per_s{};  ///< null of a sink
  double busy = 0;
  double blocked = 0;
  double idle = 0;
  std::optional<double> p50_ms{};
  std::optional<double> p99_ms{};
  std::optional<double> p999_ms{};
  std::optional<std::uint64_t> state_bytes{};
  std::optional<std::uint64_t> state_entries{};
  std::uint64_t errors = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t late = 0;
  std::uint64_t queue_bytes = 0;      ///< received and not yet processed
  std::uint64_t in_flight_bytes = 0;  ///< sent and not yet processed at the other end
  std::vector<CounterView> counters{};
  std::vector<std::string> where{};
  std::vector<TaskView> tasks_detail{};
  std::uint64_t retrying = 0;      ///< records that wait to be tried again
  std::uint64_t letters_kept = 0;  ///< dead letters that can be replayed
  FRESHET_RECORD(id, chain, tasks, records_in, records_out, bytes_in, bytes_out, in_per_s, out_per_s, busy, blocked,
                 idle, p50_ms, p99_ms, p999_ms, state_bytes, state_entries, errors, dead_letters, late, queue_bytes,
                 in_flight_bytes, counters, where, tasks_detail, retrying, letters_kept)
};

struct WorkerView {
  std::uint32_t worker = 0;
  std::string agent{};
  std::string phase{};
  std::uint64_t pid = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t refused_messages = 0;
  FRESHET_RECORD(worker, agent, phase, pid, memory_bytes, refused_messages)
};

/// The newest checkpoint that is complete.
struct LastCheckpointView {
  std::uint64_t number = 0;
  std::int64_t age_ms = 0;                ///< since it began
  std::optional<std::int64_t> took_ms{};  ///< null: an earlier job manager made it
  std::uint64_t bytes = 0;
  bool operator==(const LastCheckpointView&) const = default;
  FRESHET_RECORD(number, age_ms, took_ms, bytes)
};

/// A place whose records crashed the job's processes, and are not processed any more.
struct SetAsideView {
  std::string operator_id{};
  std::string origin{};
  std::string reason{};
  std::uint32_t crashes = 0;
  std::int64_t time_ms = 0;  ///< of the last crash
  FRESHET_RECORD(operator_id, origin, reason, crashes, time_ms)
};

struct JobView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::string id{};
  std::string name{};
  std::string state{};
  std::optional<std::string> health{};  ///< OK, DEGRADED, STALLED; null when it is over
  std::string reason{};
  std::uint32_t attempt = 0;
  std::uint32_t revision = 1;
  std::uint32_t restarts = 0;
  std::int64_t submitted_ms = 0;
  std::optional<std::int64_t> started_ms{};
  std::int64_t since_ms = 0;  ///< when the state began
  std::uint64_t tasks = 0;
  std::uint64_t records_in = 0;
  double records_in_per_s = 0;
  std::optional<std::int64_t> watermark_ms{};
  std::optional<double> p99_ms{};
  std::uint64_t dead_letters = 0;
  std::uint64_t late = 0;
  std::optional<std::uint64_t> state_bytes{};
  std::optional<LastCheckpointView> last_checkpoint{};
  std::uint32_t checkpoints_failed_in_a_row = 0;
  std::string library_sha256{};
  std::vector<ProblemView> problems{};
  std::vector<OperatorView> operators{};
  std::vector<WorkerView> workers{};
  std::vector<wire::DeadLetterSample> dead_letter_samples{};
  std::optional<ChangeView> change{};  ///< the last that was asked for
  std::vector<SetAsideView> set_aside{};
  std::optional<std::int64_t> held_ms{};  ///< for how long its sources were held, the last time they were
  std::uint64_t retrying = 0;             ///< records that wait to be tried again
  std::uint64_t letters_kept = 0;         ///< dead letters that can be replayed
  FRESHET_RECORD(version, now_ms, id, name, state, health, reason, attempt, revision, restarts, submitted_ms,
                 started_ms, since_ms, tasks, records_in, records_in_per_s, watermark_ms, p99_ms, dead_letters, late,
                 state_bytes, last_checkpoint, checkpoints_failed_in_a_row, library_sha256, problems, operators,
                 workers, dead_letter_samples, change, set_aside, held_ms, retrying, letters_kept)
};

struct JobLine {
  std::string id{};
  std::string name{};
  std::string state{};
  std::optional<std::string> health{};
  std::optional<std::string> problem{};
  std::int64_t since_ms = 0;
  std::uint32_t attempt = 0;
  std::uint32_t revision = 1;
  double records_in_per_s = 0;
  std::uint64_t tasks = 0;
  std::uint32_t restarts = 0;
  FRESHET_RECORD(id, name, state, health, problem, since_ms, attempt, revision, records_in_per_s, tasks, restarts)
};

struct JobListView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::vector<JobLine> jobs{};
  FRESHET_RECORD(version, now_ms, jobs)
};

struct RevisionView {
  std::uint32_t revision = 0;
  std::string library_sha256{};
  std::string library_name{};
  std::vector<wire::NamedValue> parameters{};
  std::int64_t parallelism = 1;
  std::uint32_t workers = 0;
  std::int64_t since_ms = 0;
  std::uint64_t savepoint = 0;  ///< that it began from; 0: none
  std::string how{};
  FRESHET_RECORD(revision, library_sha256, library_name, parameters, parallelism, workers, since_ms, savepoint, how)
};

struct RevisionsView {
  std::uint32_t version = 1;
  std::vector<RevisionView> revisions{};  ///< newest first
  FRESHET_RECORD(version, revisions)
};

struct EventsView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::uint64_t forgotten = 0;  ///< older ones that the job manager has kept no more
  std::vector<Event> events{};
  FRESHET_RECORD(version, now_ms, forgotten, events)
};

struct ManagerView {
  std::string address{};
  std::uint64_t pid = 0;
  std::string version{};
  std::int64_t uptime_ms = 0;
  std::string data{};
  std::uint64_t term = 0;
  std::string checkpoints{};  ///< folder of the checkpoint storage
  FRESHET_RECORD(address, pid, version, uptime_ms, data, term, checkpoints)
};

struct MemoryView {
  std::uint64_t used = 0;
  std::uint64_t total = 0;
  FRESHET_RECORD(used, total)
};

struct AgentView {
  std::string id{};
  std::string host{};
  std::string state{};
  std::uint32_t slots = 0;
  std::uint32_t used = 0;
  double cpu = 0;
  MemoryView memory{};
  std::uint64_t disk_free = 0;
  std::uint32_t jobs = 0;
  std::int64_t heartbeat_ms_ago = 0;
  std::string version{};
  std::uint64_t pid = 0;
  std::string reads{};  ///< where it serves queryable state
  FRESHET_RECORD(id, host, state, slots, used, cpu, memory, disk_free, jobs, heartbeat_ms_ago, version, pid, reads)
};

struct ClusterView {
  std::uint32_t version = 1;
  ManagerView manager{};
  std::vector<AgentView> agents{};
  FRESHET_RECORD(version, manager, agents)
};

struct PlacedView {
  std::string agent{};
  std::uint32_t tasks = 0;
  FRESHET_RECORD(agent, tasks)
};

struct SubmitAnswer {
  std::string id{};
  std::string name{};
  std::uint32_t revision = 1;
  std::uint64_t tasks = 0;
  std::string state{};
  std::string reason{};
  std::uint64_t operators = 0;
  std::vector<PlacedView> placed{};
  FRESHET_RECORD(id, name, revision, tasks, state, reason, operators, placed)
};

}  // namespace freshet::manager
