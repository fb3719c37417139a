#include "runtime/worker/job_library.h"

#include <dlfcn.h>

namespace freshet::worker {

Result<JobLibrary> JobLibrary::load(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Error{"library " + path + " cannot be loaded: " + (reason == nullptr ? "unknown reason" : reason)};
  }
  const auto tag = reinterpret_cast<const char* (*)()>(dlsym(handle, "freshet_abi_tag"));
  const auto jobs = reinterpret_cast<const void* (*)()>(dlsym(handle, "freshet_registered_jobs"));
  if (tag == nullptr || jobs == nullptr)
    return Error{"library " + path + " is no job library: it has no FRESHET_JOB. Build it with freshet_add_job()"};
  if (std::string_view(tag()) != FRESHET_ABI_TAG)
    return Error{"library " + path + " was built for " + tag() + ", this engine is " + FRESHET_ABI_TAG +
                 ". Build it again with this SDK and its compiler"};
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
