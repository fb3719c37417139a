#pragma once

#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/rest_api.h"

namespace freshet::manager {

/// What the REST interface has below `/v1/jobs/JOB/dead-letters`: what is kept, as the newest checkpoint holds it, and
/// orders to replay or drop some. As RestApi: a function from request to response, on the job manager's thread;
/// requests may be hostile.
class RestDeadLetters {
 public:
  using Path = std::vector<std::string>;
  static constexpr std::size_t kMaxBodyBytes = 4u << 20;
  /// What the names of its operations begin with.
  static constexpr const char* kOperation = "letters";

  /// It outlives this.
  explicit RestDeadLetters(JobManager& manager) : manager_(manager) {}

  RestResponse handle(const RestRequest& request, const Path& path);

 private:
  RestResponse list(const Job& job, const RestRequest& request, std::optional<std::uint64_t> id) const;
  RestResponse change(const Job& job, const std::string& body);

  JobManager& manager_;
};

}  // namespace freshet::manager
