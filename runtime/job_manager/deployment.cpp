#include "runtime/job_manager/deployment.h"

#include <algorithm>
#include <map>

#include "runtime/base/check.h"

namespace freshet::manager {
namespace {

const dag::Chain* chain_of(const dag::ExecutionPlan& plan, std::uint32_t operator_index) {
  for (const dag::Chain& chain : plan.chains)
    if (std::find(chain.operators.begin(), chain.operators.end(), operator_index) != chain.operators.end())
      return &chain;
  return nullptr;
}

std::optional<std::uint32_t> worker_of_task(const dag::ExecutionPlan& plan, std::uint32_t chain, std::uint32_t index) {
  for (const dag::Placement& task : plan.tasks)
    if (task.chain == chain && task.index == index) return task.worker;
  return std::nullopt;
}

}  // namespace

void DeploymentSpec::note_operators(const LogicalGraph& graph) {
  for (std::uint32_t i = 0; i < graph.operators.size(); ++i) {
    if (graph.operators[i].kind == OperatorKind::source) sources.push_back(i);
    if (graph.operators[i].on_error.has_lane()) retrying.push_back(i);
  }
}

std::vector<wire::AssignedSplit> deal_splits(const DeploymentSpec& spec, const std::vector<wire::SourceSplits>& found,
                                             std::vector<wire::AssignedSplit> restored) {
  std::vector<wire::AssignedSplit> assigned = std::move(restored);
  std::uint32_t next_partition = 1;  // 0 stands for "unknown" in a record's position
  for (const wire::AssignedSplit& split : assigned) next_partition = std::max(next_partition, split.partition + 1);
  for (const std::uint32_t source : spec.sources) {
    const auto splits =
        std::find_if(found.begin(), found.end(), [&](const auto& each) { return each.operator_index == source; });
    const dag::Chain* chain = chain_of(spec.plan, source);
    if (splits == found.end() || chain == nullptr) continue;
    std::map<std::string, std::uint32_t> partitions;
    std::uint32_t task = 0;
    for (const wire::SplitInfo& split : splits->splits) {
      const auto [partition, is_new] = partitions.try_emplace(split.partition, next_partition);
      if (is_new) ++next_partition;
      assigned.push_back({source, task, partition->second, split, false});
      task = (task + 1) % chain->parallelism;
    }
  }
  return assigned;
}

Deployment::Deployment(DeploymentSpec spec, base::SteadyTime now)
    : spec_(std::move(spec)), task_count_(spec_.plan.workers.size()) {
  for (const dag::PlannedWorker& planned : spec_.plan.workers) {
    CHECK(planned.id == workers_.size(), "workers of a plan are numbered in order");
    workers_.push_back({{spec_.job, spec_.attempt, WorkerId{planned.id}}, planned.agent});
    workers_.back().last_heard = now;
  }
  for (const dag::Placement& task : spec_.plan.tasks) ++task_count_.at(task.worker);
}

wire::ControlBody Deployment::start_order(const DeployedWorker& worker) const {
  return wire::StartWorker{worker.key, spec_.name, spec_.library_sha256, spec_.library_bytes};
}

void Deployment::order_workers(Orders& orders) const {
  for (const DeployedWorker& worker : workers_) orders.push_back(to_agent(worker.agent, start_order(worker)));
}

void Deployment::order_workers(const std::string& agent, Orders& orders) const {
  for (const DeployedWorker& worker : workers_)
    if (worker.agent == agent && worker.phase == WorkerPhase::starting && !worker.stop_ordered)
      orders.push_back(to_agent(agent, start_order(worker)));
}

bool Deployment::on_started(const wire::WorkerStarted& started) {
  DeployedWorker* worker = at(started.worker);
  if (worker == nullptr || worker->phase == WorkerPhase::ended) return false;
  if (worker->pid == 0) worker->pid = started.pid;
  return true;
}

bool Deployment::on_hello(const std::string& peer, const wire::WorkerHello& hello, base::SteadyTime now,
                          Orders& orders) {
  DeployedWorker* worker = at(hello.worker);
  if (worker == nullptr || worker->phase == WorkerPhase::ended) return false;
  if (hello.data_endpoint.size() > kMaxEndpointBytes) return false;
  // Under one key there is one process; another that claims it is none of ours.
  if (worker->pid != 0 && worker->pid != hello.pid) return false;
  worker->pid = hello.pid;
  worker->peer = peer;
  worker->endpoint = hello.data_endpoint;
  worker->last_heard = now;
  if (worker->phase == WorkerPhase::starting) {
    worker->phase = WorkerPhase::hello;
    if (prepare_sent_ || !all_at(WorkerPhase::hello)) return true;
    prepare_sent_ = true;
    for (const DeployedWorker& each : workers_)
      if (each.phase != WorkerPhase::ended) orders.push_back(to_worker(each.peer, prepare_order(each.key)));
    return true;
  }
  if (prepare_sent_ && worker->phase == WorkerPhase::hello)
    orders.push_back(to_worker(peer, prepare_order(worker->key)));
  if (tasks_started_ && worker->phase == WorkerPhase::prepared)
    orders.push_back(to_worker(peer, start_tasks_order(worker->key)));
  return true;
}

bool Deployment::on_prepared(const wire::WorkerPrepared& prepared, Orders& orders) {
  DeployedWorker* worker = at(prepared.worker);
  if (worker == nullptr || !prepare_sent_ || worker->phase != WorkerPhase::hello) return false;
  worker->phase = WorkerPhase::prepared;
  if (prepared.reads.size() <= kMaxEndpointBytes) worker->reads = prepared.reads;
  take_splits(prepared);
  if (tasks_started_ || !all_at(WorkerPhase::prepared)) return true;
  tasks_started_ = true;
  splits_ = deal_splits(spec_, found_splits_, restored_splits_);
  for (const DeployedWorker& each : workers_)
    if (each.phase != WorkerPhase::ended) orders.push_back(to_worker(each.peer, start_tasks_order(each.key)));
  return true;
}

// Only the worker with a source's first task speaks for that source.
void Deployment::take_splits(const wire::WorkerPrepared& prepared) {
  for (const wire::SourceSplits& splits : prepared.splits) {
    const bool is_source =
        std::find(spec_.sources.begin(), spec_.sources.end(), splits.operator_index) != spec_.sources.end();
    const dag::Chain* chain = is_source ? chain_of(spec_.plan, splits.operator_index) : nullptr;
    if (chain == nullptr || worker_of_task(spec_.plan, chain->id, 0) != prepared.worker.worker.value) continue;
    const bool is_known = std::any_of(found_splits_.begin(), found_splits_.end(),
                                      [&](const auto& each) { return each.operator_index == splits.operator_index; });
    if (!is_known) found_splits_.push_back(splits);
  }
  for (const wire::AssignedSplit& split : prepared.restored) {
    const dag::Chain* chain = chain_of(spec_.plan, split.operator_index);
    if (chain == nullptr || worker_of_task(spec_.plan, chain->id, split.task) != prepared.worker.worker.value) continue;
    if (split.partition > kMaxSplits) continue;
    restored_splits_.push_back(split);
    restored_splits_.back().restored = true;
  }
}

bool Deployment::on_running(const WorkerKey& key) {
  DeployedWorker* worker = at(key);
  if (worker == nullptr || !tasks_started_ || worker->phase != WorkerPhase::prepared) return false;
  worker->phase = WorkerPhase::running;
  return true;
}

bool Deployment::on_finished(const WorkerKey& key) {
  DeployedWorker* worker = at(key);
  if (worker == nullptr || !tasks_started_) return false;
  if (worker->phase != WorkerPhase::prepared && worker->phase != WorkerPhase::running) return false;
  worker->phase = WorkerPhase::finished;
  return true;
}

bool Deployment::on_data_ended(const WorkerKey& key) {
  DeployedWorker* worker = at(key);
  if (worker == nullptr || !tasks_started_ || worker->data_ended) return false;
  worker->data_ended = true;
  return true;
}

bool Deployment::is_data_ended() const {
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker.data_ended || (!has_source_task(worker.key) && !has_task_of(worker.key, spec_.retrying));
  });
}

