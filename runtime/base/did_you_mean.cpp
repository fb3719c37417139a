#include "runtime/base/did_you_mean.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace freshet::base {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::size_t edit_distance(std::string_view left, std::string_view right) {
  // Three rows are enough: a swap looks two rows back.
  std::vector<std::size_t> before(right.size() + 1);
  std::vector<std::size_t> previous(right.size() + 1);
  std::vector<std::size_t> current(right.size() + 1);
  for (std::size_t column = 0; column <= right.size(); ++column) previous[column] = column;
  for (std::size_t row = 1; row <= left.size(); ++row) {
    current[0] = row;
    for (std::size_t column = 1; column <= right.size(); ++column) {
      const std::size_t substitution = left[row - 1] == right[column - 1] ? 0 : 1;
      current[column] = std::min({previous[column] + 1, current[column - 1] + 1, previous[column - 1] + substitution});
      const bool swapped =
          row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1];
      if (swapped) current[column] = std::min(current[column], before[column - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[right.size()];
}

std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> known) {
  if (word.empty() || word.size() > kMaxComparedWord) return std::nullopt;
  const std::string wanted = lower(word);
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::optional<std::string> best;
  for (const std::string& candidate : known) {
    if (candidate.empty() || candidate.size() > kMaxComparedWord) continue;
    const std::size_t distance = edit_distance(wanted, lower(candidate));
    // A distance as long as the candidate means that nothing of it is left.
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean_hint(std::string_view word, std::span<const std::string> known) {
  const auto near = did_you_mean(word, known);
  return near ? " Did you mean " + *near + "?" : std::string();
}

}  // namespace freshet::base
