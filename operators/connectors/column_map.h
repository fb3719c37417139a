#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// `a, b`: names as people read them.
template <class Names>
std::string listed(const Names& names) {
  std::string text;
  for (const auto& name : names) (text += text.empty() ? "" : ", ") += name;
  return text;
}

/// Where the fields of a record stand in a line: "user=user_id,item=2,time=InvoiceDate" says it by header name or by
/// number from 1. A field that is not mentioned stands in the column of its own name, if the header has one.
class ColumnMap {
 public:
  /// What is known of the input.
  struct Columns {
    std::span<const std::string_view> header{};  // empty: it has none, and only numbers can be used
    std::size_t count = 0;                       // of its columns; 0: not known, any number is taken
  };

  /// `fields` are the record's. One error lists everything that is wrong, a line each: unknown fields, columns that the
  /// header lacks, numbers beyond its end, fields given twice.
  static Result<ColumnMap> resolve(std::string_view text, std::span<const std::string_view> fields,
                                   const Columns& columns);

  /// For each field of the record the index of its column from 0, or nothing.
  std::span<const std::optional<std::size_t>> columns() const { return columns_; }

 private:
  std::vector<std::optional<std::size_t>> columns_{};
};

/// The same text for JSON lines: for each field the dotted path of its value, its own name when it is not mentioned.
Result<std::vector<std::string>> resolve_json_paths(std::string_view text, std::span<const std::string_view> fields);

}  // namespace freshet::files
