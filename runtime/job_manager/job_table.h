#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/job_manager/job.h"

namespace freshet::manager {

/// All jobs that the job manager lists: those that are not over, and the newest of those that are. One thread.
class JobTable {
 public:
  explicit JobTable(std::size_t max_over_jobs) : max_over_jobs_(max_over_jobs) {}

  Job& add(std::unique_ptr<Job> job);
  /// Forgets the oldest jobs that are over, beyond the limit. Call when a job has ended; references to it may dangle.
  void prune();
  void remove(JobId id) { jobs_.erase(id); }

  /// Nullptr when there is none.
  Job* find(JobId id) const;
  /// The job of that name that is not over.
  Job* active(const std::string& name) const;

  struct Found {
    Job* job = nullptr;
    std::vector<std::string>
        near{};  ///< without a job: names that could be meant, or among which the prefix is not unique
  };
  /// By name (of several, the one that is not over, else the newest), `job-7`, or a prefix that only one name has.
  Found find(const std::string& text) const;

  /// By id, oldest first.
  const std::map<JobId, std::unique_ptr<Job>>& all() const { return jobs_; }
  std::size_t active_count() const;

 private:
  Job* newest_of(const std::string& name) const;

  const std::size_t max_over_jobs_;
  std::map<JobId, std::unique_ptr<Job>> jobs_;
};

}  // namespace freshet::manager
