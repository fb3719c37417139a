#include "operators/connectors/assignments.h"

#include <algorithm>

namespace freshet::files {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

}  // namespace

Result<std::vector<Assignment>> parse_assignments(std::string_view text) {
  std::vector<Assignment> assignments;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      return Error{"'" + std::string(item) + "' is no assignment; write name=value"};
    }
    assignments.push_back(
        {std::string(trimmed(item.substr(0, equals))), std::string(trimmed(item.substr(equals + 1)))});
  }
  return assignments;
}

}  // namespace freshet::files
