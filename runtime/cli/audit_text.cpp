#include "runtime/cli/audit_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "dag/counted.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/table.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

/// Records of an edge that are neither applied nor set aside.
std::int64_t missing_on(const json& edge) {
  return integer_or(edge, "sent", 0) - integer_or(edge, "applied", 0) - integer_or(edge, "refused", 0);
}

std::string edge_text(const json& edge) {
  const std::string output = text_or(edge, "output", "out");
  const std::int64_t input = integer_or(edge, "input", 0);
  return text_or(edge, "from", "?") + (output == "out" ? "" : "." + output) + " -> " + text_or(edge, "to", "?") +
         (input == 0 ? "" : " (input " + std::to_string(input + 1) + ")");
}

}  // namespace

bool is_balanced(const json& audit) {
  const auto& edges = list(audit, "edges");
  return std::all_of(edges.begin(), edges.end(), [](const json& edge) {
    return missing_on(edge) == 0 && integer_or(edge, "sent", 0) == integer_or(edge, "received", 0);
  });
}

std::string audit_summary(const json& audit) {
  const std::size_t edges = list(audit, "edges").size();
  if (edges == 0) return "";
  return dag::counted(edges, "edge") +
         (is_balanced(audit) ? (edges == 1 ? " balances" : " balance") : " DO NOT BALANCE");
}

std::string audit_text(const json& audit, const Terminal& terminal) {
  constexpr auto kRight = Align::kRight;
  const std::int64_t checkpoint = integer_or(audit, "checkpoint", 0);
  Table table({{"EDGE"},
               {"CHECKPOINT"},
               {"SENT", kRight},
               {"RECEIVED", kRight},
               {"APPLIED", kRight},
               {"DEAD", kRight},
               {"BALANCE", kRight}});
  std::int64_t records = 0;
  for (const json& edge : list(audit, "edges")) {
    records += integer_or(edge, "sent", 0);
    table.add({edge_text(edge), std::to_string(integer_or(edge, "since", 0)) + ".." + std::to_string(checkpoint),
               grouped(integer_or(edge, "sent", 0)), grouped(integer_or(edge, "received", 0)),
               grouped(integer_or(edge, "applied", 0)), grouped(integer_or(edge, "refused", 0)),
               grouped(missing_on(edge))});
  }
  if (table.empty())
    return "checkpoint " + std::to_string(checkpoint) +
           ": all steps of the job run in one chain, and no record goes from task to task\n";
  return table.render(terminal) +
         (is_balanced(audit) ? "balances: every one of " + grouped(records) +
                                   " records is accounted for, up to checkpoint " + std::to_string(checkpoint) + "\n"
                             : "DOES NOT BALANCE: records are lost or doubled; please report this\n");
}

}  // namespace freshet::cli
