#include "runtime/worker/task_factory.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace freshet::worker {

namespace {

const detail::EdgeImplementation& code_of(const Job& job, const dag::PlanEdge& edge) {
  return job.edge_implementation(edge.logical_edge);
}

std::shared_ptr<const detail::EdgeType> type_of(const Job& job, const dag::PlanEdge& edge) {
  const auto& code = code_of(job, edge);
  return edge.grouping == Grouping::forward && code.when_forward ? code.when_forward : code.type;
}

class TaskMaker {
 public:
  TaskMaker(const TaskFactorySetup& setup, const dag::Chain& chain, std::uint32_t index, std::uint64_t number)
      : setup_(setup), graph_(setup.job->graph()), chain_(chain), index_(index), number_(number) {}

  std::unique_ptr<task::Task> make() {
    task::TaskSetup task;
    task.id = {chain_.id, index_};
    task.max_linger = setup_.options.max_linger;
    task.window = setup_.options.channel_window;
    task.save_entries = setup_.options.save_entries;
    task.inputs = inputs();
    task.waits_at_end = setup_.checkpoints;
    task.aligns = setup_.aligns;
    auto operators = make_operators();
    auto edges = make_edges(operators);
    auto chain =
        std::make_unique<task::Chain>(std::move(operators), std::move(edges), setup_.options.max_overflow_bytes);
    return std::make_unique<task::Task>(task, std::move(chain), *setup_.carrier, *setup_.clock, *setup_.listener);
  }

 private:
  std::vector<task::InputEdgeSetup> inputs() const {
    std::vector<task::InputEdgeSetup> inputs;
    for (const auto& edge : setup_.plan->edges) {
      if (edge.to_chain != chain_.id) continue;
      inputs.push_back({edge.id, graph_.edges[edge.logical_edge].to_input,
                        setup_.plan->chains[edge.from_chain].parallelism, index_, type_of(*setup_.job, edge)});
    }
    return inputs;
  }

  std::vector<task::Chain::Operator> make_operators() const {
    std::vector<task::Chain::Operator> operators;
    for (const auto node : chain_.operators) {
      const auto& spec = graph_.operators[node];
      task::Chain::Operator op;
      op.graph_index = node;
      const auto& code = setup_.job->implementation(node);
      op.stage = code.make_stage();
      op.is_keyed = spec.keyed && spec.inputs == 1;
      op.host = std::make_unique<task::OperatorHost>(
          task::OperatorHost::Setup{.operator_id = spec.id,
                                    .task_index = index_,
                                    .parallelism = chain_.parallelism,
                                    .key_groups = setup_.plan->key_groups,
                                    .policy = spec.on_error,
                                    .is_source = spec.kind == OperatorKind::source,
                                    .first_letter_id = ((number_ + 1) * kMostOperators + operators.size())
                                                       << task::kLetterBits,
                                    .commits = setup_.checkpoints,
                                    .run = setup_.run,
                                    .attempt = setup_.worker.attempt.value},
          *setup_.clock, setup_.partitions, *setup_.listener);
      if (spec.on_error.has_lane()) {
        CHECK(code.records != nullptr, "a job that retries where it cannot is refused");
        op.lane = std::make_unique<task::RetryLane>(spec.on_error, code.records, seed_of(node));
        op.host->keep_failed_in(*op.lane);
        if (spec.on_error.keep != 0) {
          op.letters = std::make_unique<task::KeptLetters>(spec.on_error.keep, code.records);
          op.host->keep_letters_in(*op.letters);
        }
      }
      op.consumers.resize(op.stage->outputs().size());
      operators.push_back(std::move(op));
    }
    return operators;
  }

  /// Of what an operator of this task draws by chance: another in each task and attempt of all jobs.
  std::uint64_t seed_of(std::uint32_t node) const {
    return key_hash(setup_.run) ^ (std::uint64_t{setup_.worker.attempt.value} << 40) ^ (std::uint64_t{node} << 20) ^
           number_;
  }

