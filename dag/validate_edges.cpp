#include <algorithm>
#include <limits>

#include "dag/labels.h"
#include "dag/validation_parts.h"

namespace freshet::dag {

namespace {

/// What does not exist at an edge's ends; empty when all does.
std::string dangling_end(const LogicalGraph& graph, const Edge& edge) {
  for (const auto end : {edge.from, edge.to}) {
    if (end >= graph.operators.size())
      return "operator #" + std::to_string(end) + " does not exist (there are " +
             std::to_string(graph.operators.size()) + ")";
  }
  const auto& from = graph.operators[edge.from];
  const auto& to = graph.operators[edge.to];
  if (edge.from_output >= from.outputs.size())
    return operator_name(graph, edge.from) + " has no output #" + std::to_string(edge.from_output) + " (it has " +
           std::to_string(from.outputs.size()) + ")";
  if (to.kind == OperatorKind::source) return operator_name(graph, edge.to) + " is a source: nothing can go into it";
  if (edge.to_input >= to.inputs)
    return operator_name(graph, edge.to) + " has no input #" + std::to_string(edge.to_input) + " (it has " +
           std::to_string(to.inputs) + ")";
  return {};
}

/// A schema nobody stated has no kind and matches everything.
bool is_stated(const Schema& schema) { return !schema.kind.empty(); }

void check_records(const LogicalGraph& graph, const Edge& edge, Problems& problems) {
  const auto& sent = graph.operators[edge.from].outputs[edge.from_output].record;
  const auto& inputs = graph.operators[edge.to].input_records;
  const auto compare = [&](const Schema& here, const Schema& there, const std::string& who) {
    if (!is_stated(here) || !is_stated(there)) return true;
    const auto difference = describe_difference(here, there);
    if (difference.empty()) return true;
    problems.push_back({edge_label(graph, edge), "the records do not match: " + difference + " (" + who + ")",
                        "Make both the same record, or put a map between"});
    return false;
  };
  const auto from = operator_name(graph, edge.from);
  const auto to = operator_name(graph, edge.to);
  if (!compare(sent, edge.record, "here: what " + from + " gives, there: what the edge carries")) return;
  if (edge.to_input >= inputs.size()) return;
  const bool edge_decides = is_stated(edge.record);
  compare(edge_decides ? edge.record : sent, inputs[edge.to_input],
          "here: what " + from + " gives, there: what " + to + " takes");
}

void check_grouping(const LogicalGraph& graph, const Edge& edge, Problems& problems) {
  const auto name = std::string(enumerator_name(edge.grouping));
  const bool by_key = edge.grouping == Grouping::fields || edge.grouping == Grouping::partial_key;
  if (by_key && !edge.carries_key && edge.key_fields.empty())
    problems.push_back(
        {edge_label(graph, edge), "grouped by " + name + " without a key",
         edge.grouping == Grouping::fields ? "Say key_by(&Record::field)" : "Say partial_key(&Record::field)"});
  const bool stays =
      edge.grouping == Grouping::forward || edge.grouping == Grouping::rebalance || edge.grouping == Grouping::fields;
  if (edge.carries_key && !stays)
    problems.push_back({edge_label(graph, edge),
                        "a stream that keeps its key stays where it is: it cannot be grouped by " + name,
                        "key_by again behind it if a keyed step follows"});
}

/// The receiver says another parallelism than the one it takes over from the sender.
Problem contradiction(const LogicalGraph& graph, const Edge& edge, std::int64_t said, std::int64_t theirs) {
  const auto from = operator_name(graph, edge.from);
  if (!edge.carries_key)
    return {edge_label(graph, edge),
            "forward needs equal parallelism: " + from + " has " + std::to_string(theirs) + ", " +
                operator_name(graph, edge.to) + " has " + std::to_string(said),
            "Leave .parallelism() away, or use shuffle() instead of forward()"};
  return {operator_label(graph, edge.to),
          "parallelism " + std::to_string(said) + ": it runs in the task of " + from + ", whose parallelism is " +
              std::to_string(theirs),
          "Leave .parallelism() away or say " + std::to_string(theirs) + ", or key_by again"};
}

/// A second stream comes in index to index, but from another number of tasks than the first.
Problem unequal_meeting(const LogicalGraph& graph, const Edge& edge, std::int64_t theirs, std::int64_t ours) {
  const auto to = operator_name(graph, edge.to);
  return {edge_label(graph, edge),
          "streams that meet index to index need equal parallelism: " + operator_name(graph, edge.from) + " has " +
              std::to_string(theirs) + ", " + to + " has " + std::to_string(ours),
          edge.carries_key ? "Say key_by again before " + to
                           : "Give both the same .parallelism(), or use shuffle() instead of forward()"};
}

}  // namespace

/// Walks from each operator that may be on a cycle to its first successor that may be, until it meets itself. Every
/// operator is walked over once, so that one cycle of each tangle is named, not all of them.
void check_cycles(const GraphView& view, Problems& problems) {
  if (view.is_acyclic()) return;
  const auto& graph = view.graph();
  const auto count = static_cast<std::uint32_t>(graph.operators.size());
  // Off the cycles: what comes before them (in the order), then what only comes behind them.
  std::vector<bool> clear(count);
  std::vector<std::size_t> readers(count);
  for (const auto node : view.order()) clear[node] = true;
  std::vector<std::uint32_t> ends;
  for (std::uint32_t node = 0; node < count; ++node) {
    readers[node] = view.outputs_of(node).size();
    if (readers[node] == 0 && !clear[node]) ends.push_back(node);
  }
  while (!ends.empty()) {
    const auto node = ends.back();
    ends.pop_back();
    clear[node] = true;
    for (const auto edge : view.inputs_of(node)) {
      const auto from = graph.edges[edge].from;
      if (--readers[from] == 0 && !clear[from]) ends.push_back(from);
    }
  }

  constexpr auto kNobody = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> walk_of(count, kNobody);
  for (std::uint32_t start = 0; start < count; ++start) {
    if (clear[start]) continue;
    std::vector<std::uint32_t> path;
    auto node = start;
    while (walk_of[node] == kNobody) {
      walk_of[node] = start;
      path.push_back(node);
      const auto& outputs = view.outputs_of(node);
      node = graph
                 .edges[*std::find_if(outputs.begin(), outputs.end(),
                                      [&](auto edge) { return !clear[graph.edges[edge].to]; })]
                 .to;
    }
    if (walk_of[node] != start) continue;  // ran into a cycle that is named already
    std::string names;
    for (auto at = std::find(path.begin(), path.end(), node); at != path.end(); ++at)
      names += operator_name(graph, *at) + " -> ";
    problems.push_back({"cycle " + names + operator_name(graph, node), "a stream cannot come back to where it was",
                        "Take one of these edges away"});
  }
}

void check_edges(const GraphView& view, Problems& problems) {
  const auto& graph = view.graph();
  for (const auto& edge : graph.edges) {
    if (const auto missing = dangling_end(graph, edge); !missing.empty()) {
      problems.push_back({edge_label(graph, edge), missing, "Connect what exists"});
      continue;
    }
    check_records(graph, edge, problems);
    check_grouping(graph, edge, problems);
  }
}

void check_keys(const GraphView& view, Problems& problems) {
  const auto& graph = view.graph();
  for (std::uint32_t node = 0; node < graph.operators.size(); ++node) {
    bool keyed_input = false;
    const auto before = problems.size();
    for (const auto index : view.inputs_of(node)) {
      const auto& edge = graph.edges[index];
      const auto& from = graph.operators[edge.from];
      if (edge.carries_key && !from.keyed && !view.has_key(edge.from))
        problems.push_back({edge_label(graph, edge),
                            "it keeps a key that " + operator_name(graph, edge.from) + " does not have",
                            "Say key_by(&Record::field) before " + operator_name(graph, edge.to)});
      // What goes to all tasks needs no key: rules beside a keyed stream.
      const bool by_key = edge.carries_key || edge.grouping == Grouping::fields;
      keyed_input = keyed_input || by_key;
      if (graph.operators[node].keyed && !by_key && edge.grouping != Grouping::all)
        problems.push_back({edge_label(graph, edge),
                            operator_name(graph, edge.to) + " is a keyed step, but this stream has no key",
                            "Say key_by(&Record::field) before it"});
    }
    const bool all_broadcast = !keyed_input && !view.inputs_of(node).empty() && before == problems.size();
    if (graph.operators[node].keyed && all_broadcast)
      problems.push_back({operator_label(graph, node), "a keyed step, but none of its streams has a key",
                          "Say key_by(&Record::field) before it"});
  }
}

/// Meaningless on a cyclic graph, where nobody is upstream of anybody.
void check_equal_parallelism(const GraphView& view, const ValidationOptions& options, Problems& problems) {
  if (!view.is_acyclic()) return;
  const auto& graph = view.graph();
  const auto tasks = view.effective_parallelism(options.default_parallelism);
  for (std::uint32_t node = 0; node < graph.operators.size(); ++node) {
    const auto said = graph.operators[node].parallelism;
    const Edge* inherited = view.inherits_through(node);
    for (const auto index : view.inputs_of(node)) {
      const auto& edge = graph.edges[index];
      if (!keeps_index(edge)) continue;
      if (&edge == inherited) {
        if (said != 0 && said != tasks[edge.from])
          problems.push_back(contradiction(graph, edge, said, tasks[edge.from]));
      } else if (tasks[edge.from] != tasks[node]) {
        problems.push_back(unequal_meeting(graph, edge, tasks[edge.from], tasks[node]));
      }
    }
  }
}

}  // namespace freshet::dag
