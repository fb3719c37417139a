#include "runtime/worker/worker.h"

#include <algorithm>

#include "dag/codec.h"
#include "dag/counted.h"
#include "dag/fingerprint.h"
#include "dag/validator.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/planted_bug.h"
#include "runtime/worker/restore.h"
#include "runtime/worker/snapshot_file_out.h"
#include "runtime/worker/splits.h"
#include "runtime/worker/task_factory.h"

namespace freshet::worker {

namespace {

/// Dead letters shown as samples per status; all are counted.
constexpr std::size_t kMostSamples = 10;
constexpr auto kLinger = Duration(200);
constexpr std::uint64_t kLeastPartBytes = 1u << 20;

/// Parts of a snapshot wait in memory until they are written, three a task: where state keeps within a limit they are
/// shorter.
std::uint64_t part_bytes(const wire::DataOptions& options) {
  const std::uint64_t share = options.state_bytes == 0 ? options.snapshot_part_bytes : options.state_bytes / 16;
  return std::min(std::max(share, kLeastPartBytes), options.snapshot_part_bytes);
}

}  // namespace

Worker::Worker(WorkerSetup setup) : setup_(std::move(setup)) {}

Worker::~Worker() {
  if (executor_) executor_->stop();
  if (exchange_) setup_.transport->stop(Duration(0));
}

void Worker::send(wire::ControlBody body) { setup_.manager->send({term_, std::move(body)}); }

void Worker::on_connected() {
  send(wire::WorkerHello{setup_.key, setup_.pid, setup_.transport->endpoint()});
  if (phase_ != Phase::waiting) send(prepared_);
  if (phase_ == Phase::running) send_progress();
}

void Worker::send_progress() {
  send(wire::WorkerRunning{setup_.key});
  if (failure_) send(*failure_);
  if (broken_) send(*broken_);
  for (const auto& [task, told] : snapshots_told_) send(told);
  if (letters_changed_.number != 0 && changing_letters_ == 0) send(letters_changed_);
  if (tasks_at_end_ == tasks_that_tell_their_end()) send(wire::DataEnded{setup_.key});
  if (ended_ == tasks_.size()) send(wire::TasksFinished{setup_.key});
}

std::size_t Worker::tasks_that_tell_their_end() const {
  return static_cast<std::size_t>(std::count_if(tasks_.begin(), tasks_.end(), [](const auto& task) {
    return task->chain().source() != nullptr || task->chain().has_lanes();
  }));
}

void Worker::on_message(const wire::ControlMessage& message) {
  if (message.term < term_) return;  // an older manager's
  term_ = message.term;
  std::visit(
      [this]<class Body>(const Body& order) {
        if constexpr (requires { on(order); }) {
          if (order.worker == setup_.key) on(order);
        }
      },
      message.body);
}

void Worker::on(const wire::InjectBarrier& order) {
  tell_tasks(task::InjectBarrierCommand{order.checkpoint.value, order.kind});
}
void Worker::on(const wire::PauseSources& order) { hold_sources(order.paused); }
void Worker::on(const wire::CommitCheckpoint& order) {
  if (live_ && live_->checkpoint < order.checkpoint.value) live_->checkpoint = order.checkpoint.value;
  tell_tasks(task::CommitCommand{order.checkpoint.value});
}
void Worker::on(const wire::EndStream&) { tell_tasks(task::EndStreamCommand{}); }
void Worker::on(const wire::ChangeLetters& order) {
  if (phase_ != Phase::running || order.number < letters_changed_.number) return;
  if (order.number > letters_changed_.number) {
    letters_changed_ = {setup_.key, order.number, 0, 0};
    changing_letters_ = tasks_.size();
    tell_tasks(task::ChangeLettersCommand{{{order.operator_id, order.reason, order.ids, order.replays}},
                                          [this, number = order.number](const task::LetterWork& work) {
                                            setup_.post(
                                                [this, number, changed = work.changed, refused = work.is_refused] {
                                                  if (number != letters_changed_.number) return;
                                                  letters_changed_.letters += changed;
                                                  if (refused) ++letters_changed_.refused;
                                                  if (--changing_letters_ == 0) send(letters_changed_);
                                                });
                                          }});
    return;
  }
  if (changing_letters_ == 0) send(letters_changed_);  // told twice: so is the answer
}
void Worker::on(const wire::StopTasks& order) { stop_tasks(order.finished); }

void Worker::on(const wire::PrepareWorker& order) {
  if (phase_ == Phase::waiting) {
    order_ = order;
    prepared_ = {};
    prepared_.worker = setup_.key;
    prepared_.problems = make_job(order);
    for (const auto& problem : prepared_.problems) setup_.log.error(problem.where, ": ", problem.message);
    if (prepared_.problems.empty()) open_reads();
    phase_ = Phase::prepared;
  }
  send(prepared_);  // also when the order was repeated
}

/// Builds the job and its tasks and lets sources look for their splits; answers what is wrong.
std::vector<Problem> Worker::make_job(const wire::PrepareWorker& order) {
  const std::string where = to_string(setup_.key);
  if (setup_.enter_directory && !order.directory.empty()) {
    if (const auto entered = setup_.enter_directory(order.directory); !entered)
      return {{where, entered.error().message, "make it there, or submit from a directory that every machine has"}};
  }
  std::map<std::string, std::string> parameters;
  for (const auto& parameter : order.parameters) parameters[parameter.name] = parameter.value;
  auto built = setup_.build(order.job, std::move(parameters));
  if (!built) return {{where, built.error().message, ""}};
  job_ = std::move(*built);
  if (!job_->problems().empty()) return job_->problems();

  dag::FingerprintInputs inputs;
  inputs.default_parallelism = order.default_parallelism;
  inputs.key_groups = order.plan.key_groups;
  for (const auto& parameter : order.parameters) inputs.parameters.push_back({parameter.name, parameter.value});
  prepared_.fingerprint = dag::fingerprint(job_->graph(), inputs);
  if (prepared_.fingerprint != order.plan.fingerprint)
    return {{where,
             "the job library builds another plan here (fingerprint " + dag::fingerprint_text(prepared_.fingerprint) +
                 ") than where it was submitted (" + dag::fingerprint_text(order.plan.fingerprint) + ")",
             "its build function must depend on its parameters and declared files alone: not on the machine, the time "
             "or the environment"}};
  if (const auto wrong = dag::check_plan(order.plan, job_->graph()); !wrong.empty()) return {{where, wrong, ""}};

  make_tasks_of(order_);
  if (const auto restored = restore(); !restored) return {{where, restored.error().message, ""}};
  try {
    prepared_.splits =
        discover_splits(tasks_, [this](std::uint32_t source) { return restored_sources_.contains(source); });
    job_->make_resources();
  } catch (...) {
    const FailedRecord failed = detail::describe_current_exception();
    return {{where, failed.reason + " while looking for input or making resources: " + failed.message, ""}};
  }
  return {};
}

void Worker::make_tasks_of(const wire::PrepareWorker& order) {
  partitions_ = std::make_shared<task::PartitionTable>();
  exchange_ = std::make_unique<Exchange>(setup_.key, order.plan, setup_.transport, [this](const std::string& reason) {
    setup_.post([this, reason] { on_broken(reason); });
  });
  tasks_ =
      make_tasks({job_.get(), &order.plan, setup_.key, order.options, setup_.clock, exchange_.get(), this, partitions_,
                  order.checkpoints.enabled, order.checkpoints.run, setup_.open_spill, order.checkpoints.aligned});
  statuses_.resize(tasks_.size());
  asked_.resize(tasks_.size());
  for (auto& task : tasks_) exchange_->add_task(task->id(), task->mailbox());
  setup_.transport->start(*exchange_);
}

/// Opens the checkpoint storage, and gives the tasks what they had.
Status Worker::restore() {
  const auto& checkpoints = order_.checkpoints;
  if (!checkpoints.enabled) return {};
  auto opened = setup_.open_storage(checkpoints.storage);
  if (!opened) return opened.error();
  storage_ = std::move(*opened);
  for (const auto& task : tasks_) files_[task->id()] = std::make_shared<TaskFiles>();
  if (checkpoints.restore.value == 0) return {};
  auto restored =
      restore_tasks(*storage_, checkpoints, setup_.key.job, job_->graph(), order_.plan, tasks_, prepared_.is_damaged);
  if (!restored) return restored.error();
  prepared_.restored = std::move(restored->splits);
  for (std::uint32_t node = 0; node < job_->graph().operators.size(); ++node) {
    if (restored->operators.contains(job_->graph().operators[node].id)) restored_sources_.insert(node);
  }
  setup_.log.info("restored from checkpoint ", checkpoints.restore.value);
  return {};
}

void Worker::on(const wire::StartTasks& order) {
  if (phase_ == Phase::running) return send_progress();  // repeated
  if (phase_ != Phase::prepared || !prepared_.problems.empty()) return;
  for (const auto& peer : order.peers) {
    if (peer.worker == setup_.key.worker && !order_.options.force_remote) continue;
    setup_.transport->connect(peer.worker, peer.endpoint);
    exchange_->send_hello(peer.worker);
  }
  name_partitions(*job_, order.splits, *partitions_);
  add_splits(order.splits, tasks_);
  set_aside(*job_, order.splits, order_.set_aside, tasks_);
  const auto own_thread = [this](const TaskId& task) { return order_.plan.chains[task.chain].own_thread; };
  executor_ = setup_.make_executor(order_.options.threads, own_thread);
  std::vector<task::Task*> tasks;
  for (auto& task : tasks_) tasks.push_back(task.get());
  phase_ = Phase::running;
  next_status_ = setup_.clock->steady() + order_.status_interval;
  setup_.log.info("running ", dag::counted(tasks_.size(), "task"));
  send(wire::WorkerRunning{setup_.key});
  executor_->start(tasks);
  serve_reads(order);
}

template <class Command>
void Worker::tell_tasks(const Command& command) {
  if (phase_ != Phase::running) return;
  for (auto& task : tasks_) task->mailbox().post(command);
}

void Worker::stop_tasks(bool finished) {
  if (phase_ == Phase::over) return;
  const bool ran = phase_ == Phase::running;
  setup_.log.info(finished ? "the job has finished" : "stopping");
  if (live_) live_->is_over = true;
  if (executor_) executor_->stop();
  phase_ = Phase::over;  // from here on no task thread runs: what close() says of tasks is heard on this one
  finished_ = finished;
  if (ran) {
    for (auto& task : tasks_) task->close(finished);
    for (std::size_t i = 0; i < tasks_.size(); ++i) statuses_[i] = tasks_[i]->status();
    send_status();
  }
  if (exchange_) setup_.transport->stop(kLinger);
}

void Worker::stop(const std::string& why) {
  setup_.log.warn("ending: ", why);
  stop_tasks(false);
}

base::SteadyTime Worker::on_tick() {
  if (phase_ != Phase::running) return base::SteadyTime::max();
  const auto now = setup_.clock->steady();
  if (now >= next_status_) {
    next_status_ = now + order_.status_interval;
    send_status();
    ask_for_statuses();
    exchange_->send_heartbeats();
  }
  return next_status_;
}

/// A task that is stuck in user code is not asked twice; its last status stands.
void Worker::ask_for_statuses() {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (asked_[i]) continue;
    asked_[i] = true;
    tasks_[i]->mailbox().post(task::ReportCommand{[this, i] {
      setup_.post([this, i, status = tasks_[i]->status()] {
        asked_[i] = false;
        if (phase_ == Phase::running) statuses_[i] = status;
      });
    }});
  }
}

