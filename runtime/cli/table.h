#pragma once

#include <string>
#include <vector>

#include "runtime/cli/terminal.h"

namespace freshet::cli {

enum class Align { kLeft, kRight };

/// Rows in aligned columns: two spaces between them, no trailing spaces, lines trimmed to the terminal's width (and
/// only there). Built, filled and printed by one thread.
class Table {
 public:
  struct Column {
    std::string header;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column; fewer are filled up with empty ones.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  /// Header and rows, each with its newline.
  std::string render(const Terminal& terminal, bool with_header = true) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace freshet::cli
