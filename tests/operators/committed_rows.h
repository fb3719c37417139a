#pragma once

#include <freshet/file_sink.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

/// What tests of file sinks that commit share.
namespace freshet::files::testing {

/// Keeps what a sink asks for at a barrier; the work is done when the test says so.
class FakeSnapshot final : public SnapshotOut {
 public:
  void begin(std::string_view, std::string_view, std::string_view) override {}
  void put(std::string_view) override {}
  void ask_commit(std::string_view, std::string_view handle) override { handles.emplace_back(handle); }
  void before_done(std::function<Status()> work) override { works.push_back(std::move(work)); }
  Status work() const {
    for (const auto& each : works) {
      if (auto status = each(); !status) return status;
    }
    return {};
  }
  std::vector<std::string> handles;
  std::vector<std::function<Status()>> works;
};

/// Names of a folder's entries that somebody who lists it sees.
inline std::vector<std::string> visible_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
    if (const auto name = entry.path().filename().string(); !name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Lines of all visible files but their headers, sorted.
inline std::vector<std::string> visible_rows(const std::string& folder) {
  std::vector<std::string> rows;
  for (const auto& name : visible_files(folder)) {
    std::ifstream file(std::filesystem::path(folder) / name);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) rows.push_back(line);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace freshet::files::testing