void Worker::hold_sources(bool held) {
  sources_held_ = held;
  tell_tasks(task::PauseSourceCommand{held});
}

void Worker::send_status() {
  wire::WorkerStatus status;
  status.worker = setup_.key;
  status.tasks = statuses_;
  status.refused_messages = exchange_->refused() + setup_.transport->refused();
  status.dropped_log_lines = base::dropped_log_lines();
  status.memory_bytes = setup_.memory();
  status.sources_held = sources_held_;
  {
    const std::lock_guard lock(letters_mutex_);
    status.dead_letters.assign(letters_.begin(), letters_.end());
    letters_.clear();
  }
  send(std::move(status));
  if (setup_.show_progress) setup_.show_progress(progress());
}

WorkerProgress Worker::progress() const {
  WorkerProgress progress;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (statuses_[i].operators.empty()) continue;  // it has not answered yet
    const wire::OperatorStatus& first = statuses_[i].operators.front();
    if (tasks_[i]->chain().source() != nullptr)
      progress.read += first.records_out;
    else
      progress.received += first.records_in;
  }
  return progress;
}

/// When all tasks have ended here, either the job is over, which a peer has heard first and closed its connections, or
/// the last frames are lost and others wait for them: the job manager knows which.
void Worker::on_broken(const std::string& message) {
  if (phase_ != Phase::running || failure_ || broken_) return;
  const wire::TaskFailed broken{setup_.key, {}, std::string(wire::kChannelBroken), message, {}};
  const bool all_ended = ended_ == tasks_.size();
  if (!all_ended) setup_.log.error(wire::kChannelBroken, ": ", message);
  (all_ended ? broken_ : failure_) = broken;
  send(broken);
}

