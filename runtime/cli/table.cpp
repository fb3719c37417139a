#include "runtime/cli/table.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace freshet::cli {

void Table::add(std::vector<std::string> cells) {
  CHECK(cells.size() <= columns_.size(), "a row has no more cells than the table has columns");
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::render(const Terminal& terminal, bool with_header) const {
  std::vector<std::vector<std::string>> lines;
  if (with_header) {
    std::vector<std::string>& header = lines.emplace_back();
    for (const Column& column : columns_) header.push_back(column.header);
  }
  lines.insert(lines.end(), rows_.begin(), rows_.end());
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t index = 0; index < line.size(); ++index) {
      widths[index] = std::max(widths[index], columns_of(line[index]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t index = 0; index < line.size(); ++index) {
      const std::string padding(widths[index] - columns_of(line[index]), ' ');
      if (index > 0) row += "  ";
      row += columns_[index].align == Align::kRight ? padding + line[index] : line[index] + padding;
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += trimmed(row, terminal.width()) + "\n";
  }
  return text;
}

}  // namespace freshet::cli
