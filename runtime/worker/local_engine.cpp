#include "runtime/worker/local_engine.h"

#include <set>

#include "dag/placement.h"
#include "dag/planner.h"
#include "dag/validator.h"
#include "runtime/base/check.h"
#include "runtime/worker/splits.h"

namespace freshet::worker {

namespace {

dag::ValidationOptions validation_options(const Job& job, const LocalEngine::Options& options) {
  dag::ValidationOptions validation{.default_parallelism = options.parallelism, .key_groups = options.key_groups};
  std::set<std::string> files;
  for (const auto& parameter : job.graph().parameters) {
    if (parameter.kind == ParameterKind::file) files.insert(parameter.name);
  }
  for (const auto& [name, text] : job.given())
    (files.contains(name) ? validation.files : validation.parameters).push_back({name, text});
  return validation;
}

}  // namespace

LocalEngine::LocalEngine(const Job& job, const Options& options)
    : job_(job), options_(options), partitions_(std::make_shared<task::PartitionTable>()) {
  problems_ = job.problems();
  const auto refused = dag::validate(job.graph(), validation_options(job, options));
  problems_.insert(problems_.end(), refused.begin(), refused.end());
  if (!problems_.empty()) return;
  plan_ = dag::make_plan(job.graph(), {options.parallelism, options.key_groups, options.chaining});
  constexpr std::uint32_t kAnyNumber = 1u << 20;
  const auto placed = dag::place(plan_, {{"local", kAnyNumber}}, {.workers = 1});
  CHECK(placed.is_placed(), "one agent with slots for all takes every task");
  plan_ = placed.plan;
  const WorkerKey self{{1}, {options.attempt}, {0}};
  exchange_ = std::make_unique<Exchange>(self, plan_, nullptr, [](const std::string&) {});
  const base::Clock* clock = options_.clock != nullptr ? options_.clock : &clock_;
  tasks_ = make_tasks(
      {&job_, &plan_, self, options_.data, clock, exchange_.get(), this, partitions_, options.snapshots, options.run});
  for (auto& task : tasks_) exchange_->add_task(task->id(), task->mailbox());
}

LocalEngine::~LocalEngine() = default;

std::vector<wire::AssignedSplit> LocalEngine::deal_splits() {
  std::vector<wire::AssignedSplit> assigned;
  for (const auto& found : discover_splits(tasks_)) {
    std::uint32_t parallelism = 1;
    for (const auto& chain : plan_.chains)
      if (chain.operators.front() == found.operator_index) parallelism = chain.parallelism;
    std::uint32_t next = 0;
    for (const auto& split : found.splits) {
      assigned.push_back({found.operator_index, next, static_cast<std::uint32_t>(assigned.size() + 1), split});
      next = (next + 1) % parallelism;
    }
  }
  return assigned;
}

void LocalEngine::start(const JobSnapshot* from) {
  CHECK(problems_.empty() && !started_, "a job that was not refused is started once");
  started_ = true;
  const auto assigned = deal_splits();
  name_partitions(job_, assigned, *partitions_);
  job_.make_resources();
  if (from != nullptr) restore(*from);
  for (auto& task : tasks_) {
    if (!task->open()) return;
  }
  if (from == nullptr) add_splits(assigned, tasks_);
}

void LocalEngine::restore(const JobSnapshot& from) {
  for (auto& task : tasks_) {
    const auto parallelism = plan_.chains[task->id().chain].parallelism;
    std::vector<const TaskSnapshot*> saved;
    for (const auto& [id, snapshot] : from) {
      if (id.chain == task->id().chain) saved.push_back(snapshot.get());
    }
    const RestoreScope scope{task->id().index, parallelism, plan_.key_groups, saved.size() == parallelism};
    for (std::uint32_t index = 0; index < saved.size(); ++index) {
      if (!scope.same_tasks || index == scope.task_index) saved[index]->restore_to(task->chain(), scope);
      if (index % parallelism != scope.task_index) continue;
      for (const auto& [sink, handles] : saved[index]->handles())
        for (const auto& handle : handles) task->chain().restore_handle(sink, handle);
    }
  }
}

void LocalEngine::commit(std::uint64_t checkpoint) {
  for (auto& task : tasks_) task->mailbox().post(task::CommitCommand{checkpoint});
}

void LocalEngine::end_stream() {
  for (auto& task : tasks_) task->mailbox().post(task::EndStreamCommand{});
}

const JobSnapshot* LocalEngine::snapshot(std::uint64_t checkpoint) const {
  const auto found = snapshots_.find(checkpoint);
  return found == snapshots_.end() || found->second.size() < tasks_.size() ? nullptr : &found->second;
}

std::unique_ptr<SnapshotOut> LocalEngine::begin_snapshot(const TaskId&, const ControlElement&, bool) {
  if (!options_.snapshots) return nullptr;
  return std::make_unique<TaskSnapshot>();
}

void LocalEngine::on_snapshot(const TaskId& task, std::uint64_t checkpoint, std::unique_ptr<SnapshotOut> snapshot,
                              std::vector<wire::EdgeTally>) {
  snapshots_[checkpoint][task].reset(static_cast<const TaskSnapshot*>(snapshot.release()));
}

bool LocalEngine::run(std::uint64_t most_steps) {
  std::uint64_t steps = 0;
  for (bool progressed = true; progressed && !failure_ && ended_ < tasks_.size();) {
    progressed = false;
    for (auto& task : tasks_) {
      if (steps++ >= most_steps) return false;
      progressed = task->step() == Progress::progress || progressed || task->mailbox().has_mail();
    }
  }
  return ended_ == tasks_.size();
}

void LocalEngine::close() {
  const bool finished = ended_ == tasks_.size() && !failure_;
  for (auto& task : tasks_) task->close(finished);
}

void LocalEngine::inject_barrier(std::uint64_t checkpoint) {
  for (auto& task : tasks_) task->mailbox().post(task::InjectBarrierCommand{checkpoint});
}

std::vector<task::Task*> LocalEngine::tasks() {
  std::vector<task::Task*> tasks;
  for (auto& task : tasks_) tasks.push_back(task.get());
  return tasks;
}

void LocalEngine::on_task_ended(const TaskId&) { ++ended_; }

void LocalEngine::on_task_failed(const TaskId&, const task::TaskFailure& failure) {
  if (!failure_) failure_ = failure;
}

void LocalEngine::on_barrier_passed(const TaskId& task, std::uint64_t checkpoint) {
  barriers_[checkpoint].push_back(task);
}

void LocalEngine::on_dead_letter(const DeadLetter& letter) { dead_letters_.push_back(letter); }

void LocalEngine::on_brake_pulled(const std::string&, double, const DeadLetter&) {
  brake_pulled_ = true;
  for (auto& task : tasks_) task->mailbox().post(task::PauseSourceCommand{true});
}

}  // namespace freshet::worker
