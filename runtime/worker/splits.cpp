#include "runtime/worker/splits.h"

namespace freshet::worker {

namespace {

/// The graph's index of the operator that a source task reads.
std::uint32_t source_node(task::Task& task) { return task.chain().head_operator(); }

}  // namespace

std::vector<wire::SourceSplits> discover_splits(const std::vector<std::unique_ptr<task::Task>>& tasks,
                                                const std::function<bool(std::uint32_t)>& is_restored) {
  std::vector<wire::SourceSplits> found;
  for (const auto& task : tasks) {
    auto* source = task->chain().source();
    if (source == nullptr || task->id().index != 0) continue;
    if (is_restored && is_restored(source_node(*task))) continue;
    wire::SourceSplits splits{source_node(*task), {}};
    for (const auto& split : source->discover()) splits.splits.push_back({split.partition, split.start, split.end});
    found.push_back(std::move(splits));
  }
  return found;
}

void name_partitions(const Job& job, const std::vector<wire::AssignedSplit>& splits, task::PartitionTable& table) {
  std::map<std::uint32_t, std::shared_ptr<const SourceStage>> sources;
  for (const auto& assigned : splits) {
    auto& source = sources[assigned.operator_index];
    if (!source) {
      const auto& code = job.implementation(assigned.operator_index);
      source = std::shared_ptr<const SourceStage>(static_cast<const SourceStage*>(code.make(code).release()));
    }
    table.add(assigned.partition, {assigned.split.partition, source});
  }
}

void add_splits(const std::vector<wire::AssignedSplit>& splits, const std::vector<std::unique_ptr<task::Task>>& tasks) {
  for (const auto& task : tasks) {
    auto* source = task->chain().source();
    if (source == nullptr) continue;
    for (const auto& assigned : splits) {
      if (assigned.restored) continue;
      if (assigned.operator_index != source_node(*task) || assigned.task != task->id().index) continue;
      source->add_split({assigned.partition,
                         {.partition = assigned.split.partition,
                          .start = assigned.split.start,
                          .end = assigned.split.end,
                          .position = assigned.split.start}});
    }
  }
}

}  // namespace freshet::worker
