#include "runtime/job_manager/checkpoint_views.h"

#include <algorithm>
#include <set>

#include "runtime/checkpoint/verify.h"

namespace freshet::manager {
namespace {

using checkpoint::Manifest;
using checkpoint::ManifestKind;

std::string text_of(BarrierKind kind) { return std::string(enumerator_name(kind)); }
std::string text_of(dag::OperatorFate fate) { return std::string(enumerator_name(fate)); }
std::string text_of(CheckpointState state) { return std::string(enumerator_name(state)); }

const PendingCheckpoint* pending_of(const Job& job, CheckpointId id) {
  const CheckpointCoordinator* coordinator = job.checkpoints().coordinator();
  const PendingCheckpoint* pending = coordinator == nullptr ? nullptr : coordinator->pending();
  return pending != nullptr && pending->id() == id ? pending : nullptr;
}

CheckpointLineView line_of(const Job& job, const RememberedCheckpoint& entry, bool is_stored) {
  CheckpointLineView line{entry.id.value, text_of(entry.kind), text_of(entry.state), entry.when_ms};
  line.bytes = entry.bytes;
  line.new_bytes = entry.new_bytes;
  line.why = entry.why;
  if (entry.took) line.took_ms = entry.took->count();
  line.retained = is_stored && entry.state == CheckpointState::done;
  line.restorable = line.retained;
  if (const PendingCheckpoint* pending = pending_of(job, entry.id)) {
    line.acknowledged = pending->acknowledged();
    line.tasks = pending->tasks();
    line.new_bytes = pending->bytes();
  } else if (!entry.chains.empty()) {
    line.acknowledged = line.tasks = 0;
    for (const ChainProgress& chain : entry.chains) {
      *line.acknowledged += chain.acknowledged;
      *line.tasks += chain.tasks;
    }
  }
  return line;
}

/// Of one that only the storage knows.
CheckpointLineView line_of(CheckpointId id, const Result<Manifest>& manifest) {
  CheckpointLineView line{id.value, text_of(BarrierKind::checkpoint), text_of(CheckpointState::failed)};
  line.retained = true;
  if (!manifest) {
    line.why = manifest.error().message;
    return line;
  }
  line.kind = text_of(manifest->barrier);
  line.when_ms = manifest->created_ms;
  if (manifest->kind == ManifestKind::void_) {
    line.retained = false;
    line.why = "it is void: it was never complete";
    return line;
  }
  line.state = text_of(CheckpointState::done);
  line.restorable = true;
  const auto files = checkpoint::needed_files(manifest->checkpoint, manifest->snapshots);
  line.bytes = files.bytes;
  line.new_bytes = files.new_bytes;
  line.acknowledged = line.tasks = manifest->snapshots.size();
  return line;
}

void add_missing(CheckpointView& view, TaskId task) {
  if (task.chain >= view.chains.size()) return;
  auto& missing = view.chains[task.chain].missing;
  if (missing.size() < kMaxShownMissing) missing.push_back(task.index);
}

/// Of one that is open, or failed: who is in and who is not.
void describe_progress(const Job& job, const RememberedCheckpoint& entry, CheckpointView& view) {
  const auto& operators = job.submission().graph.operators;
  for (std::size_t i = 0; i < entry.chains.size(); ++i) {
    const ChainProgress& chain = entry.chains[i];
    CheckpointChainView shown{chain.chain, {}, chain.tasks, chain.acknowledged, {}};
    // The plan may have changed since.
    if (entry.attempt == job.attempt() && i < job.plan().chains.size())
      for (const auto node : job.plan().chains[i].operators) shown.chain.push_back(operators.at(node).id);
    view.chains.push_back(std::move(shown));
  }
  for (const TaskId task : entry.missing) add_missing(view, task);
  const PendingCheckpoint* pending = pending_of(job, entry.id);
  if (pending == nullptr) return;
  for (const auto& [task, info] : pending->snapshots())
    if (task.chain < view.chains.size()) ++view.chains[task.chain].acknowledged;
  for (const TaskId task : pending->missing_tasks()) add_missing(view, task);
}

void describe(const Manifest& manifest, CheckpointView& view) {
  view.attempt = manifest.attempt.value;
  view.revision = manifest.revision.value;
  view.chains.clear();
  for (const auto& chain : manifest.chains) {
    const std::string first = chain.operator_ids.empty() ? "" : chain.operator_ids.front();
    view.chains.push_back({first, chain.operator_ids, chain.parallelism, 0, {}});
  }
  for (const auto& snapshot : manifest.snapshots) {
    if (snapshot.task.chain >= view.chains.size()) continue;
    CheckpointChainView& chain = view.chains[snapshot.task.chain];
    ++chain.acknowledged;
    if (view.snapshots.size() == kMaxShownSnapshots) {
      ++view.snapshots_left_out;
      continue;
    }
    SnapshotView shown{chain.id, snapshot.task.index, snapshot.name, 0, 0, snapshot.ended};
    for (const auto& file : snapshot.files()) {
      ++shown.files;
      shown.bytes += file.bytes;
    }
    view.snapshots.push_back(std::move(shown));
  }
  std::map<std::string, std::uint64_t> handles;
  for (const auto& handle : manifest.handles) ++handles[handle.operator_id];
  for (const auto& [operator_id, count] : handles) view.sinks.push_back({operator_id, count});
}

Result<std::set<CheckpointId>> stored_checkpoints(const Job& job, checkpoint::CheckpointStorage& storage) {
  const auto listed = checkpoint::list_checkpoints(storage, job.id());
  if (!listed) return listed.error();
  return std::set<CheckpointId>(listed->begin(), listed->end());
}

}  // namespace

Result<CheckpointListView> checkpoint_list(const Job& job, checkpoint::CheckpointStorage& storage,
                                           std::optional<BarrierKind> kind, std::size_t limit, Moment now) {
  const auto stored = stored_checkpoints(job, storage);
  if (!stored) return stored.error();
  limit = std::min(limit, kMaxListedCheckpoints);
  const CheckpointHistory& history = job.checkpoints().history();
  std::set<CheckpointId> all = *stored;
  for (const RememberedCheckpoint& entry : history.entries()) all.insert(entry.id);
  CheckpointListView view{1, now.wall_ms, job.name(), std::nullopt, {}};
  if (const auto point = job.checkpoints().restore_point()) view.restore_point = point->value;
  std::size_t loaded = 0;
  for (auto id = all.rbegin(); id != all.rend() && view.checkpoints.size() < limit; ++id) {
    const RememberedCheckpoint* entry = history.find(*id);
    if (entry == nullptr && ++loaded > kMaxListedCheckpoints) break;
    CheckpointLineView line = entry != nullptr ? line_of(job, *entry, stored->contains(*id))
                                               : line_of(*id, checkpoint::load_manifest(storage, job.id(), *id));
    if (!kind || line.kind == text_of(*kind)) view.checkpoints.push_back(std::move(line));
  }
  return view;
}

Result<std::optional<CheckpointView>> checkpoint_view(const Job& job, checkpoint::CheckpointStorage& storage,
                                                      CheckpointId id, Moment now) {
  const auto stored = stored_checkpoints(job, storage);
  if (!stored) return stored.error();
  const RememberedCheckpoint* entry = job.checkpoints().history().find(id);
  const bool is_stored = stored->contains(id);
  if (entry == nullptr && !is_stored) return std::optional<CheckpointView>();
  CheckpointView view;
  view.now_ms = now.wall_ms;
  view.job = job.name();
  if (entry != nullptr) {
    view.checkpoint = line_of(job, *entry, is_stored);
    view.attempt = entry->attempt.value;
    describe_progress(job, *entry, view);
  }
  if (!is_stored) return std::optional(std::move(view));
  const auto manifest = checkpoint::load_manifest(storage, job.id(), id);
  if (entry == nullptr) view.checkpoint = line_of(id, manifest);
  if (!manifest) {
    view.checkpoint.restorable = false;
    view.checkpoint.why = manifest.error().message;
  } else if (manifest->kind == ManifestKind::complete) {
    describe(*manifest, view);
  }
  return std::optional(std::move(view));
}

std::string operation_name(const char* what, Term term, std::uint64_t number) {
  return std::string(what) + "-" + std::to_string(term.value) + "." + std::to_string(number);
}

OperationView operation_view(std::string name, const CheckpointOperation& operation) {
  OperationView view{1, std::move(name), text_of(operation.kind), text_of(operation.state)};
  if (operation.checkpoint.value != 0) view.checkpoint = operation.checkpoint.value;
  view.why = operation.why;
  return view;
}

OperationView operation_view(std::string name, const CheckpointVerifier::Verification& verification) {
  OperationView view{1, std::move(name), verification.compares ? "compare" : "verify", text_of(CheckpointState::open)};
  if (verification.checkpoint.value != 0) view.checkpoint = verification.checkpoint.value;
  if (!verification.is_over) return view;
  view.state = text_of(verification.why.empty() ? CheckpointState::done : CheckpointState::failed);
  view.why = verification.why;
  for (const auto& damage : verification.damages) view.damages.push_back({damage.file, damage.what});
  view.more_damages = verification.more_damages;
  view.files = verification.files;
  view.bytes = verification.bytes;
  view.revision = verification.revision.value;
  if (!view.why.empty()) return view;
  for (const auto& [comparison, entries, bytes] : verification.operators)
    view.operators.push_back(
        {comparison.id, text_of(comparison.fate), comparison.notes, comparison.problems, entries, bytes});
  return view;
}

OperationView operation_view(std::string name, const LetterOperation& operation) {
  OperationView view{1, std::move(name), operation.replays ? "replay" : "drop", text_of(operation.state)};
  if (operation.saved) view.checkpoint = operation.saved->value;
  view.why = operation.why;
  view.letters = operation.letters;
  view.refused = operation.refused;
  return view;
}

}  // namespace freshet::manager
