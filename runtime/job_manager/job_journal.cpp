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

struct RevisionEntry {
  JobId job{};
  Revision number{};
  Submission submission{};
  std::int64_t since_ms = 0;
  std::string how{};
  CheckpointId savepoint{};
  FRESHET_RECORD(job, number, submission, since_ms, how, savepoint)
};

struct WishEntry {
  JobId job{};
  JobWish wish{};
  FRESHET_RECORD(job, wish)
};

struct CrashEntry {
  JobId job{};
  CrashedPlace crash{};
  FRESHET_RECORD(job, crash)
};

struct JobEntry {
  JobId job{};
  FRESHET_RECORD(job)
};

// Exactly one of them is there.
struct Entry {
  std::uint32_t format = kFormat;
  std::optional<TermEntry> term{};
  std::optional<SubmittedEntry> submitted{};
  std::optional<AttemptEntry> attempt{};
  std::optional<EndEntry> end{};
  std::optional<CheckpointEntry> checkpoint{};
  std::optional<RevisionEntry> revision{};
  std::optional<JobEntry> reopened{};
  std::optional<JobEntry> deleted{};
  std::optional<WishEntry> wish{};
  std::optional<CrashEntry> crash{};
  FRESHET_RECORD(format, term, submitted, attempt, end, checkpoint, revision, reopened, deleted, wish, crash)
};

RevisionEntry entry_of(JobId job, const JobRevision& revision) {
  return {job, revision.number, revision.submission, revision.since_ms, revision.how, revision.savepoint};
}

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
    const std::int64_t when = entry.submitted->submitted_ms;
    history.jobs[entry.submitted->job] = {{{Revision{1}, entry.submitted->submission, {}, when, "submitted", {}}},
                                          when};
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
  if (entry.revision) {
    if (const auto job = history.jobs.find(entry.revision->job); job != history.jobs.end()) {
      const RevisionEntry& next = *entry.revision;
      auto& revisions = job->second.revisions;
      if (revisions.back().submission.library_sha256 != next.submission.library_sha256) job->second.crashes.clear();
      if (revisions.back().number < next.number)
        revisions.push_back({next.number, next.submission, {}, next.since_ms, next.how, next.savepoint});
      if (revisions.size() > Job::kMaxRevisions) revisions.erase(revisions.begin());
    }
  }
  if (entry.reopened) {
    if (const auto job = history.jobs.find(entry.reopened->job); job != history.jobs.end()) {
      job->second.end.reset();
      job->second.wish = {};
    }
  }
  if (entry.deleted) history.jobs.erase(entry.deleted->job);
  if (entry.wish) {
    if (const auto job = history.jobs.find(entry.wish->job); job != history.jobs.end())
      job->second.wish = entry.wish->wish;
  }
  if (entry.crash) {
    if (const auto job = history.jobs.find(entry.crash->job); job != history.jobs.end())
      remember(job->second.crashes, entry.crash->crash);
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
    entries.push_back(encoded({.submitted = SubmittedEntry{id, job.submitted_ms, job.revisions.front().submission}}));
    for (std::size_t i = 1; i < job.revisions.size(); ++i)
      entries.push_back(encoded({.revision = entry_of(id, job.revisions[i])}));
    if (job.attempt.value != 0) entries.push_back(encoded({.attempt = AttemptEntry{id, job.attempt, job.plan}}));
    if (job.checkpoint.value != 0) entries.push_back(encoded({.checkpoint = CheckpointEntry{id, job.checkpoint}}));
    if (job.wish != JobWish{}) entries.push_back(encoded({.wish = WishEntry{id, job.wish}}));
    for (const CrashedPlace& crash : job.crashes) entries.push_back(encoded({.crash = CrashEntry{id, crash}}));
    if (job.end) entries.push_back(encoded({.end = EndEntry{id, *job.end}}));
  }
  return note(journal_.replace(entries));
}

Status JobJournal::record_submitted(JobId job, const RememberedJob& remembered) {
  return append(
      encoded({.submitted = SubmittedEntry{job, remembered.submitted_ms, remembered.revisions.front().submission}}));
}

Status JobJournal::record_attempt(JobId job, Attempt attempt, const dag::ExecutionPlan& plan) {
  return append(encoded({.attempt = AttemptEntry{job, attempt, plan}}));
}

Status JobJournal::record_checkpoint(JobId job, CheckpointId checkpoint) {
  return append(encoded({.checkpoint = CheckpointEntry{job, checkpoint}}));
}

Status JobJournal::record_revision(JobId job, const JobRevision& revision) {
  return append(encoded({.revision = entry_of(job, revision)}));
}

Status JobJournal::record_wish(JobId job, const JobWish& wish) {
  return append(encoded({.wish = WishEntry{job, wish}}));
}

Status JobJournal::record_crash(JobId job, const CrashedPlace& crash) {
  return append(encoded({.crash = CrashEntry{job, crash}}));
}

Status JobJournal::record_reopened(JobId job) { return append(encoded({.reopened = JobEntry{job}})); }

Status JobJournal::record_deleted(JobId job) { return append(encoded({.deleted = JobEntry{job}})); }

Status JobJournal::record_term(Term term, std::uint64_t next_job) {
  return append(encoded({.term = TermEntry{term, next_job}}));
}

Status JobJournal::record_end(JobId job, const JobEnd& end) { return append(encoded({.end = EndEntry{job, end}})); }

}  // namespace freshet::manager
