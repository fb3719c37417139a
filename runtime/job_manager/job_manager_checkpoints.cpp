#include <algorithm>

#include "runtime/checkpoint/verify.h"
#include "runtime/job_manager/job_manager.h"

/// A job's checkpoints: settling them, and what users ask of them.
namespace freshet::manager {
namespace {

Refusal cannot(Refusal::Code code, std::string message) { return {code, std::move(message), {}, {}}; }

/// The revision of that number; when it is forgotten, the oldest that is not.
const JobRevision& revision_of(const Job& job, Revision number) {
  const auto& all = job.revisions();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.number >= number; });
  return found == all.end() ? all.back() : *found;
}

Refusal no_job(JobId id) { return cannot(Refusal::Code::not_found, "there is no job-" + std::to_string(id.value)); }

}  // namespace

Status JobManager::settle_checkpoints(Job& job) {
  const auto unsettled = job.checkpoints().unsettled();
  if (!unsettled) return {};
  auto settled = runner_.settle(job, unsettled);
  if (!settled) return settled.error();
  job.checkpoints().settle(std::move(settled->complete), std::move(settled->damage), settled->damaged, clock_.steady());
  return {};
}

/// Finds the savepoint that a submission is to begin from; answers what is wrong with it.
std::vector<Problem> JobManager::find_beginning(Submission& submission) {
  if (submission.from.empty()) return {};
  const auto wrong = [&](std::string what, std::string remedy) {
    return std::vector<Problem>{
        {"from " + submission.from.substr(0, 2 * kMaxNameBytes), std::move(what), std::move(remedy)}};
  };
  const std::size_t at = std::min(submission.from.find('@'), submission.from.size());
  Job* job = jobs_.find(submission.from.substr(0, at)).job;
  if (job == nullptr) return wrong("there is no such job", "freshet list");
  if (const Status settled = settle_checkpoints(*job); !settled)
    return wrong("its checkpoints cannot be looked at: " + settled.error().message, "");
  const std::string number = at == submission.from.size() ? "" : submission.from.substr(at + 1);
  for (const KeptCheckpoint& kept : job->checkpoints().complete()) {
    const bool is_meant = number.empty() || number == std::to_string(kept.id.value);
    if (is_meant && kept.kind == BarrierKind::savepoint) submission.from_checkpoint = kept.id;
  }
  if (submission.from_checkpoint.value == 0)
    return wrong("it has no " + std::string(number.empty() ? "savepoint" : "such savepoint"),
                 "freshet savepoint list " + job->name() + ", freshet savepoint create " + job->name());
  submission.from_job = job->id();
  submission.key_groups = job->submission().key_groups;
  const auto manifest = checkpoint::load_manifest(storage_, job->id(), submission.from_checkpoint);
  if (!manifest) return wrong("it cannot be read: " + manifest.error().message, "");
  return give_up_state(revision_of(*job, manifest->revision).submission.graph, submission);
}

Result<RequestId> JobManager::request_checkpoint(JobId id, BarrierKind kind) {
  Job* job = jobs_.find(id);
  if (job == nullptr) return Error{"there is no job-" + std::to_string(id.value)};
  if (job->state() != dag::JobState::running && job->state() != dag::JobState::paused)
    return Error{"job " + job->name() + " is " + state_text(job->state())};
  auto request = job->checkpoints().request(kind, clock_.steady());
  Orders orders;
  runner_.carry_out(*job, now(), orders);
  send_all(orders);
  return request;
}

Answer<std::uint64_t> JobManager::begin_checkpoint(JobId id, BarrierKind kind) {
  Job* job = jobs_.find(id);
  if (job == nullptr) return no_job(id);
  if (job->state() != dag::JobState::running && job->state() != dag::JobState::paused)
    return cannot(Refusal::Code::bad_state, "job " + job->name() + " is " + state_text(job->state()));
  const auto request = job->checkpoints().request(kind, clock_.steady());
  if (!request) return cannot(Refusal::Code::bad_state, request.error().message);
  job->note_verb(std::string(enumerator_name(kind)) + " create", now());
  // Before the decision is carried out: that may end the request already.
  const std::uint64_t operation = job->checkpoints().history().begin_operation(*request, kind);
  Orders orders;
  runner_.carry_out(*job, now(), orders);
  send_all(orders);
  return operation;
}

Answer<std::uint64_t> JobManager::change_letters(JobId id, wire::ChangeLetters order) {
  Job* job = jobs_.find(id);
  if (job == nullptr) return no_job(id);
  order.number = LetterChanges::number_of(term_, ++letter_orders_);
  Orders orders;
  if (const Status begun = job->change_letters(order, now(), orders); !begun)
    return cannot(Refusal::Code::bad_state, begun.error().message);
  send_all(orders);
  return order.number;
}

Answer<DeletedSavepoint> JobManager::delete_savepoint(JobId id, CheckpointId savepoint) {
  Job* job = jobs_.find(id);
  if (job == nullptr) return no_job(id);
  for (const auto& [other_id, other] : jobs_.all()) {
    const Submission& submission = other->submission();
    const bool begins_from_it = submission.from_job == id && submission.from_checkpoint == savepoint;
    if (!begins_from_it || other->is_over() || other->checkpoints().restore_point()) continue;
    return cannot(Refusal::Code::bad_state,
                  "not deleted: job " + other->name() + " begins from it, and has no checkpoint of its own yet");
  }
  auto deleted = manager::delete_savepoint(*job, storage_, savepoint);
  if (std::holds_alternative<DeletedSavepoint>(deleted))
    job->note_verb("savepoint delete " + std::to_string(savepoint.value), now());
  return deleted;
}

}  // namespace freshet::manager
