#include "runtime/job_manager/job_table.h"

#include <algorithm>
#include <set>

#include "dag/did_you_mean.h"

namespace freshet::manager {
namespace {

constexpr std::size_t kMaxTextBytes = 128;
constexpr std::size_t kMaxNear = 5;

}  // namespace

Job& JobTable::add(std::unique_ptr<Job> job) {
  Job& added = *job;
  jobs_[added.id()] = std::move(job);
  return added;
}

void JobTable::prune() {
  std::size_t over = jobs_.size() - active_count();
  for (auto at = jobs_.begin(); at != jobs_.end() && over > max_over_jobs_;) {
    if (!at->second->is_over()) {
      ++at;
      continue;
    }
    at = jobs_.erase(at);
    --over;
  }
}

std::size_t JobTable::active_count() const {
  return static_cast<std::size_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& each) { return !each.second->is_over(); }));
}

Job* JobTable::find(JobId id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : found->second.get();
}

Job* JobTable::active(const std::string& name) const {
  Job* job = newest_of(name);
  return job != nullptr && !job->is_over() ? job : nullptr;
}

// Names are unique among jobs that are not over, and one that is not over came after all of its name that are.
Job* JobTable::newest_of(const std::string& name) const {
  for (auto at = jobs_.rbegin(); at != jobs_.rend(); ++at)
    if (at->second->name() == name) return at->second.get();
  return nullptr;
}

JobTable::Found JobTable::find(const std::string& text) const {
  if (text.empty() || text.size() > kMaxTextBytes) return {};
  if (Job* job = newest_of(text)) return {job, {}};
  std::set<std::string> starting;
  std::vector<std::string> names;
  for (const auto& [id, job] : jobs_) {
    if (job->id_text() == text) return {job.get(), {}};
    if (job->name().starts_with(text)) starting.insert(job->name());
    names.push_back(job->name());
  }
  if (starting.size() == 1) return {newest_of(*starting.begin()), {}};
  Found found;
  for (const std::string& name : starting)
    if (found.near.size() < kMaxNear) found.near.push_back(name);
  const std::string nearest = starting.empty() ? dag::nearest_name(text, names) : "";
  if (!nearest.empty()) found.near.push_back(nearest);
  return found;
}

}  // namespace freshet::manager
