#include <algorithm>

#include "runtime/worker/worker.h"

/// What a worker does so that the state of its tasks can be read from outside.
namespace freshet::worker {

/// A job runs also where nobody can read its state.
void Worker::open_reads() {
  const auto& operators = job_->graph().operators;
  const bool is_queryable = std::any_of(operators.begin(), operators.end(), [](const OperatorNode& node) {
    return std::any_of(node.states.begin(), node.states.end(), [](const auto& state) { return state.queryable; });
  });
  if (!is_queryable || setup_.state_server == nullptr) return;
  const auto address = setup_.state_server->open();
  if (address)
    prepared_.reads = *address;
  else
    setup_.log.warn("queryable state is not served: ", address.error().message);
}

void Worker::serve_reads(const wire::StartTasks& order) {
  if (prepared_.reads.empty()) return;
  live_ = std::make_shared<LiveJob>();
  live_->self = setup_.key;
  live_->library_job = order_.job;
  live_->graph = &job_->graph();
  live_->plan = &order_.plan;
  for (auto& task : tasks_) live_->tasks.push_back(task.get());
  for (const auto& peer : order.peers) live_->peers[peer.worker.value] = peer.reads;
  live_->storage = storage_;
  live_->checkpoint = order_.checkpoints.from_job == setup_.key.job ? order_.checkpoints.restore.value : 0;
  setup_.state_server->serve(live_);
}

}  // namespace freshet::worker
