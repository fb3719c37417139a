#include "runtime/worker/restore.h"

#include <map>
#include <set>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/verify.h"

namespace freshet::worker {

namespace {

using checkpoint::Manifest;
using checkpoint::SnapshotReader;
using checkpoint::SnapshotRef;

/// Restores the tasks of one worker from one manifest.
class Restorer {
 public:
  Restorer(checkpoint::CheckpointStorage& storage, const Manifest& manifest, const std::vector<std::string>& dropped,
           const LogicalGraph& graph, const dag::ExecutionPlan& plan,
           const std::vector<std::unique_ptr<task::Task>>& tasks)
      : storage_(storage), manifest_(manifest), plan_(plan), dropped_(dropped.begin(), dropped.end()) {
    for (std::uint32_t chain = 0; chain < manifest.chains.size(); ++chain) {
      for (const auto& id : manifest.chains[chain].operator_ids)
        if (!dropped_.contains(id)) saved_chain_[id] = chain;
    }
    for (const auto& task : tasks) {
      for (const auto node : plan.chains[task->id().chain].operators)
        takers_[graph.operators[node].id].push_back(task.get());
    }
    for (const auto& node : graph.operators) operators_.insert(node.id);
  }

  Status restore() {
    if (manifest_.key_groups != plan_.key_groups)
      return Error{"it was saved with " + std::to_string(manifest_.key_groups) + " key groups, and the job now has " +
                   std::to_string(plan_.key_groups) + ": their number is fixed when a job first starts"};
    for (const auto& [id, chain] : saved_chain_) {
      if (!operators_.contains(id))
        return Error{"it holds operator " + id + ", which the job does not have any more; --drop-state " + id +
                     " gives its state up"};
    }
    for (const auto& ref : manifest_.snapshots) {
      if (!is_needed(ref.task)) continue;
      if (const auto done = restore_task(ref); !done) return done;
    }
    return {};
  }

  void restore_handles() {
    for (const auto& handle : manifest_.handles) {
      for (auto* task : takers_of(handle.operator_id)) {
        if (handle.task % parallelism_of(*task) == task->id().index)
          task->chain().restore_handle(handle.operator_id, handle.handle);
      }
    }
  }

  /// What the file that was read last holds is not what was written.
  bool is_damaged() const { return is_damaged_; }

 private:
  const std::vector<task::Task*>& takers_of(std::string_view operator_id) const {
    static const std::vector<task::Task*> kNone;
    if (dropped_.contains(operator_id)) return kNone;
    const auto found = takers_.find(operator_id);
    return found == takers_.end() ? kNone : found->second;
  }
  std::uint32_t parallelism_of(const task::Task& task) const { return plan_.chains[task.id().chain].parallelism; }
  bool had_as_many_tasks(std::uint32_t saved_chain, const task::Task& task) const {
    return manifest_.chains[saved_chain].parallelism == parallelism_of(task);
  }
  /// Whether something in the file of the saved task is for `task`.
  bool takes(const task::Task& task, TaskId saved) const {
    return !had_as_many_tasks(saved.chain, task) || saved.index == task.id().index;
  }
  bool is_needed(TaskId saved) const {
    for (const auto& id : manifest_.chains[saved.chain].operator_ids) {
      for (const auto* task : takers_of(id)) {
        if (takes(*task, saved)) return true;
      }
    }
    return false;
  }

  /// The states first, since what operators have saved themselves may speak of their entries. Of files of earlier
  /// checkpoints only the states count.
  Status restore_task(const SnapshotRef& ref) {
    const auto newest = checkpoint::parse_snapshot_name(ref.name);
    std::vector<wire::StoredFile> others;
    for (const auto& file : ref.files()) {
      bool has_others = false;
      if (const auto done = restore_file(ref.task, file, true, has_others); !done) return done;
      const auto id = checkpoint::parse_snapshot_name(file.name);
      if (has_others && id && newest && id->checkpoint == newest->checkpoint) others.push_back(file);
    }
    for (const auto& file : others) {
      bool has_states = false;
      if (const auto done = restore_file(ref.task, file, false, has_states); !done) return done;
    }
    return {};
  }

