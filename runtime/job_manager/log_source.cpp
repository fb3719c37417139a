#include "runtime/job_manager/log_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>

#include <freshet/text.h>

namespace freshet::manager {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

std::size_t level_rank(std::string_view level) {
  const auto found = std::find(kLevels.begin(), kLevels.end(), level);
  return static_cast<std::size_t>(found - kLevels.begin());
}

// "worker-12.out" after "worker-" -> 12; what else the name holds is in `rest`.
std::optional<std::uint32_t> number_after(std::string_view name, std::string_view prefix, std::string_view& rest) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc()) return std::nullopt;
  rest = name.substr(static_cast<std::size_t>(end - name.data()));
  return number;
}

struct LogFile {
  std::string path;
  std::uint32_t attempt = 0;
  std::uint32_t worker = 0;
};

void find_in_attempt(const fs::path& folder, std::uint32_t attempt, const LogQuery& query,
                     std::vector<LogFile>& files) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::string_view rest;
    const std::string name = entry.path().filename().string();
    const auto worker = number_after(name, "worker-", rest);
    if (!worker || (query.worker && *worker != *query.worker)) continue;
    if (files.size() >= FileLogSource::kMaxFiles) return;
    if (rest == ".out") files.push_back({entry.path().string(), attempt, *worker});
    if (rest.empty() && fs::exists(entry.path() / "worker.log", error))
      files.push_back({(entry.path() / "worker.log").string(), attempt, *worker});
  }
}

std::vector<LogFile> find_files(const std::string& data, const LogQuery& query) {
  std::vector<LogFile> files;
  std::error_code error;
  const fs::path job = fs::path(data) / "jobs" / ("job-" + std::to_string(query.job.value));
  for (const auto& entry : fs::directory_iterator(job, error)) {
    std::string_view rest;
    const std::string name = entry.path().filename().string();
    const auto attempt = number_after(name, "attempt-", rest);
    if (!attempt || !rest.empty() || (query.attempt && *attempt != *query.attempt)) continue;
    find_in_attempt(entry.path(), *attempt, query, files);
  }
  return files;
}

/// How far each file has been read: "c-<attempt>.<worker>.<o or l>.<offset>_…". Comes back from outside: a cursor that
/// cannot be read means the beginning.
using Cursor = std::map<std::string, std::uint64_t>;

std::string key_of(const LogFile& file) {
  return std::to_string(file.attempt) + "." + std::to_string(file.worker) + (file.path.ends_with(".out") ? ".o" : ".l");
}

Cursor parse_cursor(std::string_view text) {
  Cursor cursor;
  if (!text.starts_with("c-")) return cursor;
  text.remove_prefix(2);
  while (!text.empty() && cursor.size() < FileLogSource::kMaxFiles) {
    const std::string_view part = text.substr(0, text.find('_'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t dot = part.rfind('.');
    if (dot == std::string_view::npos) continue;
    std::uint64_t offset = 0;
    const std::string_view digits = part.substr(dot + 1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), offset).ec == std::errc())
      cursor[std::string(part.substr(0, dot))] = offset;
  }
  return cursor;
}

std::string to_text(const Cursor& cursor) {
  std::string text = "c-";
  for (const auto& [key, offset] : cursor) text += (text.size() > 2 ? "_" : "") + key + "." + std::to_string(offset);
  return text;
}

// Whole lines from `offset` on, at most the last kMaxBytesPerFile; moves `offset` behind them.
std::string read_lines(const std::string& path, std::uint64_t& offset) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::uint64_t>(file.tellg());
  if (offset > size) offset = 0;  // another file than it was
  const bool is_cut = size - offset > FileLogSource::kMaxBytesPerFile;
  if (is_cut) offset = size - FileLogSource::kMaxBytesPerFile;
  std::string text(static_cast<std::size_t>(size - offset), '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  offset += text.size();
  return is_cut ? text.substr(std::min(text.size(), text.find('\n') + 1)) : text;
}

bool is_wanted(const LogLine& line, const LogQuery& query) {
  if (!query.operator_id.empty() && line.operator_id != query.operator_id) return false;
  if (!query.level.empty() && level_rank(line.level) < level_rank(query.level)) return false;
  return query.grep.empty() || line.text.find(query.grep) != std::string::npos;
}

}  // namespace

LogLine parse_log_line(const std::string& line) {
  LogLine parsed;
  parsed.text = line;
  Time time{};
  const std::size_t blank = line.find(' ');
  if (blank == std::string::npos || blank < 20 || line[4] != '-' || !parse_time(line.substr(0, blank), time))
    return parsed;
  const std::size_t level = line.find_first_not_of(' ', blank);
  if (level == std::string::npos) return parsed;
  const std::size_t level_end = line.find(' ', level);
  const std::string name = line.substr(level, level_end - level);
  if (level_rank(name) == kLevels.size()) return parsed;
  parsed.time_ms = time.time_since_epoch().count();
  parsed.level = name;
  const std::size_t text = level_end == std::string::npos ? level_end : line.find_first_not_of(' ', level_end);
  parsed.text = text == std::string::npos ? "" : line.substr(text);
  constexpr std::string_view kOperator = "operator=";
  if (const std::size_t at = parsed.text.find(kOperator);
      at == 0 || (at != std::string::npos && parsed.text[at - 1] == ' '))
    parsed.operator_id = parsed.text.substr(at + kOperator.size(), parsed.text.find(' ', at) - at - kOperator.size());
  return parsed;
}

LogPage FileLogSource::read(const LogQuery& query) {
  LogPage page;
  Cursor cursor = parse_cursor(query.cursor);
  for (const std::string& data : data_folders_) {
    for (const LogFile& file : find_files(data, query)) {
      const std::string text = read_lines(file.path, cursor[key_of(file)]);
      std::int64_t last_time = 0;
      for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        LogLine line = parse_log_line(text.substr(begin, end - begin));
        begin = end + 1;
        line.attempt = file.attempt;
        line.worker = file.worker;
        if (line.time_ms == 0) line.time_ms = last_time;
        if (line.level.empty()) line.level = "info";
        last_time = line.time_ms;
        if (is_wanted(line, query)) page.lines.push_back(std::move(line));
      }
    }
  }
  std::stable_sort(page.lines.begin(), page.lines.end(),
                   [](const LogLine& a, const LogLine& b) { return a.time_ms < b.time_ms; });
  const std::size_t limit = std::min(query.limit, kMaxLines);
  if (page.lines.size() > limit)
    page.lines.erase(page.lines.begin(), page.lines.end() - static_cast<std::ptrdiff_t>(limit));
  page.next = to_text(cursor);
  return page;
}

}  // namespace freshet::manager
