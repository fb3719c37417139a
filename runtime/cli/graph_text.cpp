#include "runtime/cli/graph_text.h"

#include <nlohmann/json.hpp>

#include "runtime/cli/json_fields.h"
#include "runtime/cli/table.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

std::string inputs_of(const json& graph, const std::string& id) {
  std::string inputs;
  for (const json& edge : list(graph, "edges")) {
    if (text_or(edge, "to", "") != id) continue;
    const std::string grouping = text_or(edge, "grouping", "");
    inputs +=
        (inputs.empty() ? "" : ", ") + text_or(edge, "from", "?") + (grouping.empty() ? "" : " (" + grouping + ")");
  }
  return inputs.empty() ? "-" : inputs;
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string default_of(const json& parameter) {
  if (flag_or(parameter, "required", false)) return "required";
  if (flag_or(parameter, "secret", false)) return "****";
  const json& value = member(parameter, "default");
  if (value.is_null()) return "-";
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return text.empty() ? "\"\"" : text;
}

}  // namespace

std::string graph_text(const json& graph, const Terminal& terminal) {
  Table table({{"OPERATOR"}, {"KIND"}, {"TASKS", Align::kRight}, {"INPUT"}});
  Table sinks({{"SINK"}, {"GUARANTEE"}});
  for (const json& entry : list(graph, "operators")) {
    const std::string id = text_or(entry, "id", "?");
    const auto tasks = integer_of(entry, "parallelism");
    table.add({id, text_or(entry, "kind", "-"), tasks ? std::to_string(*tasks) : "-", inputs_of(graph, id)});
    const std::string guarantee = text_or(entry, "guarantee", "");
    if (!guarantee.empty()) sinks.add({id, guarantee});
  }
  if (table.empty()) return "no operators\n";
  return table.render(terminal) + (sinks.empty() ? "" : "\n" + sinks.render(terminal));
}

std::string graph_dot(const json& graph, const std::string& name) {
  std::string text = "digraph " + dot_quoted(name) + " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const json& entry : list(graph, "operators")) {
    const std::string id = text_or(entry, "id", "?");
    const auto tasks = integer_of(entry, "parallelism");
    const std::string label = tasks ? id + " x" + std::to_string(*tasks) : id;
    text += "  " + dot_quoted(id) + " [label=" + dot_quoted(label) + "];\n";
  }
  for (const json& edge : list(graph, "edges")) {
    text += "  " + dot_quoted(text_or(edge, "from", "?")) + " -> " + dot_quoted(text_or(edge, "to", "?")) +
            " [label=" + dot_quoted(text_or(edge, "grouping", "")) + "];\n";
  }
  return text + "}\n";
}

std::string jobs_text(const json& inspection, const std::string& path, const Terminal& terminal) {
  std::string text = path + "   abi " + text_or(inspection, "abi", "?") + "\n";
  for (const json& job : list(inspection, "jobs")) {
    text += "\n" + text_or(job, "name", "?") + "   " + text_or(job, "help", "") + "\n";
    Table table({{"  PARAMETER"}, {"TYPE"}, {"DEFAULT"}, {"HELP"}});
    for (const json& parameter : list(job, "parameters")) {
      table.add({"  " + text_or(parameter, "name", "?"), text_or(parameter, "type", "-"), default_of(parameter),
                 text_or(parameter, "help", "")});
    }
    text += table.empty() ? "  no parameters\n" : table.render(terminal);
  }
  return text;
}

}  // namespace freshet::cli