bool Deployment::on_ended(const WorkerKey& key) {
  DeployedWorker* worker = at(key);
  if (worker == nullptr || worker->phase == WorkerPhase::ended) return false;
  worker->phase = WorkerPhase::ended;
  return true;
}

bool Deployment::heard(const WorkerKey& key, base::SteadyTime now) {
  DeployedWorker* worker = at(key);
  if (worker == nullptr || worker->phase == WorkerPhase::ended) return false;
  worker->last_heard = std::max(worker->last_heard, now);
  return true;
}

void Deployment::order_stop(bool finished, Duration kill_grace, Orders& orders) {
  for (DeployedWorker& worker : workers_) {
    if (worker.phase == WorkerPhase::ended) continue;
    if (!worker.peer.empty()) {
      orders.push_back(to_worker(worker.peer, wire::StopTasks{worker.key, finished}));
    } else if (!worker.stop_ordered) {
      worker.stop_ordered = true;
      orders.push_back(to_agent(worker.agent, wire::StopWorker{worker.key, kill_grace}));
    }
  }
}

void Deployment::order_kill(Duration kill_grace, Orders& orders) {
  for (DeployedWorker& worker : workers_) {
    if (worker.phase == WorkerPhase::ended || worker.stop_ordered) continue;
    worker.stop_ordered = true;
    orders.push_back(to_agent(worker.agent, wire::StopWorker{worker.key, kill_grace}));
  }
}

