#include "runtime/job_manager/manager_views.h"

#include <algorithm>
#include <map>

#include "dag/planner.h"

namespace freshet::manager {

using dag::JobState;

namespace {

/// Secrets are not shown.
std::vector<wire::NamedValue> shown_parameters(const Submission& submission) {
  std::vector<wire::NamedValue> shown = submission.parameters;
  for (wire::NamedValue& value : shown) {
    for (const ParameterDeclaration& declared : submission.graph.parameters)
      if (declared.name == value.name && declared.kind == ParameterKind::secret) value.value = "****";
  }
  return shown;
}

}  // namespace

std::optional<std::string> health_of(const Job& job) {
  if (job.is_over()) return std::nullopt;
  switch (job.state()) {
    case JobState::pausing:
    case JobState::paused:
    case JobState::recovering:
      return "STALLED";
    default:
      break;
  }
  if (job.problems().contains(ProblemKind::NO_SLOTS)) return "STALLED";
  return job.problems().empty() ? "OK" : "DEGRADED";
}

std::uint32_t restarts_of(const Job& job) {
  const std::uint32_t attempt = job.attempt().value;
  return attempt == 0 ? 0 : attempt - 1;
}

namespace {

void describe_checkpoints(const Job& job, Moment now, JobView& view) {
  const CheckpointHistory& history = job.checkpoints().history();
  view.checkpoints_failed_in_a_row = history.failures_in_a_row();
  const auto& newest = history.newest_done();
  if (!newest) return;
  view.last_checkpoint = LastCheckpointView{newest->id.value, std::max<std::int64_t>(0, now.wall_ms - newest->when_ms),
                                            std::nullopt, newest->bytes};
  if (newest->took) view.last_checkpoint->took_ms = newest->took->count();
}

}  // namespace

JobLine job_line(const Job& job) {
  JobLine line{job.id_text(), job.name(), state_text(job.state()), health_of(job)};
  if (!job.problems().empty()) {
    const ProblemView& worst = job.problems().begin()->second;
    line.problem = worst.kind + (worst.where.empty() ? "" : " " + worst.where);
  }
  line.since_ms = job.since_ms();
  line.attempt = job.attempt().value;
  line.revision = job.revision().number.value;
  if (!job.is_over() && job.status() != nullptr) line.records_in_per_s = job.status()->records_in_per_s();
  line.tasks = dag::task_count(job.plan());
  line.restarts = restarts_of(job);
  return line;
}

JobView job_view(const Job& job, Moment now) {
  JobView view;
  view.now_ms = now.wall_ms;
  view.id = job.id_text();
  view.name = job.name();
  view.state = state_text(job.state());
  view.health = health_of(job);
  view.reason = job.reason();
  view.attempt = job.attempt().value;
  view.revision = job.revision().number.value;
  if (job.change() != nullptr) view.change = change_view(job);
  if (job.held_for()) view.held_ms = job.held_for()->count();
  view.restarts = restarts_of(job);
  view.submitted_ms = job.submitted_ms();
  view.started_ms = job.started_ms();
  view.since_ms = job.since_ms();
  view.tasks = dag::task_count(job.plan());
  view.library_sha256 = job.submission().library_sha256;
  describe_checkpoints(job, now, view);
  for (const auto& [kind, problem] : job.problems()) {
    view.problems.push_back(problem);
    if (kind == ProblemKind::CHECKPOINT_FAILING && !job.is_over())
      view.problems.back().effect = replay_effect(job, now);
  }
  for (const CrashedPlace& each : job.crashes().places())
    if (each.set_aside)
      view.set_aside.push_back({each.operator_id, each.origin, each.reason, each.crashes, each.time_ms});
  if (job.status() == nullptr) return view;
  job.status()->describe(view);
  for (const DeployedWorker& worker : job.deployment()->workers()) {
    view.workers.push_back({worker.key.worker.value, worker.agent, std::string(enumerator_name(worker.phase)),
                            worker.pid, job.status()->memory_of(worker.key.worker.value),
                            job.status()->refused_by(worker.key.worker.value)});
  }
  return view;
}

ChangeView change_view(const Job& job) {
  const JobChange& change = *job.change();
  ChangeView view;
  view.action = enumerator_name(change.kind);
  view.step = enumerator_name(change.step);
  view.savepoint = change.savepoint.value;
  view.revision = job.revision().number.value;
  view.asked_ms = change.asked_ms;
  view.stood_still_ms = change.stood_still.count();
  view.why = change.why;
  if (change.saved_in) view.savepoint_ms = change.saved_in->count();
  if (change.restored_in) view.restored_ms = change.restored_in->count();
  view.watch_for_ms = change.watch_for.count();
  view.back_to = change.back_to.value;
  return view;
}

RevisionsView revisions_view(const Job& job) {
  RevisionsView view;
  for (auto revision = job.revisions().rbegin(); revision != job.revisions().rend(); ++revision) {
    const Submission& submission = revision->submission;
    view.revisions.push_back({revision->number.value, submission.library_sha256, submission.library_name,
                              shown_parameters(submission), submission.default_parallelism, submission.workers,
                              revision->since_ms, revision->savepoint.value, revision->how});
  }
  return view;
}

SubmitAnswer submit_answer(const Job& job) {
  SubmitAnswer answer{job.id_text(), job.name(), 1, dag::task_count(job.plan()), state_text(job.state()), job.reason()};
  answer.operators = job.submission().graph.operators.size();
  std::map<std::string, std::uint32_t> placed;
  for (const dag::Placement& task : job.plan().tasks) ++placed[job.plan().workers.at(task.worker).agent];
  for (const auto& [agent, tasks] : placed) answer.placed.push_back({agent, tasks});
  return answer;
}

std::uint32_t used_slots(const std::string& agent, const JobTable& jobs) {
  std::uint32_t used = 0;
  for (const auto& [id, job] : jobs.all())
    if (!job->is_over()) used += job->slots_on(agent);
  return used;
}

AgentView agent_view(const AgentRecord& agent, const JobTable& jobs, Moment now) {
  AgentView view;
  view.id = agent.hello.agent;
  view.host = agent.hello.host;
  view.state = agent.is_lost ? "lost" : "ready";
  view.slots = agent.hello.slots;
  view.used = used_slots(view.id, jobs);
  view.cpu = agent.machine.cpu_percent / 100;
  view.memory = {agent.machine.memory_used, agent.machine.memory_total};
  view.disk_free = agent.machine.disk_free;
  for (const auto& [id, job] : jobs.all())
    if (!job->is_over() && job->slots_on(view.id) != 0) ++view.jobs;
  view.heartbeat_ms_ago = std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - agent.last_heard).count();
  view.version = agent.hello.version;
  view.pid = agent.hello.pid;
  view.reads = agent.hello.reads;
  return view;
}

}  // namespace freshet::manager
