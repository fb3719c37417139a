#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace freshet::integration {

/// The CSV part files of one result folder, read by themselves: nothing here shares code with the engine.
class ResultTable {
 public:
  /// Throws std::runtime_error when there is no part file, or one that is not CSV.
  explicit ResultTable(const std::string& folder);

  std::size_t rows() const { return rows_.size(); }
  /// Throws std::out_of_range for an unknown column.
  const std::string& text(std::size_t row, const std::string& column) const { return rows_[row][columns_.at(column)]; }
  long long number(std::size_t row, const std::string& column) const { return std::stoll(text(row, column)); }

  /// The rows as `key` -> number in `column`; each key once.
  std::map<std::string, long long> by(const std::string& key, const std::string& column) const;
  /// The greatest numbers: greater first, then the smaller key, as numbers where both are.
  std::vector<std::pair<std::string, long long>> top(std::size_t count, const std::string& key,
                                                     const std::string& column) const;
  /// All rows, each as one text, sorted: equal for results that differ in nothing but order and part files.
  std::vector<std::string> sorted_rows(const std::vector<std::string>& columns) const;
  std::vector<std::string> columns() const;

 private:
  void read_part(const std::string& path);

  std::map<std::string, std::size_t> columns_{};
  std::vector<std::vector<std::string>> rows_{};
};

}  // namespace freshet::integration
