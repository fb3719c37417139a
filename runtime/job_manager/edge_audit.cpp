#include "runtime/job_manager/edge_audit.h"

#include <algorithm>

#include "dag/labels.h"

namespace freshet::manager {

namespace {

using checkpoint::EdgeBalance;
using checkpoint::EdgeCounts;

/// Empty: it balances.
std::string imbalance(const wire::EdgeTally& tally) {
  if (tally.sent != tally.received)
    return std::to_string(tally.sent) + " records were sent and " + std::to_string(tally.received) + " received";
  if (tally.sent_sum != tally.received_sum)
    return std::to_string(tally.sent) + " records were sent, and as many received, but not the same ones";
  if (tally.received != tally.applied + tally.refused)
    return std::to_string(tally.received) + " records were received, " + std::to_string(tally.applied) +
           " applied and " + std::to_string(tally.refused) + " set aside";
  return "";
}

/// Up to the checkpoint that the running attempt went on from.
const EdgeBalance* earlier(const Job& job, const EdgeBalance& edge) {
  const auto& complete = job.checkpoints().complete();
  if (complete.empty()) return nullptr;
  const auto& edges = complete.back().edges;
  const auto found = std::ranges::find_if(edges, [&](const EdgeBalance& each) { return each.is_same_edge(edge); });
  return found == edges.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<EdgeBalance>> balance_edges(const Job& job, const Publish& publish) {
  // Without alignment a task has taken in records from behind the barrier on some of its channels.
  if (job.checkpoints().policy().mode != CheckpointMode::exactly_once) return std::vector<EdgeBalance>{};
  const auto& plan = job.plan();
  const auto& graph = job.submission().graph;
  std::vector<wire::EdgeTally> tallies(plan.edges.size());
  for (const TaskSnapshot& snapshot : publish.snapshots) {
    for (const wire::EdgeTally& tally : snapshot.info.tallies) {
      if (tally.edge >= tallies.size())
        return Error{"task " + task_text(snapshot.task) + " has counted on edge " + std::to_string(tally.edge) +
                     ", which the plan does not have"};
      tallies[tally.edge] += tally;
    }
  }
  std::vector<EdgeBalance> edges;
  for (const dag::PlanEdge& planned : plan.edges) {
    const wire::EdgeTally& tally = tallies[planned.id];
    const Edge& logical = graph.edges.at(planned.logical_edge);
    EdgeBalance edge{.from = graph.operators.at(logical.from).id,
                     .output = graph.operators.at(logical.from).outputs.at(logical.from_output).name,
                     .to = graph.operators.at(logical.to).id,
                     .input = logical.to_input,
                     .since = publish.id,
                     .in_attempt = {tally.sent, tally.received, tally.applied, tally.refused}};
    if (const std::string wrong = imbalance(tally); !wrong.empty())
      return Error{dag::edge_label(graph, logical) + " does not balance: since attempt " +
                   std::to_string(job.attempt().value) + " began, " + wrong};
    if (const EdgeBalance* known = earlier(job, edge)) {
      edge.since = known->since;
      edge.before = job.checkpoints().complete().back().attempt == job.attempt() ? known->before : known->total();
    }
    edges.push_back(std::move(edge));
  }
  return edges;
}

AuditView audit_view(const Job& job, Moment now) {
  AuditView view;
  view.now_ms = now.wall_ms;
  view.job = job.name();
  const auto& complete = job.checkpoints().complete();
  if (!job.checkpoints().enabled()) view.why = "the job makes no checkpoints, and only they are balanced";
  if (job.checkpoints().policy().mode == CheckpointMode::at_least_once)
    view.why = "the job's results are at-least-once, and only exactly-once ones are balanced";
  if (complete.empty() && view.why.empty()) view.why = "no checkpoint of the job is complete yet";
  if (!view.why.empty()) return view;
  view.checkpoint = complete.back().id.value;
  view.attempt = complete.back().attempt.value;
  for (const EdgeBalance& edge : complete.back().edges) {
    const EdgeCounts all = edge.total();
    view.edges.push_back({edge.from, edge.output, edge.to, edge.input, edge.since.value, all.sent, all.received,
                          all.applied, all.refused});
  }
  return view;
}

}  // namespace freshet::manager
