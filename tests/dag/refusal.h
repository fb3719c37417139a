#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "dag/validator.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {

/// One way to spoil the shop graph or what is said beside it, and all that the validator then says.
struct Refusal {
  std::string name;
  std::function<void(GraphMaker&, ValidationOptions&)> spoil;
  std::vector<std::string> expected;
};

inline void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

inline std::vector<std::string> problems_of(const LogicalGraph& graph, const ValidationOptions& options) {
  std::vector<std::string> texts;
  for (const auto& problem : validate(graph, options)) texts.push_back(to_text(problem));
  return texts;
}

inline std::vector<std::string> problems_of(const Refusal& refusal) {
  GraphMaker maker = shop();
  ValidationOptions options{.default_parallelism = 2};
  refusal.spoil(maker, options);
  return problems_of(maker.graph(), options);
}

inline std::string refusal_name(const testing::TestParamInfo<Refusal>& info) { return info.param.name; }

}  // namespace freshet::dag::test
