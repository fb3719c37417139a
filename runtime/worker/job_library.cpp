#include "runtime/worker/job_library.h"

#include <dlfcn.h>

namespace freshet::worker {

namespace {

constexpr const char* kBuildRightly = "Build it with freshet_add_job()";

}  // namespace

std::optional<JobLibrary> JobLibrary::load(const std::string& path, Problem& problem) {
  problem = {"library " + path, "", kBuildRightly};
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    problem.message = std::string("it cannot be loaded: ") + (reason == nullptr ? "unknown reason" : reason);
    return std::nullopt;
  }
  const auto tag = reinterpret_cast<const char* (*)()>(dlsym(handle, "freshet_abi_tag"));
  const auto jobs = reinterpret_cast<const void* (*)()>(dlsym(handle, "freshet_registered_jobs"));
  if (tag == nullptr || jobs == nullptr) {
    problem.message = "it is no job library: it has no FRESHET_JOB";
    return std::nullopt;
  }
  if (const std::string_view built_for = tag(); built_for != FRESHET_ABI_TAG) {
    problem.message = "it was built for " + std::string(built_for) + ", this engine is " + FRESHET_ABI_TAG;
    problem.remedy = "Build it again with this SDK and its compiler";
    return std::nullopt;
  }
  return JobLibrary(static_cast<const std::vector<RegisteredJob>*>(jobs()));
}

Result<const RegisteredJob*> JobLibrary::find(const std::string& name) const {
  if (name.empty() && jobs_->size() == 1) return jobs_->data();
  std::string names;
  for (const auto& job : *jobs_) {
    if (job.name == name) return &job;
    names += (names.empty() ? "" : ", ") + job.name;
  }
  if (jobs_->empty()) return Error{"the library registers no job"};
  if (name.empty()) return Error{"the library has several jobs: " + names + ". Say which with --job"};
  return Error{"the library has no job " + name + "; it has " + names};
}

Result<std::unique_ptr<Job>> build_job(const RegisteredJob& registered, std::map<std::string, std::string> parameters) {
  auto job = std::make_unique<Job>(std::move(parameters));
  try {
    registered.build(*job);
  } catch (...) {
    const FailedRecord failed = detail::describe_current_exception();
    return Error{"the build function of " + registered.name + " threw " + failed.reason + ": " + failed.message +
                 ". It should only declare: costly things belong into job.resource"};
  }
  job->graph().job = registered.name;
  job->graph().help = registered.help;
  job->finish();
  return job;
}

}  // namespace freshet::worker
