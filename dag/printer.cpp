#include "dag/printer.h"

#include <algorithm>

#include <freshet/text.h>

#include "dag/counted.h"

namespace freshet::dag {

namespace {

/// Lines of cells, each column as wide as its widest cell; the last cell of a line takes what it needs.
class Table {
 public:
  explicit Table(std::size_t indent) : indent_(indent) {}

  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], cells[i].size());
    lines_.push_back(std::move(cells));
  }

  void print(std::string& out) const {
    for (const auto& cells : lines_) {
      std::string line(indent_, ' ');
      for (std::size_t i = 0; i < cells.size(); ++i)
        line += cells[i] + std::string(widths_[i] - cells[i].size() + 3, ' ');
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }

 private:
  const std::size_t indent_;
  std::vector<std::vector<std::string>> lines_;
  std::vector<std::size_t> widths_;
};

std::size_t operator_count(const PlanDescription& plan) {
  std::size_t count = 0;
  for (const auto& chain : plan.chains) count += chain.operators.size();
  return count;
}

std::string settings_text(const OperatorDescription& op) {
  std::string text = "on error: " + op.on_error;
  if (!op.emission.empty()) text += ", emits " + op.emission;
  if (op.queryable) text += ", queryable";
  return text;
}

void print_chains(const PlanDescription& plan, std::string& out) {
  for (const auto& chain : plan.chains) {
    out += "\n" + chain.name + "   " + counted(chain.parallelism, "task") +
           (chain.own_thread ? ", each on a thread of its own" : "") + "\n";
    Table table(2);
    for (const auto& op : chain.operators)
      table.add({op.id, std::string(enumerator_name(op.kind)), op.description, settings_text(op)});
    table.print(out);
  }
}

void print_edges(const PlanDescription& plan, std::string& out) {
  if (plan.edges.empty()) return;
  out += "\nedges\n";
  Table table(2);
  for (const auto& edge : plan.edges) {
    const auto to = edge.to + (edge.input == 0 ? "" : " (input " + std::to_string(edge.input + 1) + ")");
    const auto from = edge.from + (edge.output == "out" ? "" : "." + edge.output);
    table.add(
        {from + " -> " + to, edge.grouping, edge.channels == 0 ? "-" : counted(edge.channels, "channel"), edge.record});
  }
  table.print(out);
}

void print_states(const PlanDescription& plan, std::string& out) {
  Table table(2);
  bool any = false;
  for (const auto& chain : plan.chains) {
    for (const auto& op : chain.operators) {
      for (const auto& state : op.states) {
        any = true;
        const auto map_key = state.map_key.empty() ? "" : ", " + state.map_key;
        const auto kept = state.ttl_ms == 0 ? "kept for ever" : "kept " + format_duration(Duration(state.ttl_ms));
        table.add({state.address, state.kind, kept + (state.queryable ? ", queryable" : ""),
                   (state.key.empty() ? "-" : state.key) + map_key + " -> " + state.value});
      }
    }
  }
  if (!any) return;
  out += "\nstate tables\n";
  table.print(out);
}

void print_sinks(const PlanDescription& plan, std::string& out) {
  Table table(2);
  bool any = false;
  for (const auto& chain : plan.chains) {
    for (const auto& op : chain.operators) {
      if (op.kind != OperatorKind::sink) continue;
      any = true;
      table.add({op.id, op.guarantee.empty() ? "no guarantee stated" : op.guarantee, op.description});
    }
  }
  if (!any) return;
  out += "\nsinks\n";
  table.print(out);
}

void print_workers(const PlanDescription& plan, std::string& out) {
  if (plan.workers.empty()) return;
  out += "\nplacement\n";
  Table table(2);
  for (const auto& worker : plan.workers) {
    std::string tasks;
    for (const auto& task : worker.tasks) tasks += (tasks.empty() ? "" : " ") + task;
    table.add({"worker " + std::to_string(worker.id), worker.agent, counted(worker.tasks.size(), "task"), tasks});
  }
  table.print(out);
}

std::string quoted(const std::string& text) {
  std::string result;
  append_json_string(result, text);
  return result;
}

}  // namespace

std::string print_text(const PlanDescription& plan) {
  std::string out = plan.job + "   " + counted(operator_count(plan), "operator") + " in " +
                    counted(plan.chains.size(), "chain") + ", " + counted(plan.tasks, "task") + ", " +
                    counted(plan.key_groups, "key group") + "   fingerprint " + plan.fingerprint + "\n";
  if (!plan.help.empty()) out += plan.help + "\n";
  print_chains(plan, out);
  print_edges(plan, out);
  print_states(plan, out);
  print_sinks(plan, out);
  print_workers(plan, out);
  return out;
}

std::string print_dot(const PlanDescription& plan) {
  std::string out = "digraph " + quoted(plan.job) + " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const auto& chain : plan.chains) {
    out += "  subgraph cluster_" + std::to_string(chain.id) +
           " {\n    label=" + quoted(chain.name + " x" + std::to_string(chain.parallelism)) + ";\n";
    for (const auto& op : chain.operators)
      out += "    " + quoted(op.id) + " [label=" +
             quoted(op.description.empty() || op.description == op.id ? op.id : op.id + "\n" + op.description) + "];\n";
    out += "  }\n";
  }
  for (const auto& edge : plan.edges) {
    const std::string label = edge.output == "out" ? edge.grouping : edge.output + ": " + edge.grouping;
    out += "  " + quoted(edge.from) + " -> " + quoted(edge.to) + " [label=" + quoted(label) +
           (edge.channels == 0 ? ", style=dashed" : "") + "];\n";
  }
  return out + "}\n";
}

std::string print_json(const PlanDescription& plan) { return to_json(plan) + "\n"; }

}  // namespace freshet::dag
