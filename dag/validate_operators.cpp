#include <algorithm>
#include <map>
#include <set>

#include <freshet/text.h>
#include "dag/labels.h"
#include "dag/validation_parts.h"

namespace freshet::dag {

namespace {

constexpr std::uint32_t kMaxAttempts = 1000;
constexpr Duration kLongestRetry = days(30);
constexpr std::uint64_t kMaxKept = 1'000'000;
constexpr const char* kIdRule = "Use 1 to 64 letters, digits, '_', '-' or '.', the first a letter or a digit";

void check_ids(const LogicalGraph& graph, Problems& problems) {
  std::map<std::string_view, std::size_t> count;
  for (std::uint32_t i = 0; i < graph.operators.size(); ++i) {
    const auto& id = graph.operators[i].id;
    if (!is_legal_id(id)) problems.push_back({operator_label(graph, i), "this cannot be an id", kIdRule});
    if (++count[id] == 2)
      problems.push_back({operator_label(graph, i), "more than one operator has this id",
                          "Give each an id of its own: state and metrics are kept under it"});
  }
}

void check_parallelism(const GraphView& view, std::uint32_t node, const ValidationOptions& options,
                       Problems& problems) {
  const auto said = view.graph().operators[node].parallelism;
  if (said == 0) return;
  const bool keyed = view.graph().operators[node].keyed || view.has_key(node);
  if (const auto text = parallelism_problem(said, keyed, options.key_groups); !text.empty())
    problems.push_back({operator_label(view.graph(), node), "parallelism " + std::to_string(said) + ": " + text, ""});
}

void check_retry(const LogicalGraph& graph, std::uint32_t node, Problems& problems) {
  const auto& op = graph.operators[node];
  const auto& policy = op.on_error;
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    problems.push_back({operator_label(graph, node), what, remedy});
  };
  if (op.kind == OperatorKind::source)
    return refuse("a source cannot retry: what it cannot read is malformed, or fails the job",
                  "Use dead_letter() or fail(), and throw SourceFailed where the medium is to blame");
  if (policy.attempts < 2 || policy.attempts > kMaxAttempts)
    refuse("retry with attempts = " + std::to_string(policy.attempts) + ": 2 to " + std::to_string(kMaxAttempts),
           "Count the first attempt, too; for one alone there is dead_letter()");
  if (policy.first_delay < Duration(1) || policy.limit < policy.first_delay || policy.limit > kLongestRetry)
    refuse("retry with first = " + format_duration(policy.first_delay) + ", limit = " + format_duration(policy.limit) +
               ": first is 1 ms or more, limit no less than first and at most " + format_duration(kLongestRetry),
           "first is the time before the second attempt, limit that from the first attempt to the last");
  if (policy.max_waiting == 0)
    refuse("retry with max_waiting = 0: nothing could wait", "Leave it away to have a million a task");
  if (policy.keep_order && !op.keyed)
    refuse("retry with keep_order on a stream without a key: every record would wait for every other",
           "Put .key_by(…) before it, or leave keep_order away");
}

void check_error_policy(const LogicalGraph& graph, std::uint32_t node, Problems& problems) {
  const auto& policy = graph.operators[node].on_error;
  if (policy.kind == ErrorPolicyKind::retry) check_retry(graph, node, problems);
  if (policy.kind == ErrorPolicyKind::dead_letter && policy.keep != 0 &&
      graph.operators[node].kind == OperatorKind::source)
    problems.push_back({operator_label(graph, node),
                        "a source cannot keep dead letters: what it cannot read is no record",
                        "Take keep away; write job.dead_letters() to a file to have what could not be read"});
  if (policy.keep > kMaxKept)
    problems.push_back({operator_label(graph, node),
                        "keep = " + std::to_string(policy.keep) + ": at most " + std::to_string(kMaxKept) +
                            " dead letters are kept per task",
                        "Write job.dead_letters() to a file to have them all"});
  const bool in_range = policy.pause_above > 0 && policy.pause_above <= 1;  // false for NaN, too
  const bool has_brake = policy.kind == ErrorPolicyKind::dead_letter || policy.kind == ErrorPolicyKind::retry;
  if (has_brake && !in_range)
    problems.push_back({operator_label(graph, node),
                        "pause_above is a share of the records: above 0, at most 1, not " + to_json(policy.pause_above),
                        "Say 0.05 to pause at more than 5 % dead letters within a minute"});
}

void check_inputs(const GraphView& view, std::uint32_t node, Problems& problems) {
  const auto& op = view.graph().operators[node];
  const auto label = operator_label(view.graph(), node);
  if (op.inputs > kMaxInputs) {
    problems.push_back({label, std::to_string(op.inputs) + " inputs, at most " + std::to_string(kMaxInputs), ""});
    return;
  }
  if (op.kind == OperatorKind::source) {
    if (op.inputs != 0) problems.push_back({label, "a source has no inputs", "Make it a transform"});
    return;
  }
  if (view.inputs_of(node).empty()) {
    problems.push_back({label, "nothing comes in", "Connect it to a stream, or leave it out"});
    return;
  }
  for (std::uint32_t input = 0; input < op.inputs; ++input) {
    const auto& edges = view.inputs_of(node);
    const bool fed =
        std::any_of(edges.begin(), edges.end(), [&](auto i) { return view.graph().edges[i].to_input == input; });
    if (!fed)
      problems.push_back({label,
                          "nothing comes in at input " + std::to_string(input + 1) + " of " + std::to_string(op.inputs),
                          "Connect a stream to it"});
  }
}

void check_outputs(const LogicalGraph& graph, std::uint32_t node, Problems& problems) {
  std::set<std::string_view> names;
  for (const auto& output : graph.operators[node].outputs) {
    if (!names.insert(output.name).second)
      problems.push_back(
          {operator_label(graph, node), "two outputs are called " + readable(output.name), "Rename one"});
  }
}

/// Addresses are one namespace for the whole job: operator a.b, state c would be operator a, state b.c.
void check_states(const LogicalGraph& graph, Problems& problems) {
  std::map<std::string, std::uint32_t> owner;
  for (std::uint32_t node = 0; node < graph.operators.size(); ++node) {
    std::set<std::string_view> names;
    for (const auto& state : graph.operators[node].states) {
      const auto label = operator_label(graph, node);
      if (!is_legal_id(state.name)) {
        problems.push_back({label, "state " + readable(state.name) + ": this cannot be a name", kIdRule});
        continue;
      }
      if (!names.insert(state.name).second) {
        problems.push_back({label, "two states are called " + state.name, "Rename one"});
        continue;
      }
      const auto address = state_address(graph.operators[node], state);
      const auto [entry, added] = owner.emplace(address, node);
      // Under the same operator id the double id is what is wrong, and said already.
      if (!added && graph.operators[entry->second].id != graph.operators[node].id)
        problems.push_back({label,
                            "state " + state.name + " would have the address " + address +
                                ", which is that of a state of " + operator_name(graph, entry->second),
                            "Rename the state or one of the operators"});
    }
  }
}

/// Only a graph whose results nobody could see is refused; a stream that nobody reads is the author's business.
void check_something_is_written(const LogicalGraph& graph, Problems& problems) {
  const auto shows = [](const OperatorNode& op) {
    return op.kind == OperatorKind::sink || op.queryable ||
           std::any_of(op.states.begin(), op.states.end(), [](const auto& state) { return state.queryable; });
  };
  if (std::none_of(graph.operators.begin(), graph.operators.end(), shows))
    problems.push_back({"job " + graph.job, "nothing is written", "Add a sink, or make a state .queryable()"});
}

}  // namespace

void check_operators(const GraphView& view, const ValidationOptions& options, Problems& problems) {
  const auto& graph = view.graph();
  if (graph.operators.empty()) {
    problems.push_back({"job " + graph.job, "it has no operator", "Start with job.source(…)"});
    return;
  }
  if (graph.operators.size() > kMaxOperators)
    problems.push_back({"job " + graph.job,
                        std::to_string(graph.operators.size()) + " operators, at most " + std::to_string(kMaxOperators),
                        "Split it into several jobs"});
  check_ids(graph, problems);
  for (std::uint32_t node = 0; node < graph.operators.size(); ++node) {
    check_parallelism(view, node, options, problems);
    check_error_policy(graph, node, problems);
    check_inputs(view, node, problems);
    check_outputs(graph, node, problems);
  }
  check_states(graph, problems);
  check_something_is_written(graph, problems);
}

}  // namespace freshet::dag
