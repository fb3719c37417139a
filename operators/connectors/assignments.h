#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// One item of a list like "user=user_id,item=2".
struct Assignment {
  std::string name{};
  std::string value{};
};

/// Splits at commas, each item at its first '='; spaces around items, names and values do not count. Empty items are
/// passed over; an item without '=' is an error that quotes it.
Result<std::vector<Assignment>> parse_assignments(std::string_view text);

}  // namespace freshet::files