void Worker::on_task_ended(const TaskId&) {
  setup_.post([this] {
    if (++ended_ == tasks_.size() && phase_ == Phase::running) send(wire::TasksFinished{setup_.key});
  });
}

void Worker::on_task_failed(const TaskId& task, const task::TaskFailure& failure) {
  wire::TaskFailed report{
      setup_.key, task, failure.reason, failure.what(), {failure.operator_id, failure.origin, failure.record, {}}};
  if (phase_ == Phase::over) return fail_at_end(report);
  setup_.post([this, report = std::move(report)] {
    if (phase_ == Phase::running) report_failure(report);
  });
}

void Worker::report_failure(const wire::TaskFailed& report) {
  if (failure_) return;
  failure_ = report;
  setup_.log.with("operator", report.record.operator_id)
      .error(report.reason, ": ", report.message, report.record.origin.empty() ? "" : "; at ", report.record.origin,
             report.record.record.empty() ? "" : "; record ", report.record.record);
  send(report);
}

/// A sink could not keep what it wrote. Told to the job manager, and by the way the process ends as well: the agent,
/// who sees that, may be heard first.
void Worker::fail_at_end(const wire::TaskFailed& report) {
  if (!finished_) return;  // nothing was to be kept
  if (end_problem_.empty()) end_problem_ = "operator " + report.record.operator_id + ": " + report.message;
  report_failure(report);
}

