#include <algorithm>

#include "runtime/job_manager/job_manager.h"

/// Tells agents where the queryable state of jobs is served.
namespace freshet::manager {

/// A job without queryable state is none of them. While its tasks do not all run yet, or not any more, it is there
/// without workers: who asks is to try again.
std::vector<wire::ReadPlace> JobManager::read_places() const {
  std::vector<wire::ReadPlace> places;
  for (const auto& [id, job] : jobs_.all()) {
    if (job->is_over()) continue;
    const auto& operators = job->submission().graph.operators;
    const bool is_queryable = std::ranges::any_of(operators, [](const OperatorNode& node) {
      return std::ranges::any_of(node.states, [](const StateDeclaration& state) { return state.queryable; });
    });
    if (!is_queryable) continue;
    wire::ReadPlace place{id, job->name(), job->attempt().value, {}};
    if (const Deployment* deployment = job->deployment(); deployment != nullptr && deployment->has_started_tasks()) {
      for (const DeployedWorker& worker : deployment->workers())
        if (worker.phase != WorkerPhase::ended && !worker.reads.empty()) place.workers.push_back(worker.reads);
    }
    places.push_back(std::move(place));
  }
  return places;
}

// Looked at after each message: a comparison of short lists.
void JobManager::tell_read_places() {
  std::vector<wire::ReadPlace> places = read_places();
  if (places == read_places_told_) return;
  read_places_told_ = std::move(places);
  for (const auto& [name, agent] : agents_.all())
    if (!agent.is_lost && !agent.hello.reads.empty()) send(agent.peer, wire::ReadPlaces{read_places_told_});
}

}  // namespace freshet::manager
