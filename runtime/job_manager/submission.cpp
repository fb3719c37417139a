#include "runtime/job_manager/submission.h"

#include <algorithm>

#include "dag/fingerprint.h"
#include "dag/planner.h"
#include "dag/validator.h"
#include "runtime/base/sha256.h"

namespace freshet::manager {
namespace {

std::vector<dag::GivenValue> given(const std::vector<wire::NamedValue>& values) {
  std::vector<dag::GivenValue> result;
  for (const auto& value : values) result.push_back({value.name, value.value});
  return result;
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

void check_limits(const Submission& submission, std::vector<Problem>& problems) {
  if (!is_legal_job_name(submission.name))
    problems.push_back({"name", "is not a name for a job", "1 to 64 letters, digits, '_', '-' or '.', --name"});
  if (!base::is_sha256(submission.library_sha256))
    problems.push_back({"library", "its sha256 is not 64 hexadecimal digits", ""});
  if (const Status policy = check_policy(checkpoint_policy(submission)); !policy)
    problems.push_back({"checkpoints", policy.error().message, "--checkpoint-interval, or checkpoints() of the job"});
  if (submission.workers > kMaxWorkersPerJob)
    problems.push_back({"workers", "at most " + std::to_string(kMaxWorkersPerJob) + " can be asked for", "--workers"});
  if (submission.parameters.size() + submission.files.size() > kMaxParameters)
    problems.push_back({"parameters", "more than " + std::to_string(kMaxParameters) + " were given", ""});
  for (const auto* values : {&submission.parameters, &submission.files}) {
    for (const auto& value : *values) {
      if (value.name.size() > kMaxNameBytes || value.value.size() > kMaxParameterBytes)
        problems.push_back({"parameter " + value.name.substr(0, kMaxNameBytes),
                            "is longer than 64 KiB, or its name than 64 bytes", "attach a file instead, --file"});
    }
  }
}

}  // namespace

bool is_legal_job_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && is_letter_or_digit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::vector<wire::NamedValue> worker_parameters(const Submission& submission) {
  std::vector<wire::NamedValue> parameters = submission.parameters;
  parameters.insert(parameters.end(), submission.files.begin(), submission.files.end());
  return parameters;
}

CheckpointPolicy checkpoint_policy(const Submission& submission) {
  const auto& said = submission.graph.checkpoints;
  CheckpointPolicy policy;
  policy.interval = submission.checkpoint_interval.value_or(said.every);
  policy.mode = policy.interval == Duration(0) ? CheckpointMode::at_most_once : submission.guarantee;
  policy.retained = said.keep;
  return policy;
}

Admission admit(const Submission& submission) {
  Admission admission;
  check_limits(submission, admission.problems);
  if (!admission.problems.empty()) return admission;

  dag::ValidationOptions validation;
  validation.default_parallelism = submission.default_parallelism;
  validation.key_groups = submission.key_groups;
  validation.parameters = given(submission.parameters);
  validation.files = given(submission.files);
  admission.problems = dag::validate(submission.graph, validation);
  if (!admission.problems.empty()) return admission;

  admission.plan =
      dag::make_plan(submission.graph, {submission.default_parallelism, submission.key_groups, submission.chaining});
  admission.plan.fingerprint = dag::fingerprint(
      submission.graph,
      {submission.default_parallelism, submission.key_groups, given(worker_parameters(submission)), {}});
  return admission;
}

}  // namespace freshet::manager
