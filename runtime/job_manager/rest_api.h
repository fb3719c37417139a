#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/job_manager/log_source.h"
#include "runtime/job_manager/refusal.h"

namespace freshet::manager {

class CheckpointVerifier;
class JobManager;

/// A request without HTTP: the path and the query are percent-decoded already.
struct RestRequest {
  std::string method{};
  std::string path{};
  std::map<std::string, std::string> query{};
  std::string body{};
};

struct RestResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  /// Says that nobody waits for the answer any more.
  using IsToEnd = std::function<bool()>;
  /// When it is there, the answer is what this makes of it: it waits for disks, so whoever waits for the answer calls
  /// it, on another thread than the job manager's.
  std::function<RestResponse(const IsToEnd&)> later{};
};

/// The REST interface as a function from request to response; the contract stands in runtime/cli/README.md. Requests
/// may be hostile. Called on the job manager's thread.
class RestApi {
 public:
  static constexpr std::size_t kMaxPathBytes = 1'024;

  /// All of these outlive it.
  RestApi(JobManager& manager, LogSource& logs, CheckpointVerifier& verifier)
      : manager_(manager), logs_(logs), verifier_(verifier) {}

  RestResponse handle(const RestRequest& request);

 private:
  using Path = std::vector<std::string>;
  RestResponse handle_job(const RestRequest& request, const Path& path);
  RestResponse handle_library(const RestRequest& request, const std::string& sha256);
  RestResponse submit(const std::string& body);
  RestResponse act(const std::string& job, const std::string& body);
  RestResponse plan(const std::string& job, const std::string& format) const;
  RestResponse answer_done(const Answer<std::string>& done);
  RestResponse revisions(const std::string& job) const;
  RestResponse events(const std::string& job) const;
  RestResponse logs(const std::string& job, const std::map<std::string, std::string>& query) const;

  JobManager& manager_;
  LogSource& logs_;
  CheckpointVerifier& verifier_;
  std::uint64_t operations_ = 0;  // number of the last one
};

/// The error body, with the status that its code stands for.
RestResponse to_response(const Refusal& refusal);
/// The same with another status: 405, 503.
RestResponse error_response(int status, const char* code, const std::string& message);

}  // namespace freshet::manager
