#pragma once

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/job.h"

/// Checkpoints as REST shows them; the contract stands in runtime/cli/README.md. Reads manifests; the job manager's
/// thread.
namespace freshet::manager {

/// One checkpoint in a list: what the history remembers, and what the storage holds.
struct CheckpointLineView {
  std::uint64_t number = 0;
  std::string kind{};   ///< checkpoint, savepoint, final_checkpoint
  std::string state{};  ///< open, done, failed
  std::int64_t when_ms = 0;
  std::optional<std::int64_t> took_ms{};
  std::uint64_t bytes = 0;                      ///< of all files that it needs
  std::uint64_t new_bytes = 0;                  ///< of those that were written for it
  std::optional<std::uint64_t> acknowledged{};  ///< tasks that are in; null: it is not remembered
  std::optional<std::uint64_t> tasks{};
  std::string why{};        ///< why it failed, or cannot be restored
  bool retained = false;    ///< its manifest is in the storage
  bool restorable = false;  ///< … and says that it is complete; its files are not looked at
  FRESHET_RECORD(number, kind, state, when_ms, took_ms, bytes, new_bytes, acknowledged, tasks, why, retained,
                 restorable)
};

struct CheckpointListView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::string job{};
  std::optional<std::uint64_t> restore_point{};  ///< that another attempt would go on from
  std::vector<CheckpointLineView> checkpoints{};
  FRESHET_RECORD(version, now_ms, job, restore_point, checkpoints)
};

/// A chain's part in a checkpoint, under the id of its first operator.
struct CheckpointChainView {
  std::string id{};
  std::vector<std::string> chain{};
  std::uint32_t tasks = 0;
  std::uint32_t acknowledged = 0;
  std::vector<std::uint32_t> missing{};  ///< the first tasks that are not in
  FRESHET_RECORD(id, chain, tasks, acknowledged, missing)
};

struct SnapshotView {
  std::string chain{};
  std::uint32_t task = 0;
  std::string file{};  ///< the newest one's name in the storage; empty: an ended task left none
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  ///< of all of them
  bool ended = false;
  FRESHET_RECORD(chain, task, file, files, bytes, ended)
};

/// Handles that the sink's tasks left for their commit.
struct SinkHandlesView {
  std::string operator_id{};
  std::uint64_t handles = 0;

  template <class FreshetSelf>
  static constexpr auto freshet_fields() {
    return std::tuple{Field{"operator", &FreshetSelf::operator_id}, FRESHET_EACH(FRESHET_FIELD, handles)};
  }
};

struct CheckpointView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::string job{};
  CheckpointLineView checkpoint{};
  std::uint32_t attempt = 0;   ///< 0: it is not known
  std::uint32_t revision = 0;  ///< 0: it is not known
  std::vector<CheckpointChainView> chains{};
  std::uint64_t snapshots_left_out = 0;
  std::vector<SnapshotView> snapshots{};
  std::vector<SinkHandlesView> sinks{};
  FRESHET_RECORD(version, now_ms, job, checkpoint, attempt, revision, chains, snapshots_left_out, snapshots, sinks)
};

struct DamageView {
  std::string file{};
  std::string what{};
  FRESHET_RECORD(file, what)
};

/// What becomes of an operator of a checkpoint under another graph.
struct ComparedOperatorView {
  std::string id{};
  std::string fate{};                ///< see dag::OperatorFate
  std::vector<std::string> notes{};  ///< "totals: + refunds (new)"
  std::vector<Problem> problems{};
  std::uint64_t entries = 0;  ///< of its states in the checkpoint, about
  std::uint64_t bytes = 0;
  FRESHET_RECORD(id, fate, notes, problems, entries, bytes)
};

/// Something that was asked for and takes a while.
struct OperationView {
  std::uint32_t version = 1;
  std::string operation{};
  std::string kind{};   ///< checkpoint, savepoint, verify, compare, replay, drop
  std::string state{};  ///< open, done, failed
  std::optional<std::uint64_t> checkpoint{};
  std::string why{};                  ///< why it failed
  std::vector<DamageView> damages{};  ///< of verify
  std::uint64_t more_damages = 0;
  std::uint64_t files = 0;  ///< that verify has read
  std::uint64_t bytes = 0;
  std::uint32_t revision = 0;                     ///< of compare: that made the checkpoint
  std::vector<ComparedOperatorView> operators{};  ///< of compare
  std::uint64_t letters = 0;                      ///< of replay and drop: that were
  std::uint32_t refused = 0;                      ///< of these two: tasks that left theirs where they were
  FRESHET_RECORD(version, operation, kind, state, checkpoint, why, damages, more_damages, files, bytes, revision,
                 operators, letters, refused)
};

inline constexpr std::size_t kMaxListedCheckpoints = 500;
inline constexpr std::size_t kMaxShownSnapshots = 10'000;
/// Of each chain.
inline constexpr std::size_t kMaxShownMissing = 20;

/// The newest `limit` (at most kMaxListedCheckpoints), newest first; of one kind, when it is said. Error: the storage
/// cannot be listed.
Result<CheckpointListView> checkpoint_list(const Job& job, checkpoint::CheckpointStorage& storage,
                                           std::optional<BarrierKind> kind, std::size_t limit, Moment now);
/// Nothing: neither history nor storage knows it. Error: the storage cannot be listed.
Result<std::optional<CheckpointView>> checkpoint_view(const Job& job, checkpoint::CheckpointStorage& storage,
                                                      CheckpointId id, Moment now);
/// `verify-3.17`: numbers begin anew with each job manager, so its term belongs to them.
std::string operation_name(const char* what, Term term, std::uint64_t number);
OperationView operation_view(std::string name, const CheckpointOperation& operation);
OperationView operation_view(std::string name, const CheckpointVerifier::Verification& verification);
OperationView operation_view(std::string name, const LetterOperation& operation);

}  // namespace freshet::manager
