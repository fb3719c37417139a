#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freshet::dag {

/// How many insertions, deletions, replacements and swaps of neighbours turn `a` into `b` (Damerau-Levenshtein, in its
/// optimal-string-alignment form).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was probably meant to be; empty when none is near. The first wins among equally near ones.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace freshet::dag
