#pragma once

#include <functional>

#include <freshet/job.h>

#include "runtime/task/partition_table.h"
#include "runtime/task/task.h"
#include "runtime/wire/control.h"

/// How a job's splits are found, dealt out and given to its sources, and what stands at a place in one.
namespace freshet::worker {

/// Asks the sources whose task 0 is among `tasks` for their splits, but for those `is_restored` says are back with
/// their splits; it is given their index in the graph. Throws what they throw.
std::vector<wire::SourceSplits> discover_splits(const std::vector<std::unique_ptr<task::Task>>& tasks,
                                                const std::function<bool(std::uint32_t)>& is_restored = {});

/// Names all partitions of the job, for messages about records.
void name_partitions(const Job& job, const std::vector<wire::AssignedSplit>& splits, task::PartitionTable& table);

/// Gives the tasks those splits that they have not got back from a checkpoint.
void add_splits(const std::vector<wire::AssignedSplit>& splits, const std::vector<std::unique_ptr<task::Task>>& tasks);

/// Tells the operators among `tasks` which records they are not to process. Those of partitions that the job does not
/// have are left out.
void set_aside(const Job& job, const std::vector<wire::AssignedSplit>& splits,
               const std::vector<wire::SetAside>& records, const std::vector<std::unique_ptr<task::Task>>& tasks);

}  // namespace freshet::worker
