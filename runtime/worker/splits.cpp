#include "runtime/worker/splits.h"

#include <algorithm>

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
      source = std::shared_ptr<const SourceStage>(static_cast<const SourceStage*>(code.make_stage().release()));
    }
    const auto& id = job.graph().operators[assigned.operator_index].id;
    table.add(assigned.partition, {assigned.split.partition, source, id});
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

void set_aside(const Job& job, const std::vector<wire::AssignedSplit>& splits,
               const std::vector<wire::SetAside>& records, const std::vector<std::unique_ptr<task::Task>>& tasks) {
  for (const auto& record : records) {
    const auto is_of = [&](const wire::AssignedSplit& split) {
      return split.partition != 0 && split.split.partition == record.place.partition &&
             job.graph().operators[split.operator_index].id == record.place.source;
    };
    // Ranges of one partition share its number.
    const auto split = std::ranges::find_if(splits, is_of);
    if (split == splits.end()) continue;
    for (const auto& task : tasks)
      task->chain().add_crashed(record.operator_id,
                                {{split->partition, record.place.offset}, record.reason, record.crashes});
  }
}

}  // namespace freshet::worker