bool Deployment::all_at(WorkerPhase phase) const {
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) { return worker.phase >= phase; });
}

const DeployedWorker* Deployment::find(const WorkerKey& key) const {
  if (key.job != spec_.job || key.attempt != spec_.attempt || key.worker.value >= workers_.size()) return nullptr;
  return &workers_[key.worker.value];
}

DeployedWorker* Deployment::at(const WorkerKey& key) { return const_cast<DeployedWorker*>(find(key)); }

std::uint32_t Deployment::slots_on(const std::string& agent) const {
  std::uint32_t slots = 0;
  for (const DeployedWorker& worker : workers_)
    if (worker.agent == agent && worker.phase != WorkerPhase::ended) slots += task_count_[worker.key.worker.value];
  return slots;
}

bool Deployment::has_task_of(const WorkerKey& worker, const std::vector<std::uint32_t>& wanted) const {
  return std::any_of(spec_.plan.tasks.begin(), spec_.plan.tasks.end(), [&](const dag::Placement& task) {
    if (task.worker != worker.worker.value) return false;
    const auto& operators = spec_.plan.chains.at(task.chain).operators;
    return std::any_of(wanted.begin(), wanted.end(), [&](std::uint32_t each) {
      return std::find(operators.begin(), operators.end(), each) != operators.end();
    });
  });
}

wire::PrepareWorker Deployment::prepare_order(const WorkerKey& key) const {
  return {key,        spec_.library_job,     spec_.parameters, spec_.default_parallelism, spec_.plan,
          spec_.data, spec_.status_interval, spec_.directory,  spec_.checkpoints,         spec_.set_aside};
}

wire::StartTasks Deployment::start_tasks_order(const WorkerKey& key) const {
  wire::StartTasks start{key, {}, splits_};
  for (const DeployedWorker& worker : workers_)
    start.peers.push_back({worker.key.worker, worker.endpoint, worker.reads});
  return start;
}

}  // namespace freshet::manager
