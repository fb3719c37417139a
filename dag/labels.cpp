#include "dag/labels.h"

#include <algorithm>

#include <freshet/text.h>

namespace freshet::dag {

namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// "parse", or "parse.bad" for an output with a name of its own.
std::string sender_name(const LogicalGraph& graph, const Edge& edge) {
  std::string name = operator_name(graph, edge.from);
  if (edge.from >= graph.operators.size()) return name;
  const auto& outputs = graph.operators[edge.from].outputs;
  if (edge.from_output < outputs.size() && outputs[edge.from_output].name != "out")
    name += "." + readable(outputs[edge.from_output].name);
  return name;
}

}  // namespace

bool is_legal_id(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || !is_letter_or_digit(id.front())) return false;
  return std::all_of(id.begin(), id.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::string readable(std::string_view name) {
  if (is_legal_id(name)) return std::string(name);
  std::string quoted;
  append_json_string(quoted, name.substr(0, kMaxIdLength));
  return quoted;
}

std::string operator_name(const LogicalGraph& graph, std::uint32_t index) {
  if (index >= graph.operators.size()) return "#" + std::to_string(index);
  return readable(graph.operators[index].id);
}

std::string operator_label(const LogicalGraph& graph, std::uint32_t index) {
  return "operator " + operator_name(graph, index);
}

std::string edge_label(const LogicalGraph& graph, const Edge& edge) {
  return "edge " + sender_name(graph, edge) + " -> " + operator_name(graph, edge.to);
}

std::string state_address(const OperatorNode& node, const StateDeclaration& state) {
  return node.id + "." + state.name;
}

std::string grouping_text(Grouping grouping, const Edge& edge) {
  std::string text(enumerator_name(grouping));
  if (grouping != Grouping::fields && grouping != Grouping::partial_key) return text;
  for (std::size_t i = 0; i < edge.key_fields.size(); ++i) text += (i == 0 ? "(" : ", ") + edge.key_fields[i];
  if (!edge.key_fields.empty()) text += ")";
  if (edge.combines) return text + ", combined before it is sent";
  if (!edge.narrows) return text;
  text += ", sends ";
  for (std::size_t i = 0; i < edge.fields.size(); ++i) text += (i == 0 ? "" : ", ") + edge.fields[i];
  return text + (edge.fields.empty() ? "the key only" : " only");
}

}  // namespace freshet::dag
