#include <algorithm>

#include <nlohmann/json.hpp>

#include "runtime/job_manager/job.h"

/// What a job says is wrong with it.
namespace freshet::manager {

using dag::JobState;

namespace {

/// Problems that say why an attempt failed.
constexpr ProblemKind kFailures[] = {ProblemKind::WORKER_OOM, ProblemKind::WORKER_CRASHED, ProblemKind::AGENT_LOST,
                                     ProblemKind::POISON};
/// One checkpoint may fail by chance.
constexpr std::uint32_t kFailuresToTell = 2;

/// "user=0", of a record that has these fields, else the record; empty when there is none.
std::string key_text(const std::string& record, const std::vector<std::string>& fields) {
  const auto json = nlohmann::json::parse(record, nullptr, false);
  std::string text;
  for (const std::string& field : fields) {
    if (!json.is_object() || !json.contains(field)) return record.empty() ? "" : "of " + record;
    const auto& value = json[field];
    text +=
        (text.empty() ? "" : ", ") + field + "=" + value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return text.empty() && !record.empty() ? "of " + record : text;
}

}  // namespace

void Job::begin_problem(const ProblemView& problem, Moment now) {
  for (const auto& [name, kind] : freshet_enumerators(ProblemKind{})) {
    if (name != problem.kind) continue;
    ProblemView& here = problems_[kind];
    const bool is_new = here.kind.empty();
    const std::int64_t since = is_new ? now.wall_ms : here.since_ms;
    if (is_new || here.what != problem.what)
      time_line_.add(now.wall_ms, "problem",
                     problem.kind + (problem.where.empty() ? "" : " " + problem.where) + ": " + problem.what);
    here = problem;
    here.since_ms = since;
  }
}

void Job::clear_problem(ProblemKind kind, Moment now) {
  if (problems_.erase(kind) > 0)
    time_line_.add(now.wall_ms, "problem", std::string(enumerator_name(kind)) + " is over");
}

/// Pending results take a disk, and only a checkpoint makes them final.
void Job::hold_while_uncommitted(Moment now, Orders& orders) {
  const std::uint64_t limit = submission().data.max_uncommitted_bytes;
  const std::uint64_t waiting = status_->uncommitted_bytes();
  const bool is_too_much = limit != 0 && waiting > limit;
  if (state_ != JobState::running || ending_ || !checkpoints_.enabled()) return;
  if (is_too_much != waits_for_commit_) {
    waits_for_commit_ = is_too_much;
    deployment_->broadcast(wire::PauseSources{{}, is_too_much}, orders);
    if (!is_too_much) clear_problem(ProblemKind::CHECKPOINT_SLOW, now);
  }
  if (!is_too_much) return;
  keep_problem(ProblemKind::CHECKPOINT_SLOW, uncommitted_problem(waiting, limit, name()), now);
  // What was on its way behind the last barrier may be too much again.
  if (checkpoints_.coordinator() == nullptr || checkpoints_.coordinator()->pending() != nullptr) return;
  if (const auto asked = checkpoints_.request(BarrierKind::checkpoint, now.steady); !asked)
    time_line_.add(now.wall_ms, "checkpoint", "no checkpoint: " + asked.error().message);
}

/// Orders can be lost with a connection.
void Job::repeat_hold(const wire::WorkerStatus& status, Orders& orders) {
  if (ending_ || (state_ != JobState::running && state_ != JobState::pausing && state_ != JobState::paused)) return;
  const bool held = state_ != JobState::running || waits_for_commit_;
  const DeployedWorker* worker = living(status.worker);
  if (status.sources_held == held || worker == nullptr || worker->peer.empty()) return;
  orders.push_back(to_worker(worker->peer, wire::PauseSources{worker->key, held}));
}

void Job::note_recovery(Moment now) {
  if (!recoveries_.on_running(now.steady)) return;
  for (const ProblemKind kind : kFailures)
    if (const auto found = problems_.find(kind); found != problems_.end()) found->second.effect = recoveries_.effect();
}

void Job::forget_old_failures(Moment now) {
  if (!recoveries_.forget(now.steady)) return;
  for (const ProblemKind kind : kFailures) clear_problem(kind, now);
}

void Job::on_checkpoints_noted(Moment now) {
  const CheckpointHistory& history = checkpoints_.history();
  if (history.failures_in_a_row() < kFailuresToTell) {
    if (problems_.contains(ProblemKind::CHECKPOINT_FAILING)) clear_problem(ProblemKind::CHECKPOINT_FAILING, now);
    return;
  }
  // Not all failures count against the attempt, so this is not what the history says.
  const std::uint32_t most = checkpoints_.policy().tolerated + 1;
  const CheckpointCoordinator* coordinator = checkpoints_.coordinator();
  const std::uint32_t counted = coordinator == nullptr ? most : coordinator->summary().failures_in_a_row;
  keep_problem(ProblemKind::CHECKPOINT_FAILING,
               checkpoint_failing_problem(history, most - std::min(most, counted), name()), now);
}

/// Its text changes all the time; that it goes on is not news.
void Job::keep_problem(ProblemKind kind, ProblemView problem, Moment now) {
  problem = shortened(std::move(problem));
  const auto found = problems_.find(kind);
  if (found == problems_.end()) return begin_problem(problem, now);
  problem.since_ms = found->second.since_ms;
  found->second = std::move(problem);
}

bool Job::on(const std::string&, const wire::BrakePulled& brake, Moment now, Orders& orders) {
  if (state_ != JobState::running || ending_) return false;
  const ProblemView problem = shortened(flood_problem(brake, name()));
  begin_problem(problem, now);
  reason_ = problem.what;
  hold_sources(now, orders);
  return true;
}

void Job::note_hot_key(Moment now) {
  const auto hot = state_ == JobState::running ? status_->hot_key() : std::nullopt;
  constexpr auto kOver = std::chrono::seconds(10);  // after so long without
  if (!hot) {
    if (now.steady - hot_key_seen_ > kOver) clear_problem(ProblemKind::HOT_KEY, now);
    return;
  }
  hot_key_seen_ = now.steady;
  const LogicalGraph& graph = submission().graph;
  const auto into = std::ranges::find(graph.edges, hot->operator_index, &Edge::to);
  // What a sender has added up, or cut down to some fields, does not show its key.
  const bool shows_key = into != graph.edges.end() && !into->narrows && !into->combines;
  const std::string key = shows_key ? key_text(hot->record, into->key_fields) : "";
  keep_problem(ProblemKind::HOT_KEY, hot_key_problem(*hot, graph.operators[hot->operator_index].id, key, name()), now);
}

void Job::note_journal(const std::string& why, Moment now) {
  journal_failure_ = why;
  note_disks(now);
}

/// A task that waits says more of what is to be done than the journal does.
void Job::note_disks(Moment now) {
  const bool runs =
      state_ == dag::JobState::running || state_ == dag::JobState::pausing || state_ == dag::JobState::paused;
  const auto waiting = status_ && runs ? status_->waiting_for_disk() : std::nullopt;
  // Barriers wait behind what such a task does not take in.
  checkpoints_.hold_up(waiting.has_value() || (status_ && runs && status_->has_full_lane()));
  if (waiting) {
    const std::string& agent = plan().workers[waiting->worker].agent;
    keep_problem(ProblemKind::DISK_FULL,
                 state_disk_full_problem(waiting->disk, agent, waiting->tasks, plan().tasks.size(), name()), now);
  } else if (!journal_failure_.empty() && !is_over()) {
    keep_problem(ProblemKind::DISK_FULL, journal_full_problem(journal_failure_, options_.data), now);
  } else {
    clear_problem(ProblemKind::DISK_FULL, now);
  }
}

std::string replay_effect(const Job& job, Moment now) {
  const auto& newest = job.checkpoints().history().newest_done();
  if (!newest) return "processing goes on; a failure now would begin anew: no checkpoint is complete";
  const std::int64_t age_ms = std::max<std::int64_t>(0, now.wall_ms - newest->when_ms);
  return "processing goes on; a failure now would replay " + rounded_duration(Duration(age_ms));
}

}  // namespace freshet::manager
