#pragma once

#include <optional>
#include <variant>

#include <freshet/codec.h>
#include <freshet/element.h>
#include "dag/plan.h"
#include "runtime/base/ids.h"
#include "runtime/wire/edge_tally.h"
#include "runtime/wire/read_place.h"
#include "runtime/wire/status.h"
#include "runtime/wire/stored_file.h"

/// What job manager, agents and workers say to each other.
///
/// The story of a job. An agent starts, connects to the job manager and introduces itself (AgentHello); the manager
/// answers with its term and how often it wants to hear from it (AgentWelcome). From then on the agent sends
/// AgentHeartbeat; an agent that is silent for longer than `silence_limit` is lost.
///
/// A job comes in over REST. The manager plans it, journals attempt 1, and asks agents for worker processes
/// (StartWorker). An agent that lacks the job's library fetches it first (LibraryRequest, answered by LibraryChunk,
/// until all is there), starts the process and says so (WorkerStarted). The worker connects to the manager by itself
/// (WorkerHello, with the address where it takes frames). When all have said hello the manager sends each the plan
/// (PrepareWorker): load the library, run the build function, compare fingerprints, make the tasks. The worker answers
/// WorkerPrepared, with the splits that its sources found, or with what is wrong. When all are prepared the manager
/// deals out the splits and sends StartTasks with the addresses of all workers; each answers WorkerRunning and then
/// sends WorkerStatus at the interval it was told, which is its heartbeat, too.
///
/// A checkpoint begins when the manager says so (InjectBarrier, to workers with sources). Each task that its barrier
/// reaches saves; once that is durable in the checkpoint storage its worker says SnapshotStored, or SnapshotDeclined.
/// When all are in, the manager publishes the manifest and sends CommitCheckpoint: sinks commit. Sources are held and
/// let go by PauseSources.
///
/// Dead letters that operators keep are replayed or dropped when the manager says so to all workers (ChangeLetters);
/// each answers LettersChanged when its tasks have done so. It is a change of their state like any other: the next
/// checkpoint holds it.
///
/// A bounded job ends by itself. A worker whose sources have read everything, and whose tasks have no record left that
/// is to be tried again, says DataEnded; when all have, the manager makes a final checkpoint, and behind its
/// CommitCheckpoint sends EndStream. (A job without checkpoints ends its stream without being told.) Every worker says
/// TasksFinished once all its tasks have seen end-of-stream, and the manager answers StopTasks. A job is cancelled by
/// StopTasks alone. A worker that has stopped its tasks ends its process; its agent sees that and says WorkerEnded,
/// with the crash report the worker left behind if there is one.
///
/// Workers serve queryable state over HTTP and name the address in WorkerPrepared; StartTasks tells it their peers, and
/// ReadPlaces, whenever it changes, all agents, which serve the state of every job by asking its workers.
/// An operator that fails is TaskFailed. Then, and when a worker or an agent is lost, StopTasks goes to all that is
/// left of the attempt, and when that is gone the next attempt begins as the first did; PrepareWorker names the
/// checkpoint that it goes on from, from which each worker takes what belongs to its tasks, and the records that
/// crashed earlier attempts too often: these become dead letters unprocessed.
///
/// Everything the manager sends carries its term, everything about a job the worker's key; what is older than the
/// receiver's is dropped and counted. Messages may be repeated: each is written so that a second one changes nothing.
namespace freshet::wire {

/// No control message is longer.
inline constexpr std::size_t kMaxControlBytes = 64u << 20;
/// Longest piece of a library in one LibraryChunk.
inline constexpr std::size_t kLibraryChunkBytes = 1u << 20;

// ---- agent to manager
// ------------------------------------------------------------------------------------------------

struct AgentHello {
  std::string agent{};  ///< its name, unique in the cluster
  std::string host{};
  std::uint32_t slots = 0;
  std::uint64_t pid = 0;
  std::string version{};
  std::vector<WorkerKey> workers{};  ///< that still run under it
  std::string reads{};               ///< where it serves queryable state, "127.0.0.1:7072"; empty: nowhere
  FRESHET_RECORD(agent, host, slots, pid, version, workers, reads)
};

struct AgentHeartbeat {
  std::string agent{};
  double cpu_percent = 0;
  std::uint64_t memory_used = 0;
  std::uint64_t memory_total = 0;
  std::uint64_t disk_free = 0;
  std::vector<WorkerKey> workers{};
  std::uint64_t dropped_log_lines = 0;  ///< of its own, that could not be written
  FRESHET_RECORD(agent, cpu_percent, memory_used, memory_total, disk_free, workers, dropped_log_lines)
};

struct WorkerStarted {
  WorkerKey worker{};
  std::uint64_t pid = 0;
  FRESHET_RECORD(worker, pid)
};

/// Where a record came from, in a form that is the same in every attempt: partition numbers are not.
struct RecordPlace {
  std::string source{};  ///< operator id
  std::string partition{};
  std::uint64_t offset = 0;  ///< as in SourcePosition
  auto operator<=>(const RecordPlace&) const = default;
  FRESHET_RECORD(source, partition, offset)
};

/// The record at hand when something went wrong.
struct RecordTrace {
  std::string operator_id{};
  std::string origin{};                ///< "in/events.csv, line 918"; empty when unknown
  std::string record{};                ///< JSON, cut at 4 KiB
  std::optional<RecordPlace> place{};  ///< of crashes only
  FRESHET_RECORD(operator_id, origin, record, place)
};

/// Who ended a worker's process.
enum class EndedBy : std::uint8_t {
  unknown,         ///< itself, or somebody outside of Freshet
  agent,           ///< asked it to
  agent_by_force,  ///< killed it, for it did not end when it was asked to
  out_of_memory,   ///< the kernel, since memory was short
};
FRESHET_ENUM(EndedBy, unknown, agent, agent_by_force, out_of_memory)

/// What the kernel says of a process that it killed for its memory.
struct MemoryKill {
  bool certain = false;     ///< else the machine counts such kills all together: another process may be meant
  std::uint64_t kills = 0;  ///< since the process was started, not counting those of other workers
  std::uint64_t limit = 0;  ///< bytes that the agent and its workers may take together; 0: none is known
  bool operator==(const MemoryKill&) const = default;
  FRESHET_RECORD(certain, kills, limit)
};

struct WorkerEnded {
  WorkerKey worker{};
  std::int32_t exit_code = 0;  ///< meaningful when signal is 0
  std::int32_t signal = 0;     ///< that killed it; 0: it exited
  std::string message{};       ///< "could not be started: …", last words of its log
  std::optional<RecordTrace> crash{};
  EndedBy by = EndedBy::unknown;
  MemoryKill memory{};  ///< when that is out_of_memory
  FRESHET_RECORD(worker, exit_code, signal, message, crash, by, memory)
};

struct LibraryRequest {
  std::string agent{};
  std::string sha256{};
  std::uint64_t offset = 0;
  FRESHET_RECORD(agent, sha256, offset)
};

// ---- manager to agent
// ------------------------------------------------------------------------------------------------

struct AgentWelcome {
  Duration heartbeat_interval{};
  Duration silence_limit{};
  FRESHET_RECORD(heartbeat_interval, silence_limit)
};

struct StartWorker {
  WorkerKey worker{};
  std::string job_name{};
  std::string library_sha256{};
  std::uint64_t library_bytes = 0;
  FRESHET_RECORD(worker, job_name, library_sha256, library_bytes)
};

/// Ends a worker process: by its own StopTasks when it still listens, else SIGTERM, and SIGKILL after `grace`.
struct StopWorker {
  WorkerKey worker{};
  Duration grace{};
  FRESHET_RECORD(worker, grace)
};

struct LibraryChunk {
  std::string sha256{};
  std::uint64_t offset = 0;
  std::uint64_t total = 0;
  std::string bytes{};  ///< empty with total 0: the manager does not have it
  FRESHET_RECORD(sha256, offset, total, bytes)
};

/// Of all jobs that are not over; takes the place of what was said before.
struct ReadPlaces {
  std::vector<ReadPlace> jobs{};
  FRESHET_RECORD(jobs)
};

// ---- worker to manager
// -----------------------------------------------------------------------------------------------

struct WorkerHello {
  WorkerKey worker{};
  std::uint64_t pid = 0;
  std::string data_endpoint{};  ///< where it takes frames, "tcp://127.0.0.1:40213"
  FRESHET_RECORD(worker, pid, data_endpoint)
};

struct SplitInfo {
  std::string partition{};
  std::uint64_t start = 0;
  std::uint64_t end = ~0ULL;
  bool operator==(const SplitInfo&) const = default;
  FRESHET_RECORD(partition, start, end)
};

struct SourceSplits {
  std::uint32_t operator_index = 0;
  std::vector<SplitInfo> splits{};
  bool operator==(const SourceSplits&) const = default;
  FRESHET_RECORD(operator_index, splits)
};

/// One split with its owner. Partition numbers count through the whole job and stand in every record's position.
struct AssignedSplit {
  std::uint32_t operator_index = 0;
  std::uint32_t task = 0;  ///< index of the source's task
  std::uint32_t partition = 0;
  SplitInfo split{};
  bool restored = false;  ///< its task has it from a checkpoint, with the position it had reached
  bool operator==(const AssignedSplit&) const = default;
  FRESHET_RECORD(operator_index, task, partition, split, restored)
};

struct WorkerPrepared {
  WorkerKey worker{};
  std::uint64_t fingerprint = 0;
  std::vector<Problem> problems{};     ///< empty: ready to start
  std::vector<SourceSplits> splits{};  ///< from the worker that holds task 0 of each source; none of restored sources
  std::vector<AssignedSplit> restored{};  ///< that its own tasks have taken back
  bool is_damaged = false;                ///< the checkpoint that it was to go on from; `problems` say how
  std::string reads{};                    ///< where it serves queryable state, "127.0.0.1:40213"; empty: it has none
  FRESHET_RECORD(worker, fingerprint, problems, splits, restored, is_damaged, reads)
};

struct WorkerRunning {
  WorkerKey worker{};
  FRESHET_RECORD(worker)
};

/// A source paused itself: more than `pause_above` of a minute's records were dead letters.
struct BrakePulled {
  WorkerKey worker{};
  std::string operator_id{};
  double share = 0;
  std::string example{};  ///< message of the last one
  std::string origin{};
  FRESHET_RECORD(worker, operator_id, share, example, origin)
};

/// Reason of a TaskFailed that is no task's fault: frames between two workers were or may be lost.
inline constexpr std::string_view kChannelBroken = "channel broken";

struct TaskFailed {
  WorkerKey worker{};
  TaskId task{};
  std::string reason{};  ///< "exception std::out_of_range", "channel closed", …
  std::string message{};
  RecordTrace record{};
  FRESHET_RECORD(worker, task, reason, message, record)
};

struct TasksFinished {
  WorkerKey worker{};
  FRESHET_RECORD(worker)
};

/// What a sink's task wants to be told when the checkpoint is complete.
struct SinkHandle {
  std::string operator_id{};
  std::string bytes{};  ///< opaque
  bool operator==(const SinkHandle&) const = default;
  FRESHET_RECORD(operator_id, bytes)
};

/// What a task saved for one checkpoint.
struct SnapshotInfo {
  std::string name{};          ///< of its file in the checkpoint storage; may be empty when it has ended
  std::uint64_t bytes = 0;     ///< of the file
  std::uint64_t checksum = 0;  ///< of the file
  bool ended = false;          ///< it had seen the end of its stream: this is its last state
  std::vector<SinkHandle> handles{};
  std::vector<StoredFile> earlier{};  ///< files that this one builds on, oldest first
  std::vector<EdgeTally> tallies{};   ///< one for each edge into the task and each out of it
  bool operator==(const SnapshotInfo&) const = default;
  FRESHET_RECORD(name, bytes, checksum, ended, handles, earlier, tallies)
};

struct SnapshotStored {
  WorkerKey worker{};
  TaskId task{};
  CheckpointId checkpoint{};
  SnapshotInfo snapshot{};
  FRESHET_RECORD(worker, task, checkpoint, snapshot)
};

struct SnapshotDeclined {
  WorkerKey worker{};
  TaskId task{};
  CheckpointId checkpoint{};
  std::string why{};
  bool no_space = false;  ///< the checkpoint storage is full
  FRESHET_RECORD(worker, task, checkpoint, why, no_space)
};

/// What an order to change dead letters has come to.
struct LettersChanged {
  WorkerKey worker{};
  std::uint64_t number = 0;
  std::uint64_t letters = 0;
  std::uint32_t refused = 0;  ///< tasks that have nothing more to give, and left theirs where they were
  FRESHET_RECORD(worker, number, letters, refused)
};

/// All sources of the worker have read everything, and nothing is left in its lanes.
struct DataEnded {
  WorkerKey worker{};
  FRESHET_RECORD(worker)
};

// ---- manager to worker
// -----------------------------------------------------------------------------------------------

/// Limits and times of the data path; defaults hold for every job unless its submitter says otherwise.
struct DataOptions {
  std::uint64_t channel_window = 2u << 20;  ///< credit of one channel, bytes
  std::uint64_t frame_bytes = 256u << 10;   ///< a frame leaves when it is this long
  Duration max_linger = 1ms;                ///< … or its oldest record this old
  std::uint64_t max_record_bytes = 16u << 20;
  std::uint64_t max_overflow_bytes = 1u << 30;    ///< what one call may emit beyond its room, per task
  std::uint32_t threads = 0;                      ///< task threads per worker; 0: one per core, at most one per task
  bool force_remote = false;                      ///< encode between tasks of one worker, too (tests, benchmarks)
  std::uint32_t save_entries = 512;               ///< of its state, that a task saves in one step
  std::uint64_t snapshot_part_bytes = 16u << 20;  ///< a snapshot is stored in files about this long
  std::uint64_t state_bytes = 0;  ///< of memory, that state takes per worker; more goes to disk. 0: no limit
  std::uint64_t max_uncommitted_bytes = 8ull << 30;  ///< of results of the job; beyond, sources wait for a checkpoint
  FRESHET_RECORD(channel_window, frame_bytes, max_linger, max_record_bytes, max_overflow_bytes, threads, force_remote,
                 save_entries, snapshot_part_bytes, state_bytes, max_uncommitted_bytes)
};

struct NamedValue {
  std::string name{};
  std::string value{};
  bool operator==(const NamedValue&) const = default;
  FRESHET_RECORD(name, value)
};

/// What a worker has to know of its job's checkpoints.
struct CheckpointOrders {
  bool enabled = false;                ///< else nothing is saved, and a bounded job ends without a final one
  std::string run{};                   ///< names the job among all jobs of all clusters: letters and digits
  std::string storage{};               ///< folder of the checkpoint storage
  JobId from_job{};                    ///< whose checkpoint it goes on from
  CheckpointId restore{};              ///< 0: it begins anew
  std::vector<std::string> dropped{};  ///< operators whose state in it is not wanted
  bool aligned = true;                 ///< barriers hold back what came behind them; else results are at-least-once
  bool operator==(const CheckpointOrders&) const = default;
  FRESHET_RECORD(enabled, run, storage, from_job, restore, dropped, aligned)
};

/// Records of one place that one operator is not to process: the process crashed on them too often.
struct SetAside {
  std::string operator_id{};
  RecordPlace place{};
  std::string reason{};  ///< "crash SIGSEGV"
  std::uint32_t crashes = 0;
  bool operator==(const SetAside&) const = default;
  FRESHET_RECORD(operator_id, place, reason, crashes)
};

struct PrepareWorker {
  WorkerKey worker{};
  std::string job{};  ///< which of the library's jobs
  std::vector<NamedValue> parameters{};
  std::int64_t default_parallelism = 1;
  dag::ExecutionPlan plan{};
  DataOptions options{};
  Duration status_interval = 500ms;
  std::string directory{};  ///< what relative paths in parameters count from: the submitter's; empty: the worker's own
  CheckpointOrders checkpoints{};
  std::vector<SetAside> set_aside{};
  FRESHET_RECORD(worker, job, parameters, default_parallelism, plan, options, status_interval, directory, checkpoints,
                 set_aside)
};

struct Peer {
  WorkerId worker{};
  std::string endpoint{};
  std::string reads{};  ///< see WorkerPrepared
  FRESHET_RECORD(worker, endpoint, reads)
};

struct StartTasks {
  WorkerKey worker{};
  std::vector<Peer> peers{};
  std::vector<AssignedSplit> splits{};  ///< of the whole job, so that every worker can name a record's origin
  FRESHET_RECORD(worker, peers, splits)
};

struct InjectBarrier {
  WorkerKey worker{};
  CheckpointId checkpoint{};
  BarrierKind kind = BarrierKind::checkpoint;
  FRESHET_RECORD(worker, checkpoint, kind)
};

struct PauseSources {
  WorkerKey worker{};
  bool paused = true;
  FRESHET_RECORD(worker, paused)
};

/// Dead letters that operators keep are to be tried again, or dropped.
struct ChangeLetters {
  /// No order names more of them.
  static constexpr std::size_t kMostIds = 100'000;

