#include "operators/connectors/value_map.h"

#include <limits>

#include "operators/connectors/assignments.h"

namespace freshet::files {

Result<ValueMap> ValueMap::from_text(std::string_view text) {
  auto rules = parse_assignments(text);
  if (!rules) return rules.error();
  ValueMap map;
  for (std::size_t order = 0; order < rules->size(); ++order) {
    auto& [pattern, target] = (*rules)[order];
    const std::string quoted = "'" + pattern + "=" + target + "'";
    if (!map.globs_.empty() && map.globs_.back().prefix.empty() && map.globs_.back().suffix.empty()) {
      return Error{"the rule " + quoted + " stands behind '*' and never counts; move it to the front"};
    }
    const std::size_t star = pattern.find('*');
    if (star == std::string::npos) {
      if (!map.words_.emplace(pattern, Word{std::move(target), order}).second) {
        return Error{"the value '" + pattern + "' is mapped twice; remove " + quoted};
      }
    } else if (pattern.find('*', star + 1) != std::string::npos || (star > 0 && star + 1 < pattern.size())) {
      return Error{"the pattern of " + quoted + " is not known; use a word, begin*, *end or *"};
    } else {
      map.globs_.push_back({pattern.substr(0, star), pattern.substr(star + 1), std::move(target), order});
    }
  }
  return map;
}

std::string_view ValueMap::map(std::string_view text) const {
  const auto word = words_.find(text);
  const std::size_t limit = word == words_.end() ? std::numeric_limits<std::size_t>::max() : word->second.order;
  for (const Glob& glob : globs_) {
    if (glob.order > limit) break;
    if (text.starts_with(glob.prefix) && text.ends_with(glob.suffix)) return glob.target;
  }
  return word == words_.end() ? text : std::string_view(word->second.target);
}

}  // namespace freshet::files