  Status restore_file(TaskId task, const wire::StoredFile& file, bool states, bool& has_others) {
    const auto done = read_file(task, file, states, has_others);
    return done ? done : Error{file.name + ": " + done.error().message};
  }

  Status read_file(TaskId task, const wire::StoredFile& file, bool states, bool& has_others) {
    const auto bytes = storage_.get(file.name, checkpoint::kMaxSnapshotBytes);
    if (!bytes) return bytes.error();
    const auto id = checkpoint::parse_snapshot_name(file.name);
    if (!id) return id.error();
    is_damaged_ = true;  // unless it is found to be sound
    auto reader = SnapshotReader::open(*bytes, *id);
    if (!reader) return reader.error();
    if (checkpoint::checksum_of(*bytes) != file.checksum)
      return Error{"it is sound, but not the file that the manifest means"};
    is_damaged_ = false;
    SnapshotReader::Section section;
    while (reader->next_section(section)) {
      if ((section.kind == "state") == states)
        restore_section(task, section, *reader);
      else
        has_others = true;
    }
    return {};
  }

  void restore_section(TaskId saved, const SnapshotReader::Section& section, SnapshotReader& reader) {
    std::vector<std::pair<task::Task*, RestoreScope>> to;
    for (auto* task : takers_of(section.operator_id)) {
      if (takes(*task, saved))
        to.push_back(
            {task, {task->id().index, parallelism_of(*task), plan_.key_groups, had_as_many_tasks(saved.chain, *task)}});
    }
    std::string_view record;
    for (bool first = true; reader.next_record(record); first = false) {
      for (const auto& [task, scope] : to)
        task->chain().restore({section.operator_id, section.kind, section.name, record, first}, scope);
    }
  }

  bool is_damaged_ = false;
  checkpoint::CheckpointStorage& storage_;
  const Manifest& manifest_;
  const dag::ExecutionPlan& plan_;
  const std::set<std::string, std::less<>> dropped_;
  std::map<std::string, std::uint32_t, std::less<>> saved_chain_;        // by operator
  std::map<std::string, std::vector<task::Task*>, std::less<>> takers_;  // of this worker, by operator
  std::set<std::string, std::less<>> operators_;                         // that the job has
};

}  // namespace

Result<Restored> restore_tasks(checkpoint::CheckpointStorage& storage, const wire::CheckpointOrders& orders, JobId job,
                               const LogicalGraph& graph, const dag::ExecutionPlan& plan,
                               const std::vector<std::unique_ptr<task::Task>>& tasks, bool& is_damaged) {
  is_damaged = false;
  const std::string which = "checkpoint " + std::to_string(orders.restore.value);
  // A disk that cannot be read now says nothing of what is on it.
  const auto bytes =
      storage.get(checkpoint::manifest_name(orders.from_job, orders.restore), checkpoint::kMaxManifestBytes);
  if (!bytes) return Error{which + ": " + bytes.error().message};
  const auto manifest = checkpoint::read_manifest(*bytes, orders.from_job, orders.restore);
  is_damaged = !manifest;
  if (!manifest) return Error{which + ": " + manifest.error().message};
  if (manifest->kind != checkpoint::ManifestKind::complete) return Error{which + " never completed"};
  try {
    Restorer restorer(storage, *manifest, orders.dropped, graph, plan, tasks);
    const auto done = restorer.restore();
    is_damaged = restorer.is_damaged();
    if (!done) return Error{which + ": " + done.error().message};
    if (orders.from_job == job) restorer.restore_handles();
  } catch (const task::TaskFailure& failure) {
    return Error{which + ": operator " + failure.operator_id + ": " + failure.what()};
  }
  Restored restored;
  for (const auto& chain : manifest->chains)
    restored.operators.insert(chain.operator_ids.begin(), chain.operator_ids.end());
  for (const auto& id : orders.dropped) restored.operators.erase(id);
  for (const auto& task : tasks) {
    auto* source = task->chain().source();
    if (source == nullptr) continue;
    for (const auto& split : source->splits()) {
      const auto& of = split.split;
      restored.splits.push_back({task->chain().head_operator(),
                                 task->id().index,
                                 split.partition_number,
                                 {of.partition, of.start, of.end},
                                 true});
    }
  }
  return restored;
}

}  // namespace freshet::worker