  /// The edges out of this task; and tells each operator where its outputs go, inside the chain or out of it.
  std::vector<std::unique_ptr<task::OutputEdge>> make_edges(std::vector<task::Chain::Operator>& operators) const {
    std::vector<std::unique_ptr<task::OutputEdge>> edges;
    for (std::uint32_t logical = 0; logical < graph_.edges.size(); ++logical) {
      const auto& edge = graph_.edges[logical];
      const auto from = position_of(edge.from);
      if (!from) continue;
      auto& consumers = operators[*from].consumers[edge.from_output];
      const auto planned = std::find_if(setup_.plan->edges.begin(), setup_.plan->edges.end(),
                                        [&](const auto& candidate) { return candidate.logical_edge == logical; });
      if (planned == setup_.plan->edges.end()) {
        const auto to = position_of(edge.to);
        CHECK(to, "an edge that is not in the plan stays inside its chain");
        consumers.push_back({.is_edge = false, .index = *to});
      } else {
        consumers.push_back({.is_edge = true, .index = static_cast<std::uint32_t>(edges.size())});
        edges.push_back(make_edge(*planned));
      }
    }
    return edges;
  }

  std::unique_ptr<task::OutputEdge> make_edge(const dag::PlanEdge& edge) const {
    const auto to_tasks = setup_.plan->chains[edge.to_chain].parallelism;
    task::OutputEdgeSetup out;
    out.edge = edge.id;
    out.from_task = index_;
    out.to_tasks = to_tasks;
    out.key_groups = setup_.plan->key_groups;
    out.attempt = setup_.worker.attempt;
    out.revision = {1};
    out.window = setup_.options.channel_window;
    out.frame_bytes = setup_.options.frame_bytes;
    out.max_record_bytes = setup_.options.max_record_bytes;
    for (std::uint32_t to = 0; to < to_tasks; ++to)
      out.is_local.push_back(!setup_.options.force_remote &&
                             worker_of(*setup_.plan, edge.to_chain, to) == setup_.worker.worker.value);
    const auto& logical = graph_.edges[edge.logical_edge];
    if (logical.combines) out.combiner = setup_.job->implementation(logical.to).combiner;
    return std::make_unique<task::OutputEdge>(out, type_of(*setup_.job, edge), *setup_.carrier, *setup_.clock);
  }

  std::optional<std::uint32_t> position_of(std::uint32_t node) const {
    const auto found = std::find(chain_.operators.begin(), chain_.operators.end(), node);
    if (found == chain_.operators.end()) return std::nullopt;
    return static_cast<std::uint32_t>(found - chain_.operators.begin());
  }

  static constexpr std::uint64_t kMostOperators = 1024;
  const TaskFactorySetup& setup_;
  const LogicalGraph& graph_;
  const dag::Chain& chain_;
  const std::uint32_t index_;
  const std::uint64_t number_;
};

}  // namespace

std::uint32_t worker_of(const dag::ExecutionPlan& plan, std::uint32_t chain, std::uint32_t index) {
  for (const auto& placed : plan.tasks) {
    if (placed.chain == chain && placed.index == index) return placed.worker;
  }
  CHECK(false, "every task of a placed plan has a worker");
}

std::vector<std::unique_ptr<task::Task>> make_tasks(const TaskFactorySetup& setup) {
  std::vector<std::unique_ptr<task::Task>> tasks;
  std::vector<task::Chain*> with_state;
  for (std::uint64_t number = 0; number < setup.plan->tasks.size(); ++number) {
    const auto& placed = setup.plan->tasks[number];
    if (placed.worker != setup.worker.worker.value) continue;
    tasks.push_back(TaskMaker(setup, setup.plan->chains[placed.chain], placed.index, number).make());
    if (tasks.back()->chain().has_state()) with_state.push_back(&tasks.back()->chain());
  }
  if (setup.options.state_bytes == 0 || !setup.open_spill) return tasks;
  const std::uint64_t bytes = setup.options.state_bytes;
  for (std::uint32_t number = 0; number < with_state.size(); ++number)
    with_state[number]->spill_to(setup.open_spill(number, bytes), bytes / with_state.size());
  return tasks;
}

}  // namespace freshet::worker
