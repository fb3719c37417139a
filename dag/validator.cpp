#include "dag/validator.h"

#include <algorithm>

#include "dag/validation_parts.h"

namespace freshet::dag {

std::string parallelism_problem(std::int64_t parallelism, bool keyed, std::uint32_t key_groups) {
  const bool groups_decide = keyed && key_groups <= kMaxParallelism;
  const std::int64_t limit = groups_decide ? key_groups : kMaxParallelism;
  if (parallelism >= 1 && parallelism <= limit) return {};
  std::string text = "must be 1 to " + std::to_string(limit);
  if (groups_decide)
    text += " (" + std::to_string(key_groups) + " key groups; fixed when the job first starts, --key-groups)";
  return text;
}

namespace {

void check_options(const ValidationOptions& options, Problems& problems) {
  if (options.key_groups < 1 || options.key_groups > kMaxKeyGroups)
    problems.push_back({"key groups " + std::to_string(options.key_groups),
                        "must be 1 to " + std::to_string(kMaxKeyGroups) + " (--key-groups)", ""});
}

}  // namespace

std::vector<Problem> validate(const LogicalGraph& graph, const ValidationOptions& given) {
  Problems problems;
  check_options(given, problems);
  ValidationOptions options = given;
  options.key_groups = std::clamp<std::uint32_t>(given.key_groups, 1, kMaxKeyGroups);
  // Any operator may be keyed one day, and a default beyond the key groups would break it then: the limit is for all.
  if (auto text = parallelism_problem(options.default_parallelism, true, options.key_groups); !text.empty())
    problems.push_back({"parallelism " + std::to_string(options.default_parallelism), text, ""});

  const GraphView view(graph);
  check_operators(view, options, problems);
  check_cycles(view, problems);
  check_edges(view, problems);
  check_keys(view, problems);
  check_equal_parallelism(view, options, problems);
  check_parameters(graph, options, problems);
  return problems;
}

std::string to_text(const Problem& problem) {
  std::string text = problem.where + ": " + problem.message;
  if (!problem.remedy.empty()) text += ". " + problem.remedy;
  return text;
}

}  // namespace freshet::dag
