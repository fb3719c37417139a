#include "tests/dag/graphs.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "dag/graph_view.h"

namespace freshet::dag::test {

OperatorNode& GraphMaker::add(const std::string& id, OperatorKind kind, std::uint32_t inputs, std::uint32_t outputs) {
  OperatorNode made{.id = id, .kind = kind, .inputs = inputs};
  made.input_records.assign(inputs, schema_of<Event>());
  for (std::uint32_t i = 0; i < outputs; ++i) made.outputs.push_back({"out", schema_of<Event>()});
  graph_.operators.push_back(std::move(made));
  return graph_.operators.back();
}

std::uint32_t GraphMaker::index(const std::string& id) const {
  for (std::uint32_t i = 0; i < graph_.operators.size(); ++i) {
    if (graph_.operators[i].id == id) return i;
  }
  throw std::logic_error("no operator " + id);
}

Edge& GraphMaker::edge(const std::string& from, const std::string& to, Grouping grouping,
                       std::initializer_list<std::string> key) {
  graph_.edges.push_back({.from = index(from), .to = index(to), .grouping = grouping, .key_fields = key});
  graph_.edges.back().record = graph_.operators[index(from)].outputs.at(0).record;
  return graph_.edges.back();
}

Edge& GraphMaker::keyed_edge(const std::string& from, const std::string& to) {
  Edge& made = edge(from, to, Grouping::forward);
  made.carries_key = true;
  return made;
}

GraphMaker shop() {
  GraphMaker maker;
  maker.graph().help = "Totals per user and views per page";
  maker.source("events").description = "files in/*.csv";
  maker.node("events").outputs.push_back({"late", schema_of<Event>()});
  auto& dedupe = maker.transform("dedupe");
  dedupe.keyed = true;
  dedupe.description = "dedupe";
  dedupe.states.push_back({.name = "seen",
                           .kind = "map",
                           .key = schema_of<std::uint64_t>(),
                           .map_key = schema_of<std::string>(),
                           .value = schema_of<Time>(),
                           .ttl = 24h});
  auto& totals = maker.transform("totals");
  totals.keyed = true;
  totals.description = "fold";
  totals.emission = "every 1s";
  totals.queryable = true;
  totals.outputs[0].record = schema_of<Total>();
  totals.states.push_back({.name = "value",
                           .kind = "value",
                           .key = schema_of<std::uint64_t>(),
                           .value = schema_of<Total>(),
                           .queryable = true});
  auto& recent = maker.transform("recent");
  recent.keyed = true;
  recent.description = "recent 50";
  recent.on_error = {.kind = ErrorPolicyKind::dead_letter};
  recent.outputs.clear();
  maker.transform("pages").keyed = true;
  maker.node("pages").parallelism = 3;
  maker.sink("totals_file").guarantee = "exactly-once";
  maker.node("totals_file").description = "files::jsonl out/totals";
  maker.node("totals_file").input_records[0] = schema_of<Total>();
  maker.sink("pages_file").guarantee = "exactly-once";
  maker.sink("late_file").own_thread = true;

  maker.edge("events", "dedupe", Grouping::fields, {"user"});
  maker.edge("events", "late_file").from_output = 1;
  maker.keyed_edge("dedupe", "totals");
  maker.keyed_edge("dedupe", "recent");
  maker.edge("dedupe", "pages", Grouping::fields, {"page"});
  maker.keyed_edge("totals", "totals_file");
  maker.edge("pages", "pages_file");
  return maker;
}

LogicalGraph random_graph(std::mt19937& random) {
  const auto pick = [&](std::uint32_t below) {
    return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random);
  };
  GraphMaker maker("random");
  const std::uint32_t count = 2 + pick(11);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto id = "op" + std::to_string(i);
    if (i == 0 || pick(6) == 0)
      maker.source(id);
    else if (i + 1 == count)
      maker.sink(id);
    else
      maker.transform(id);
    if (pick(3) == 0) maker.graph().operators[i].parallelism = 1 + pick(6);
    if (pick(8) == 0) maker.graph().operators[i].own_thread = true;
  }
  constexpr Grouping kGroupings[] = {
      Grouping::rebalance, Grouping::rebalance, Grouping::shuffle,          Grouping::fields, Grouping::all,
      Grouping::global,    Grouping::none,      Grouping::local_or_shuffle, Grouping::custom};
  for (std::uint32_t to = 1; to < count; ++to) {
    auto& node = maker.graph().operators[to];
    if (node.kind == OperatorKind::source) continue;
    const std::uint32_t edges = 1 + (pick(4) == 0 ? 1 : 0);
    for (std::uint32_t i = 0; i < edges; ++i) {
      const auto from = "op" + std::to_string(pick(to));
      auto& edge = maker.edge(from, node.id, kGroupings[pick(std::size(kGroupings))]);
      if (edge.grouping == Grouping::fields) edge.key_fields = {"user"};
      // The first edge alone decides whether parallelism is inherited; a second forward one might contradict it.
      const bool keyed_from = GraphView(maker.graph()).has_key(edge.from);
      if (i != 0 || edges != 1 || pick(2) == 0) continue;
      edge.grouping = Grouping::forward;
      edge.key_fields.clear();
      edge.carries_key = keyed_from;
      node.parallelism = 0;
    }
  }
  return maker.graph();
}

std::uint32_t seed_or(std::uint32_t fallback) {
  const char* text = std::getenv("FRESHET_SEED");
  return text == nullptr ? fallback : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

std::string golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(FRESHET_GOLDEN_DIR) + "/" + name;
  if (std::getenv("FRESHET_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << actual;
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace freshet::dag::test
