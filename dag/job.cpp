#include <freshet/job.h>

#include <map>

#include <freshet/retry_state.h>

namespace freshet {

namespace {

/// Whether records that `node` throws on are set aside, by its policy or by default.
bool sets_aside(const OperatorNode& node) { return node.on_error.sets_aside(node.kind == OperatorKind::source); }

}  // namespace

const ParameterDeclaration& Job::declare(std::string_view name, ParameterKind kind, Schema type, std::string fallback,
                                         std::string_view help) {
  for (const auto& parameter : graph_.parameters) {
    if (parameter.name == name)
      problems_.push_back({"parameter " + parameter.name, "declared twice", "give each parameter a name of its own"});
  }
  if (!operators_.empty())
    problems_.push_back({"parameter " + std::string(name), "declared behind the first step",
                         "declare all parameters before the first source, so that describe is complete"});
  return graph_.parameters.emplace_back(
      ParameterDeclaration{std::string(name), kind, std::move(type), std::move(fallback), std::string(help)});
}

std::uint32_t Job::add_operator(OperatorNode node, detail::OperatorImplementation code,
                                const std::vector<detail::Upstream>& from) {
  const auto index = static_cast<std::uint32_t>(graph_.operators.size());
  for (const auto& upstream : from) {
    const auto& outputs = graph_.operators[upstream.node].outputs;
    graph_.edges.push_back({upstream.node, upstream.output, index, upstream.input, upstream.link.grouping,
                            upstream.link.carries_key, upstream.link.key_fields, outputs[upstream.output].record});
    edges_.push_back(upstream.link.code);
  }
  graph_.operators.push_back(std::move(node));
  operators_.push_back(std::move(code));
  return index;
}

/// That operator, and all that its records reach.
std::vector<bool> Job::below(std::uint32_t node) const {
  std::vector<bool> below(graph_.operators.size(), false);
  below[node] = true;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& edge : graph_.edges) {
      if (edge.from >= below.size() || edge.to >= below.size() || !below[edge.from] || below[edge.to]) continue;
      below[edge.to] = grew = true;
    }
  }
  return below;
}

/// A record that gets through in the end may be too late for what goes by event time behind.
void Job::warn_of_long_retries() {
  for (std::uint32_t node = 0; node < operators_.size(); ++node) {
    const auto& policy = graph_.operators[node].on_error;
    if (policy.kind != ErrorPolicyKind::retry) continue;
    const auto reached = below(node);
    for (std::uint32_t other = 0; other < operators_.size(); ++other) {
      const auto takes_late = operators_[other].takes_late;
      if (!reached[other] || !takes_late || *takes_late >= policy.limit) continue;
      warnings_.push_back({"operator " + graph_.operators[node].id,
                           "a record may be tried again for " + format_duration(policy.limit) + ", and " +
                               graph_.operators[other].id + " behind it takes what is late for " +
                               format_duration(*takes_late) + ": what gets through later is booked there as late",
                           "a shorter limit, .allow_late(" + format_duration(policy.limit) +
                               ") of a window, or .late() to have these records"});
    }
  }
}

/// What needs event time must have it from all sources above.
void Job::check_event_time() {
  for (std::uint32_t node = 0; node < graph_.operators.size(); ++node) {
    if (!operators_[node].needs_event_time) continue;
    std::vector<bool> above(graph_.operators.size(), false);
    above[node] = true;
    for (bool grew = true; grew;) {
      grew = false;
      for (const auto& edge : graph_.edges) {
        if (edge.from >= above.size() || edge.to >= above.size() || !above[edge.to] || above[edge.from]) continue;
        above[edge.from] = grew = true;
      }
    }
    for (std::uint32_t source = 0; source < graph_.operators.size(); ++source) {
      const auto& from = graph_.operators[source];
      if (!above[source] || from.kind != OperatorKind::source || operators_[source].event_time) continue;
      problems_.push_back({"operator " + graph_.operators[node].id,
                           "goes by event time, and the records of source " + from.id + " have none",
                           "put .event_time(&Record::field) behind the source"});
    }
  }
}

/// Windows whose late records nobody asks for take what the senders have summed up already, or what they look at only.
void Job::replace_edges() {
  for (std::uint32_t node = 0; node < operators_.size(); ++node) {
    auto& code = operators_[node];
    if (code.combiner == nullptr || sets_aside(graph_.operators[node])) continue;
    std::map<std::size_t, std::shared_ptr<const detail::EdgeType>> replaced;  // by edge
    bool can_all = true;
    for (std::size_t i = 0; i < graph_.edges.size(); ++i) {
      const auto& edge = graph_.edges[i];
      if (edge.from == node && graph_.operators[node].outputs[edge.from_output].name == "late") can_all = false;
      if (edge.to == node && !(replaced[i] = edges_[i].type->replaced(*code.combiner))) can_all = false;
    }
    if (!can_all) continue;
    code.takes_parts = code.combiner->makes_parts();
    for (auto& [i, type] : replaced) {
      edges_[i].type = std::move(type);
      graph_.edges[i].combines = code.takes_parts;
      graph_.edges[i].narrows = !code.takes_parts;
      graph_.edges[i].fields = code.combiner->fields();
    }
  }
}

/// Records that wait to be tried again are state, and so are dead letters that are kept.
void Job::declare_lanes() {
  for (std::uint32_t node = 0; node < operators_.size(); ++node) {
    auto& op = graph_.operators[node];
    if (!op.on_error.has_lane() || op.kind == OperatorKind::source) continue;
    const auto& records = operators_[node].records;
    if (records == nullptr) {
      const bool retries = op.on_error.kind == ErrorPolicyKind::retry;
      problems_.push_back({"operator " + op.id,
                           std::string("on_error(") + (retries ? "retry(…)" : "dead_letter({.keep = …})") +
                               ") behind a step that cannot take back a record",
                           "windows and joins take dead_letter() without keep, or fail(); put what may fail for a time "
                           "into a map before them"});
      continue;
    }
    op.states.push_back(detail::lane_declaration(*records));
    if (op.on_error.keep != 0) op.states.push_back(detail::lane_declaration(*records, detail::kLettersState));
  }
}

void Job::finish() {
  declare_lanes();
  check_event_time();
  warn_of_long_retries();
  replace_edges();
  for (std::size_t i = 0; i < graph_.edges.size(); ++i) {
    if (graph_.edges[i].to >= operators_.size()) continue;  // the validator says so
    const auto& code = operators_[graph_.edges[i].to];
    // Where each change of a value goes out, each record has to come; and where records are set aside, a bad one alone.
    if (code.combiner == nullptr || code.emission.kind == EmissionKind::each_change) continue;
    if (sets_aside(graph_.operators[graph_.edges[i].to])) continue;
    if (!code.takes_parts) graph_.edges[i].combines = edges_[i].type->can_combine(*code.combiner);
  }
  if (!dead_letters_) return;
  const auto below_letters = below(*dead_letters_);
  const auto type = detail::make_edge<void, DeadLetter>(detail::NoKey{}, detail::FirstTask{});
  for (std::uint32_t node = 0; node < graph_.operators.size(); ++node) {
    const auto& from = graph_.operators[node];
    if (below_letters[node] || !sets_aside(from)) continue;
    graph_.edges.push_back({node,
                            static_cast<std::uint32_t>(from.outputs.size() - 1),
                            *dead_letters_,
                            0,
                            Grouping::global,
                            false,
                            {},
                            schema_of<DeadLetter>()});
    edges_.push_back({type, nullptr});
  }
}

}  // namespace freshet
