#include "runtime/cli/cluster_text.h"

#include <nlohmann/json.hpp>

#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/table.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

std::string amount(const json& value) { return value.is_number() ? bytes(value.get<double>()) : "-"; }

std::string memory_of(const json& agent) {
  const json& memory = member(agent, "memory");
  if (!memory.is_object()) return amount(memory);
  return amount(member(memory, "used")) + " of " + amount(member(memory, "total"));
}

}  // namespace

std::string cluster_text(const json& cluster, const Terminal& terminal) {
  const json& manager = member(cluster, "manager");
  std::string text = "job manager   " + text_or(manager, "address", "?") + "    pid " +
                     std::to_string(integer_or(manager, "pid", 0)) + "   version " + text_or(manager, "version", "?") +
                     "   up " + duration(number_or(manager, "uptime_ms", 0)) + "   " + text_or(manager, "data", "") +
                     "\n";
  const std::string checkpoints = text_or(manager, "checkpoints", "");
  if (!checkpoints.empty() && !checkpoints.starts_with(text_or(manager, "data", "") + "/"))
    text += "checkpoints   " + checkpoints + "\n";
  constexpr auto kRight = Align::kRight;
  Table table({{"AGENT"},
               {"HOST"},
               {"STATE"},
               {"SLOTS", kRight},
               {"CPU", kRight},
               {"MEMORY", kRight},
               {"DISK FREE", kRight},
               {"JOBS", kRight},
               {"HEARTBEAT", kRight},
               {"VERSION"}});
  for (const json& agent : list(cluster, "agents")) {
    const auto cpu = number_of(agent, "cpu");
    const auto heartbeat = number_of(agent, "heartbeat_ms_ago");
    table.add({text_or(agent, "id", "?"), text_or(agent, "host", "-"), text_or(agent, "state", "?"),
               std::to_string(integer_or(agent, "used", 0)) + "/" + std::to_string(integer_or(agent, "slots", 0)),
               cpu ? percent(*cpu) : "-", memory_of(agent), amount(member(agent, "disk_free")),
               std::to_string(integer_or(agent, "jobs", 0)), heartbeat ? duration(*heartbeat) : "-",
               text_or(agent, "version", "-")});
  }
  return text + (table.empty() ? "no agents     start some: freshet cluster start\n" : table.render(terminal));
}

}  // namespace freshet::cli
