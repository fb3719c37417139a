#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace freshet::base {

/// Longer words are never compared: the cost is the product of both lengths, and nobody mistypes 64 characters.
inline constexpr std::size_t kMaxComparedWord = 64;

/// Damerau-Levenshtein distance in its restricted form (optimal string alignment): insertions, deletions,
/// substitutions and swaps of neighbours count one each, and no stretch is edited twice. Compares bytes.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The known word that `word` was most likely meant to be; nothing when none is near. A word may be wrong in one place
/// per three characters, at least one; the first of equally near words wins. Case does not count as an error.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> known);

/// " Did you mean hot?", or nothing: to be put behind the sentence that says what is unknown.
std::string did_you_mean_hint(std::string_view word, std::span<const std::string> known);

}  // namespace freshet::base
