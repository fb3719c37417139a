#include "operators/connectors/input_files.h"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

// Commas within braces belong to the pattern.
std::vector<std::string> split_patterns(std::string_view text) {
  std::vector<std::string> patterns(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (c == ',' && depth == 0) {
      patterns.emplace_back();
    } else {
      patterns.back() += c;
    }
  }
  for (auto& pattern : patterns) {
    pattern.erase(0, pattern.find_first_not_of(' '));
    pattern.erase(pattern.find_last_not_of(' ') + 1);
  }
  std::erase(patterns, "");
  return patterns;
}

// The directory in front of the first wildcard, absolute: the place to look at when nothing matches.
std::string looked_in(const std::string& pattern) {
  const fs::path fixed = pattern.substr(0, pattern.find_first_of("*?[{"));
  std::error_code ignored;
  return fs::absolute(fixed.has_parent_path() ? fixed.parent_path() : fs::path("."), ignored)
      .lexically_normal()
      .string();
}

Error no_match(std::string_view parameter, const std::string& pattern, const std::string& place) {
  return {std::string(parameter) + ": no file matches '" + pattern + "' (looked in " + place + ")"};
}

Status add_directory(const std::string& directory, std::vector<std::string>& files) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.') || name.ends_with(kInProgress) || !entry->is_regular_file(ignored)) continue;
    files.push_back(entry->path().string());
  }
  if (error) return Error{"cannot list directory " + directory + ": " + error.message()};
  return {};
}

Result<std::vector<std::string>> matches_of(const std::string& pattern) {
  std::error_code ignored;
  if (fs::exists(pattern, ignored)) return std::vector<std::string>{pattern};  // also a name with [ or * in it
  glob_t found{};
  const int result = ::glob(pattern.c_str(), GLOB_BRACE | GLOB_ERR, nullptr, &found);
  const int reason = errno;
  const std::unique_ptr<glob_t, decltype(&::globfree)> release(&found, &::globfree);
  if (result == GLOB_ABORTED) return Error{"cannot read a directory of '" + pattern + "': " + std::strerror(reason)};
  if (result == GLOB_NOSPACE) return Error{"'" + pattern + "' matches more files than fit into memory"};
  if (result == GLOB_NOMATCH) return std::vector<std::string>{};
  return std::vector<std::string>(found.gl_pathv, found.gl_pathv + found.gl_pathc);
}

}  // namespace

Result<std::vector<std::string>> expand_globs(std::string_view patterns, std::string_view parameter) {
  const auto list = split_patterns(patterns);
  if (list.empty()) {
    return Error{std::string(parameter) + ": no input file given; name files, directories or patterns like 'in/*.csv'"};
  }
  std::vector<std::string> files;
  for (const auto& pattern : list) {
    auto matches = matches_of(pattern);
    if (!matches) return Error{std::string(parameter) + ": " + matches.error().message};
    const std::size_t before = files.size();
    std::string place = looked_in(pattern);
    for (auto& match : *matches) {
      std::error_code ignored;
      if (!fs::is_directory(match, ignored)) {
        files.push_back(std::move(match));
      } else if (const auto added = add_directory(match, files); !added) {
        return Error{std::string(parameter) + ": " + added.error().message};
      } else {
        place = fs::absolute(match, ignored).lexically_normal().string();
      }
    }
    if (files.size() == before) return no_match(parameter, pattern, place);
  }
  for (auto& file : files) file = fs::path(file).lexically_normal().string();  // ./a and a are one file
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace freshet::files
