#pragma once

#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/rest_api.h"

namespace freshet::manager {

/// What the REST interface has below `/v1/jobs/JOB` about checkpoints, savepoints, what could go on from
/// them, and operations that can be followed.
/// As RestApi: a function from request to response, on the job manager's thread; requests may be hostile.
class RestCheckpoints {
 public:
  using Path = std::vector<std::string>;
  static constexpr std::size_t kMaxBodyBytes = 4u << 10;

  /// Whether `part`, the fourth of the path, is one of its own.
  static bool takes(const std::string& part);

  /// Both outlive it.
  RestCheckpoints(JobManager& manager, CheckpointVerifier& verifier) : manager_(manager), verifier_(verifier) {}

  /// `path`: the parts of the request's; takes() has said yes.
  RestResponse handle(const RestRequest& request, const Path& path);

 private:
  RestResponse handle_all(const RestRequest& request, const Job& job, bool savepoints_only);
  RestResponse handle_one(const RestRequest& request, const Job& job, CheckpointId id, bool savepoints_only);
  RestResponse list(const Job& job, const RestRequest& request, bool savepoints_only) const;
  RestResponse create(const Job& job, const std::string& body);
  RestResponse show(const Job& job, CheckpointId id) const;
  RestResponse verify(const Job& job, CheckpointId id);
  RestResponse compare(const Job& job, const std::string& body);
  RestResponse begun(const Job& job, const char* what, std::optional<std::uint64_t> number) const;
  RestResponse operation(const Job& job, const std::string& name) const;

  JobManager& manager_;
  CheckpointVerifier& verifier_;
};

}  // namespace freshet::manager
