#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

#include <freshet/graph.h>

/// Graphs for tests.
namespace freshet::dag::test {

struct Event {
  std::uint64_t user = 0;
  std::string page{};
  Time time{};
  FRESHET_RECORD(user, page, time)
};

struct Total {
  std::uint64_t user = 0;
  std::uint64_t views = 0;
  FRESHET_RECORD(user, views)
};

/// Adds operators and edges by id; what it makes is valid unless a test bends it.
class GraphMaker {
 public:
  explicit GraphMaker(std::string job = "shop") { graph_.job = std::move(job); }

  OperatorNode& source(const std::string& id) { return add(id, OperatorKind::source, 0, 1); }
  OperatorNode& transform(const std::string& id, std::uint32_t inputs = 1) {
    return add(id, OperatorKind::transform, inputs, 1);
  }
  OperatorNode& sink(const std::string& id) { return add(id, OperatorKind::sink, 1, 0); }

  Edge& edge(const std::string& from, const std::string& to, Grouping grouping = Grouping::rebalance,
             std::initializer_list<std::string> key = {});
  /// A keyed stream goes on under its key.
  Edge& keyed_edge(const std::string& from, const std::string& to);

  OperatorNode& node(const std::string& id) { return graph_.operators[index(id)]; }
  std::uint32_t index(const std::string& id) const;
  LogicalGraph& graph() { return graph_; }

 private:
  OperatorNode& add(const std::string& id, OperatorKind kind, std::uint32_t inputs, std::uint32_t outputs);

  LogicalGraph graph_;
};

/// events ==user=> dedupe -key-> totals -key-> totals_file
///    \.late             \-key-> recent (queryable)
///     \--> late_file     \=page=> pages (parallelism 3) --> pages_file
GraphMaker shop();

/// A valid graph of up to 12 operators with parallelisms up to 6; the same for the same seed.
LogicalGraph random_graph(std::mt19937& random);

/// FRESHET_SEED of the environment, or `fallback`; printed with every failure through SCOPED_TRACE.
std::uint32_t seed_or(std::uint32_t fallback);

/// Contents of tests/golden/dag/NAME. With FRESHET_UPDATE_GOLDEN set, `actual` is written there first.
std::string golden(const std::string& name, const std::string& actual);

}  // namespace freshet::dag::test
