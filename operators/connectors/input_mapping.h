#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/file_source.h>

#include "operators/connectors/dialect.h"
#include "operators/connectors/time_format.h"
#include "operators/connectors/value_map.h"

namespace freshet::files {

/// What a file's lines are: fields in a dialect, or just text.
struct FileFormat {
  bool plain_lines = false;
  Dialect dialect{};
};

/// Where one field's text comes from in one file.
struct FieldColumn {
  enum class From : std::uint8_t { nowhere, column, line_number, file_name };
  From from = From::nowhere;
  bool named = false;     // in the options; then a JSON line without it is malformed where text is needed
  std::size_t index = 0;  // of the column
};

/// The columns of one file, by the record's fields.
struct FileColumns {
  std::vector<FieldColumn> fields{};
  std::size_t needed = 0;  // columns a line must have
};

/// The options of an input, checked against the record and ready for use. Immutable once made.
class InputMapping {
 public:
  /// `problems` gets all that is wrong; the mapping is of use only when nothing was added.
  InputMapping(const InputOptions& options, const Schema& record, std::vector<InputProblem>& problems);

  Result<FileFormat> format_of(const std::string& path) const;

  /// Whether a first line with these cells is a header: as said, or because it has a name that is looked for.
  bool is_header(std::span<const std::string_view> first_line) const;

  /// `header`: empty when the file has none. An error lists, a line each, what the header lacks.
  Result<FileColumns> columns_of(std::span<const std::string_view> header) const;

  /// For JSON lines: the dotted path of each field's value.
  const std::vector<std::string>& json_paths() const { return json_paths_; }
  FileColumns json_columns() const;

  std::string_view map_value(std::size_t field, std::string_view text) const {
    return values_[field] ? values_[field]->map(text) : text;
  }
  const TimeFormat& time() const { return time_; }
  /// What a field takes, for messages: "a time like …", "one of view, click".
  std::string expected(std::size_t field, std::string_view text) const;
  const std::string& field_name(std::size_t field) const { return record_.fields[field].name; }

 private:
  enum class Header : std::uint8_t { yes, no, automatic };
  using Problems = std::vector<InputProblem>;
  void read_columns(Problems& problems);
  void read_values(Problems& problems);
  void read_delimiter(Problems& problems);
  const Schema& type_of(std::size_t field) const;
  bool readable(std::size_t field) const;
  std::optional<std::size_t> field_index(std::string_view name) const;
  std::vector<std::string_view> field_names() const;

  const InputOptions options_;
  const Schema record_;
  std::string columns_text_{};  // what ColumnMap reads: without @line and @file, defaults added
  std::vector<FieldColumn> pseudo_{};
  std::vector<std::string> names_wanted_{};  // in a header
  std::vector<std::string> json_paths_{};
  std::vector<std::optional<ValueMap>> values_{};
  TimeFormat time_{};
  Header header_ = Header::automatic;
  std::optional<char> delimiter_{};
};

/// One problem for each line of an error that collects several.
void add_problems(std::vector<InputProblem>& problems, const std::string& option, const std::string& message,
                  const std::string& remedy);

}  // namespace freshet::files
