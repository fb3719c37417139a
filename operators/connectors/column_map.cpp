#include "operators/connectors/column_map.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "operators/connectors/assignments.h"

namespace freshet::files {
namespace {

using Names = std::span<const std::string_view>;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Levenshtein's distance, upper and lower case being the same.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// " (did you mean 'x'?)", when a name is near enough to be a slip of the keyboard: a third of its letters.
std::string did_you_mean(std::string_view name, Names known) {
  const auto nearest = std::min_element(known.begin(), known.end(),
                                        [&](auto a, auto b) { return distance(name, a) < distance(name, b); });
  if (nearest == known.end() || distance(name, *nearest) > std::max<std::size_t>(1, name.size() / 3)) return "";
  return " (did you mean '" + std::string(*nearest) + "'?)";
}

std::optional<std::size_t> index_of(Names names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - names.begin()));
}

std::optional<std::size_t> as_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// Calls `use(field, value)` for each assignment to a known field, once; collects what is wrong with the others.
template <class Use>
void for_each_field(const std::vector<Assignment>& assignments, Names fields, std::vector<std::string>& problems,
                    Use use) {
  std::vector<bool> given(fields.size());
  for (const auto& [name, value] : assignments) {
    const auto field = index_of(fields, name);
    if (!field) {
      problems.push_back("the record has no field '" + name + "'" + did_you_mean(name, fields) +
                         "; its fields are: " + listed(fields));
    } else if (given[*field]) {
      problems.push_back("the field '" + name + "' is given twice");
    } else {
      given[*field] = true;
      use(*field, value);
    }
  }
}

Result<std::size_t> find_column(const std::string& text, const ColumnMap::Columns& columns, std::string_view field) {
  const std::string where = " (for field '" + std::string(field) + "')";
  const std::size_t count = columns.header.empty() ? columns.count : columns.header.size();
  if (const auto number = as_number(text)) {
    if (*number == 0) return Error{"there is no column 0" + where + "; columns are counted from 1"};
    if (count == 0 || *number <= count) return *number - 1;
    return Error{"there is no column " + text + where + "; the input has " + std::to_string(count) + " columns"};
  }
  if (columns.header.empty()) {
    return Error{"the input has no header, so there is no column '" + text + "'" + where + "; give its number, from 1"};
  }
  if (const auto index = index_of(columns.header, text)) return *index;
  return Error{"the header has no column '" + text + "'" + did_you_mean(text, columns.header) + where +
               "; its columns are: " + listed(columns.header)};
}

Error joined(const std::vector<std::string>& problems) {
  std::string message;
  for (const auto& problem : problems) message += (message.empty() ? "" : "\n") + problem;
  return {message};
}

}  // namespace

Result<ColumnMap> ColumnMap::resolve(std::string_view text, Names fields, const Columns& columns) {
  const auto assignments = parse_assignments(text);
  if (!assignments) return assignments.error();
  ColumnMap map;
  for (const auto field : fields) map.columns_.push_back(index_of(columns.header, field));
  std::vector<std::string> problems;
  for_each_field(*assignments, fields, problems, [&](std::size_t field, const std::string& value) {
    const auto column = find_column(value, columns, fields[field]);
    if (column) {
      map.columns_[field] = *column;
    } else {
      problems.push_back(column.error().message);
    }
  });
  if (!problems.empty()) return joined(problems);
  return map;
}

Result<std::vector<std::string>> resolve_json_paths(std::string_view text, Names fields) {
  const auto assignments = parse_assignments(text);
  if (!assignments) return assignments.error();
  std::vector<std::string> paths(fields.begin(), fields.end());
  std::vector<std::string> problems;
  for_each_field(*assignments, fields, problems, [&](std::size_t field, const std::string& value) {
    if (value.empty()) problems.push_back("the field '" + std::string(fields[field]) + "' has an empty path");
    paths[field] = value;
  });
  if (!problems.empty()) return joined(problems);
  return paths;
}

}  // namespace freshet::files
