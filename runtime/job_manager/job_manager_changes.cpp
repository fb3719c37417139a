#include "dag/compatibility.h"
#include "runtime/job_manager/job_manager.h"

/// What users change about jobs.
namespace freshet::manager {

namespace {

/// Why a job could not go back by itself, from state that `next` has written; none: it can. Operators that came with
/// `next` are left out.
std::vector<Problem> no_way_back(const LogicalGraph& next, const LogicalGraph& before) {
  std::vector<Problem> problems = dag::incompatibilities(next, before, dag::gone_operators(next, before));
  for (Problem& problem : problems) {
    problem.message = "there would be no way back: " + problem.message;
    problem.remedy = "Leave out --watch-for";
  }
  return problems;
}

Refusal nothing_damaged(const Job& job) {
  return {Refusal::Code::bad_state,
          "job " + job.name() + " did not fail for a damaged checkpoint: there is nothing to give up",
          {},
          {}};
}

}  // namespace

std::vector<Problem> give_up_state(const LogicalGraph& saved, Submission& next) {
  std::vector<Problem> problems = dag::incompatibilities(saved, next.graph, next.dropped_state);
  for (const std::string& id : dag::gone_operators(saved, next.graph))
    if (std::find(next.dropped_state.begin(), next.dropped_state.end(), id) == next.dropped_state.end())
      next.dropped_state.push_back(id);
  return problems;
}

Answer<std::string> JobManager::change(const std::string& text, const ChangeRequest& request) {
  JobTable::Found found = jobs_.find(text);
  if (found.job == nullptr) return no_such_job(text, std::move(found.near));
  if (found.job->is_over() && request.kind == ChangeKind::restart) return reopen(*found.job, request.allow_duplicates);
  if (request.allow_duplicates) return nothing_damaged(*found.job);
  std::optional<JobRevision> next;
  if (request.kind != ChangeKind::stop && request.kind != ChangeKind::restart) {
    Answer<JobRevision> wanted = next_revision(*found.job, request);
    if (Refusal* refusal = std::get_if<Refusal>(&wanted)) return std::move(*refusal);
    next = std::move(std::get<JobRevision>(wanted));
  }
  return act_on(text, [&](Job& job, Orders&) {
    return job.begin_change(request.kind, std::move(next), request.watch_for, now());
  });
}

Answer<JobRevision> JobManager::next_revision(const Job& job, const ChangeRequest& request) const {
  const JobRevision& current = job.revision();
  JobRevision next;
  next.how = enumerator_name(request.kind);
  next.submission = current.submission;
  if (request.kind == ChangeKind::rescale) {
    next.submission.default_parallelism = request.parallelism.value_or(current.submission.default_parallelism);
    next.submission.workers = request.workers.value_or(current.submission.workers);
  } else if (request.kind == ChangeKind::rollback) {
    if (job.revisions().size() < 2)
      return Refusal{Refusal::Code::bad_state, "job " + job.name() + " has no revision before this one", {}, {}};
    next.submission = job.revisions()[job.revisions().size() - 2].submission;
  } else if (request.submission) {
    next.submission = *request.submission;
    next.submission.name = current.submission.name;
    next.submission.run = current.submission.run;
    next.submission.key_groups = current.submission.key_groups;
    next.submission.data = current.submission.data;
    next.submission.chaining = current.submission.chaining;
    if (!next.submission.checkpoint_interval)
      next.submission.checkpoint_interval = current.submission.checkpoint_interval;
    next.submission.guarantee = current.submission.guarantee;
    if (next.submission.restart == RestartPolicy{}) next.submission.restart = current.submission.restart;
    if (!next.submission.crashes_per_record) next.submission.crashes_per_record = current.submission.crashes_per_record;
  }
  next.submission.dropped_state = request.dropped_state;
  Admission admission = admit(next.submission);
  std::vector<Problem> problems = std::move(admission.problems);
  const auto lost = give_up_state(current.submission.graph, next.submission);
  problems.insert(problems.end(), lost.begin(), lost.end());
  if (request.watch_for.count() > 0) {
    const auto stuck = no_way_back(next.submission.graph, current.submission.graph);
    problems.insert(problems.end(), stuck.begin(), stuck.end());
  }
  if (!libraries_.size_of(next.submission.library_sha256))
    problems.push_back({"library", "sha256:" + next.submission.library_sha256 + " is not stored", ""});
  if (!problems.empty()) {
    const std::string count = std::to_string(problems.size()) + (problems.size() == 1 ? " error" : " errors");
    return Refusal{Refusal::Code::validation, "refused: " + count + ", nothing was changed", std::move(problems), {}};
  }
  next.plan = std::move(admission.plan);
  return next;
}

/// A job that was over is to run again, from its newest checkpoint, or, where that is damaged and may be given up, from
/// the one before.
Answer<std::string> JobManager::reopen(Job& job, bool allow_duplicates) {
  if (const Job* other = jobs_.active(job.name()))
    return Refusal{Refusal::Code::bad_state, "the name " + job.name() + " is taken by " + other->id_text(), {}, {}};
  if (const Status can = job.can_reopen(); !can) return Refusal{Refusal::Code::bad_state, can.error().message, {}, {}};
  const CheckpointId damaged = job.end().damaged;
  if (damaged.value != 0 && !allow_duplicates) return Refusal{Refusal::Code::bad_state, job.reason(), {}, {}};
  if (damaged.value == 0 && allow_duplicates) return nothing_damaged(job);
  if (damaged.value != 0) {
    if (const Status removed = runner_.remove_damaged(job.id(), damaged); !removed)
      return Refusal{Refusal::Code::failed, removed.error().message, {}, {}};
  }
  if (!journal_.record_reopened(job.id())) return not_journalled("nothing was changed");
  job.reopen(now());
  job.checkpoints().restore(job.checkpoints().last());
  end_not_journalled_.insert(job.id());
  const std::string id = job.id_text();
  slots_changed_ = true;
  settle();
  return id;
}

Answer<std::string> JobManager::remove(const std::string& text) {
  JobTable::Found found = jobs_.find(text);
  if (found.job == nullptr) return no_such_job(text, std::move(found.near));
  const JobId id = found.job->id();
  const std::string name = found.job->id_text();
  if (!found.job->is_over())
    return Refusal{Refusal::Code::bad_state,
                   "job " + found.job->name() + " is " + state_text(found.job->state()) + ": stop or cancel it first",
                   {},
                   {}};
  if (!journal_.record_deleted(id)) return not_journalled("nothing was deleted");
  jobs_.remove(id);
  if (const Status removed = runner_.remove_all(id); !removed)
    return Refusal{
        Refusal::Code::failed, "the job is gone, but not all of its checkpoints: " + removed.error().message, {}, {}};
  return name;
}

}  // namespace freshet::manager
