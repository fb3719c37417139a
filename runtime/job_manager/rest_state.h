#pragma once

#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/rest_api.h"

namespace freshet::manager {

/// What the REST interface has below `/v1/jobs/JOB/state`: keyed state, as a checkpoint holds it. Files are read behind
/// the job manager's thread, in RestResponse::later; requests may be hostile.
class RestState {
 public:
  using Path = std::vector<std::string>;
  static constexpr std::size_t kEntries = 100;        ///< in one answer, unless the request says otherwise
  static constexpr std::size_t kMostEntries = 1'000;  ///< in one answer

  /// Its storage outlives what is read.
  explicit RestState(const JobManager& manager) : manager_(manager) {}

  /// `path`: the parts of the request's; the fourth is "state".
  RestResponse handle(const RestRequest& request, const Path& path) const;

 private:
  const JobManager& manager_;
};

}  // namespace freshet::manager
