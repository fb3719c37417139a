#include "tests/integration/result_table.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace freshet::integration {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == std::string::npos;
}

bool smaller(const std::string& a, const std::string& b) {
  return is_number(a) && is_number(b) ? std::stoll(a) < std::stoll(b) : a < b;
}

// The next record of RFC 4180 text; false at its end.
bool next_record(const std::string& text, std::size_t& at, std::vector<std::string>& cells) {
  cells.clear();
  if (at == text.size()) return false;
  cells.emplace_back();
  for (bool quoted = false; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted && c == '"' && at + 1 < text.size() && text[at + 1] == '"')
      cells.back() += text[++at];
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && c == ',')
      cells.emplace_back();
    else if (!quoted && c == '\n')
      return ++at, true;
    else
      cells.back() += c;
  }
  return true;
}

}  // namespace

ResultTable::ResultTable(const std::string& folder) {
  std::vector<std::string> parts;
  if (!std::filesystem::exists(folder)) return;  // a sink that got no rows makes none
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (!entry.path().filename().string().starts_with('.')) parts.push_back(entry.path().string());
  std::sort(parts.begin(), parts.end());
  for (const auto& part : parts) read_part(part);
}

void ResultTable::read_part(const std::string& path) {
  if (!path.ends_with(".csv")) throw std::runtime_error(path + " is no finished part file");
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  std::size_t at = 0;
  std::vector<std::string> cells;
  if (!next_record(text.str(), at, cells)) throw std::runtime_error(path + " has no header");
  std::map<std::string, std::size_t> columns;
  for (const auto& cell : cells) columns.emplace(cell, columns.size());
  if (!columns_.empty() && columns != columns_)
    throw std::runtime_error(path + " has other columns than its neighbour");
  columns_ = columns;
  for (const std::string content = text.str(); next_record(content, at, cells);) {
    if (cells.size() != columns_.size()) throw std::runtime_error(path + " has a row of another length");
    rows_.push_back(cells);
  }
}

std::map<std::string, long long> ResultTable::by(const std::string& key, const std::string& column) const {
  std::map<std::string, long long> numbers;
  for (std::size_t row = 0; row < rows(); ++row) {
    if (!numbers.emplace(text(row, key), number(row, column)).second)
      throw std::runtime_error(key + " " + text(row, key) + " has two rows");
  }
  return numbers;
}

std::vector<std::pair<std::string, long long>> ResultTable::top(std::size_t count, const std::string& key,
                                                                const std::string& column) const {
  const auto numbers = by(key, column);
  std::vector<std::pair<std::string, long long>> ranked(numbers.begin(), numbers.end());
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : smaller(a.first, b.first);
  });
  ranked.resize(std::min(count, ranked.size()));
  return ranked;
}

std::vector<std::string> ResultTable::sorted_rows(const std::vector<std::string>& columns) const {
  std::vector<std::string> lines;
  for (std::size_t row = 0; row < rows(); ++row) {
    std::string line;
    for (const auto& column : columns) line += text(row, column) + '\t';
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> ResultTable::columns() const {
  std::vector<std::string> names;
  for (const auto& [name, index] : columns_) names.push_back(name);
  return names;
}

}  // namespace freshet::integration