  WorkerKey worker{};
  std::uint64_t number = 0;          ///< of the order; they grow, also from one job manager to the next
  std::string operator_id{};         ///< empty: of all operators
  std::string reason{};              ///< only of this; empty: of any
  std::vector<std::uint64_t> ids{};  ///< only these; empty: all
  bool replays = true;               ///< else they are dropped
  FRESHET_RECORD(worker, number, operator_id, reason, ids, replays)
};

struct StopTasks {
  WorkerKey worker{};
  bool finished = false;  ///< the job ended by itself: keep what the sinks wrote
  FRESHET_RECORD(worker, finished)
};

/// The checkpoint is complete: sinks commit what they prepared for it and before.
struct CommitCheckpoint {
  WorkerKey worker{};
  CheckpointId checkpoint{};
  FRESHET_RECORD(worker, checkpoint)
};

/// The final checkpoint is complete: sources that have read everything end the stream.
struct EndStream {
  WorkerKey worker{};
  FRESHET_RECORD(worker)
};

// ---- the envelope
// ----------------------------------------------------------------------------------------------------

using ControlBody = std::variant<AgentHello, AgentHeartbeat, WorkerStarted, WorkerEnded, LibraryRequest, AgentWelcome,
                                 StartWorker, StopWorker, LibraryChunk, ReadPlaces, WorkerHello, WorkerPrepared,
                                 WorkerRunning, WorkerStatus, BrakePulled, TaskFailed, TasksFinished, SnapshotStored,
                                 SnapshotDeclined, DataEnded, LettersChanged, PrepareWorker, StartTasks, InjectBarrier,
                                 PauseSources, StopTasks, CommitCheckpoint, EndStream, ChangeLetters>;

struct ControlMessage {
  Term term{};  ///< the manager's; senders other than the manager repeat the last they heard
  ControlBody body{};
};

/// Appends version, kind, term and body as msgpack.
void encode_control(ByteBuffer& out, const ControlMessage& message);

/// False: hostile or of another version; the reason, for the log, in `why`. Never allocates more than a small multiple
/// of `bytes`.
[[nodiscard]] bool decode_control(std::string_view bytes, ControlMessage& message, std::string& why);

/// The body's name, for logs and counters: "StartWorker".
std::string_view control_name(const ControlBody& body);

}  // namespace freshet::wire
