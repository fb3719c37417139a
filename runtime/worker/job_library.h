#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <freshet/job.h>
#include <freshet/result.h>

namespace freshet::worker {

/// A loaded job library. Stays loaded until the process ends: its code may be running, and destructors of its statics
/// must not run under it.
class JobLibrary {
 public:
  /// Loads the library and checks, before anything of it is called, that it was built for this engine. Nothing, and in
  /// `problem` why, when it cannot serve.
  static std::optional<JobLibrary> load(const std::string& path, Problem& problem);

  const std::vector<RegisteredJob>& jobs() const { return *jobs_; }
  /// The job of that name; of the only one when the name is empty. Error naming those there are.
  Result<const RegisteredJob*> find(const std::string& name) const;

 private:
  explicit JobLibrary(const std::vector<RegisteredJob>* jobs) : jobs_(jobs) {}
  const std::vector<RegisteredJob>* jobs_;
};

/// Runs a job's build function. Error with what it threw.
Result<std::unique_ptr<Job>> build_job(const RegisteredJob& registered, std::map<std::string, std::string> parameters);

}  // namespace freshet::worker