void Worker::on_data_ended(const TaskId&) {
  setup_.post([this] {
    if (++tasks_at_end_ == tasks_that_tell_their_end() && phase_ == Phase::running) send(wire::DataEnded{setup_.key});
  });
}

std::unique_ptr<SnapshotOut> Worker::begin_snapshot(const TaskId& task, const ControlElement& barrier,
                                                    bool everything) {
  if (storage_ == nullptr) return nullptr;
  const checkpoint::SnapshotId id{setup_.key.job, setup_.key.attempt, {barrier.checkpoint}, task};
  const bool alone = everything || barrier.barrier == BarrierKind::savepoint;
  return std::make_unique<SnapshotFileOut>(id, files_.at(task), alone, storage_, part_bytes(order_.options),
                                           setup_.in_background);
}

void Worker::on_snapshot(const TaskId& task, std::uint64_t checkpoint, std::unique_ptr<SnapshotOut> snapshot,
                         std::vector<wire::EdgeTally> tallies) {
  std::shared_ptr<SnapshotFileOut> file(static_cast<SnapshotFileOut*>(snapshot.release()));
  setup_.in_background([this, task, checkpoint, file, tallies = std::move(tallies)] {
    auto stored = file->store();
    if (stored) stored->tallies = tallies;
    setup_.post([this, task, checkpoint, stored = std::move(stored)] {
      if (phase_ != Phase::running) return;
      if (plant::is(plant::Bug::commit_early)) tell_tasks(task::CommitCommand{checkpoint});
      if (!stored) setup_.log.error("checkpoint ", checkpoint, ": ", stored.error().message);
      wire::ControlBody& told = snapshots_told_[task];
      if (stored)
        told = wire::SnapshotStored{setup_.key, task, {checkpoint}, *stored};
      else
        told = wire::SnapshotDeclined{setup_.key, task, {checkpoint}, stored.error().message, stored.error().no_space};
      send(told);
    });
  });
}

void Worker::on_dead_letter(const DeadLetter& letter) {
  const std::lock_guard lock(letters_mutex_);
  if (letters_.size() < kMostSamples)  // a few per status are enough in the log; all are counted
    setup_.log.with("operator", letter.operator_id)
        .warn("dead letter #", letter.id, " ", letter.reason, ": ", letter.message, "; at ", letter.origin, "; record ",
              letter.record);
  else
    letters_.pop_front();
  letters_.push_back({letter.id, letter.operator_id, letter.reason, letter.message, letter.origin, letter.record});
}

void Worker::on_brake_pulled(const std::string& operator_id, double share, const DeadLetter& last) {
  setup_.post([this, report = wire::BrakePulled{setup_.key, operator_id, share, last.message, last.origin}] {
    hold_sources(true);
    send(report);
  });
}

}  // namespace freshet::worker
