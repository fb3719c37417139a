#include "runtime/job_manager/job_journal.h"

#include <algorithm>

namespace freshet::manager {
namespace {

constexpr std::uint32_t kFormat = 1;

struct TermEntry {
  Term term{};
  std::uint64_t next_job = 1;  // survives the jobs that are forgotten: ids are never used twice
  FRESHET_RECORD(term, next_job)
};

struct SubmittedEntry {
  JobId job{};
  std::int64_t submitted_ms = 0;
  Submission submission{};
  FRESHET_RECORD(job, submitted_ms, submission)
};

struct AttemptEntry {
  JobId job{};
  Attempt attempt{};
  dag::ExecutionPlan plan{};  // placed: who runs it
  FRESHET_RECORD(job, attempt, plan)
};

struct CheckpointEntry {
  JobId job{};
  CheckpointId checkpoint{};
  FRESHET_RECORD(job, checkpoint)
};

struct EndEntry {
  JobId job{};
  JobEnd end{};
  FRESHET_RECORD(job, end)
};

// Exactly one of them is there.
struct Entry {
  std::uint32_t format = kFormat;
  std::optional<TermEntry> term{};
  std::optional<SubmittedEntry> submitted{};
  std::optional<AttemptEntry> attempt{};
  std::optional<EndEntry> end{};
  std::optional<CheckpointEntry> checkpoint{};
  FRESHET_RECORD(format, term, submitted, attempt, end, checkpoint)
};

std::string encoded(const Entry& entry) {
  ByteBuffer bytes;
  encode(bytes, entry);
  return std::string(bytes.view());
}

void fold(const Entry& entry, History& history) {
  if (entry.term) {
    history.term = entry.term->term;
    history.next_job = std::max(history.next_job, entry.term->next_job);
  }
  if (entry.submitted) {
    history.jobs[entry.submitted->job] = {entry.submitted->submission, entry.submitted->submitted_ms};
    history.next_job = std::max(history.next_job, entry.submitted->job.value + 1);
  }
  if (entry.attempt) {
    if (const auto job = history.jobs.find(entry.attempt->job); job != history.jobs.end()) {
      job->second.attempt = entry.attempt->attempt;
      job->second.plan = entry.attempt->plan;
    }
  }
  if (entry.checkpoint) {
    if (const auto job = history.jobs.find(entry.checkpoint->job); job != history.jobs.end())
      job->second.checkpoint = std::max(job->second.checkpoint, entry.checkpoint->checkpoint);
  }
  if (entry.end) {
    if (const auto job = history.jobs.find(entry.end->job); job != history.jobs.end()) job->second.end = entry.end->end;
  }
}

}  // namespace

Result<History> JobJournal::replay() {
  History history;
  std::size_t number = 0;
  std::string problem;
  const Status read = journal_.replay([&](std::string_view bytes) {
    ++number;
    Entry entry;
    if (!problem.empty()) return;
    if (!decode_all(bytes, entry) || entry.format != kFormat)
      problem = "entry " + std::to_string(number) + " of the job manager's journal is damaged or of another version";
    else
      fold(entry, history);
  });
  if (!read) return read.error();
  if (!problem.empty()) return Error{problem};
  return history;
}

Status JobJournal::compact(const History& history) {
  std::vector<std::string> entries;
  entries.push_back(encoded({.term = TermEntry{history.term, history.next_job}}));
  for (const auto& [id, job] : history.jobs) {
    entries.push_back(encoded({.submitted = SubmittedEntry{id, job.submitted_ms, job.submission}}));
    if (job.attempt.value != 0) entries.push_back(encoded({.attempt = AttemptEntry{id, job.attempt, job.plan}}));
    if (job.checkpoint.value != 0) entries.push_back(encoded({.checkpoint = CheckpointEntry{id, job.checkpoint}}));
    if (job.end) entries.push_back(encoded({.end = EndEntry{id, *job.end}}));
  }
  return journal_.replace(entries);
}

Status JobJournal::record_submitted(JobId job, const RememberedJob& remembered) {
  return journal_.append(encoded({.submitted = SubmittedEntry{job, remembered.submitted_ms, remembered.submission}}));
}

Status JobJournal::record_attempt(JobId job, Attempt attempt, const dag::ExecutionPlan& plan) {
  return journal_.append(encoded({.attempt = AttemptEntry{job, attempt, plan}}));
}

Status JobJournal::record_checkpoint(JobId job, CheckpointId checkpoint) {
  return journal_.append(encoded({.checkpoint = CheckpointEntry{job, checkpoint}}));
}

Status JobJournal::record_end(JobId job, const JobEnd& end) {
  return journal_.append(encoded({.end = EndEntry{job, end}}));
}

}  // namespace freshet::manager
