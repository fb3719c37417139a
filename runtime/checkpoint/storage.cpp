#include "runtime/checkpoint/storage.h"

#include <algorithm>

namespace freshet::checkpoint {

namespace {

constexpr std::size_t kShownBytes = 300;  // of a refused name

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool is_name_segment(std::string_view segment) {
  return !segment.empty() && segment.size() <= CheckpointStorage::kMaxSegmentBytes && segment != "." &&
         segment != ".." && std::all_of(segment.begin(), segment.end(), is_name_character);
}

Status check_name(std::string_view name) {
  bool good = name.size() <= CheckpointStorage::kMaxNameBytes;
  for (std::string_view rest = name; good;) {
    const std::size_t slash = rest.find('/');
    good = is_name_segment(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (good) return {};
  return Error{
      "'" + std::string(name.substr(0, kShownBytes)) +
      "' is no name of a checkpoint file: segments of letters, digits, '.', '_' and '-' with '/' between them"};
}

}  // namespace freshet::checkpoint
