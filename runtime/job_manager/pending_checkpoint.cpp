#include "runtime/job_manager/pending_checkpoint.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace freshet::manager {
namespace {

using enum PendingState;

constexpr PendingTransition kTransitions[] = {
    {journalling, injected, "its id is durable"},
    {journalling, publishing, "its id is durable, and every task had ended before"},
    {journalling, abandoned, "its id could not be made durable, it took too long, or the attempt ends"},

    {injected, publishing, "every live task is in"},
    {injected, abandoned, "a task declined, it took too long, or the attempt ends"},

    {publishing, published, "its manifest is there"},
    {publishing, abandoned, "its manifest is not there and will never be, or somebody else's is"},
};

/// More tasks are counted, not named.
constexpr std::size_t kMaxNamed = 5;

std::size_t text_of(const SnapshotInfo& info) {
  std::size_t bytes = info.name.size();
  for (const SinkHandle& handle : info.handles) bytes += handle.operator_id.size() + handle.bytes.size();
  for (const auto& file : info.earlier) bytes += file.name.size() + sizeof file;
  return bytes;
}

}  // namespace

std::span<const PendingTransition> pending_transitions() { return kTransitions; }

bool can_transition(PendingState from, PendingState to) {
  return std::ranges::any_of(kTransitions, [&](const auto& each) { return each.from == from && each.to == to; });
}

std::string task_text(TaskId task) { return std::to_string(task.chain) + "/" + std::to_string(task.index); }

PendingCheckpoint::PendingCheckpoint(CheckpointId id, BarrierKind kind, base::SteadyTime since, std::set<TaskId> tasks,
                                     std::map<TaskId, SnapshotInfo> ended)
    : id_(id), kind_(kind), since_(since), tasks_(tasks.size()), live_(std::move(tasks)), snapshots_(std::move(ended)) {
  for (const auto& [task, info] : snapshots_) {
    CHECK(live_.erase(task) == 1, "a task that has ended is one of the attempt");
    text_bytes_ += text_of(info);
  }
}

void PendingCheckpoint::move_to(PendingState state) {
  CHECK(can_transition(state_, state), "a checkpoint changes its state only as the table says");
  state_ = state;
}

bool PendingCheckpoint::acknowledge(TaskId task, const SnapshotInfo& info) {
  if (!is_live(task) || !snapshots_.emplace(task, info).second) return false;
  text_bytes_ += text_of(info);
  return true;
}

std::uint64_t PendingCheckpoint::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [task, info] : snapshots_) bytes += info.bytes;
  return bytes;
}

std::vector<TaskId> PendingCheckpoint::missing_tasks() const {
  std::vector<TaskId> tasks;
  for (const TaskId task : live_)
    if (!snapshots_.contains(task)) tasks.push_back(task);
  return tasks;
}

std::string PendingCheckpoint::missing() const {
  std::string text;
  std::size_t named = 0;
  for (const TaskId task : live_) {
    if (snapshots_.contains(task)) continue;
    if (named == kMaxNamed) break;
    text += (named++ == 0 ? "" : ", ") + task_text(task);
  }
  const std::size_t more = tasks_ - snapshots_.size() - named;
  return more == 0 ? text : text + " and " + std::to_string(more) + " more";
}

}  // namespace freshet::manager
