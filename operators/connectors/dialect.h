#pragma once

#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

enum class Format { csv, tsv, jsonl };

/// How the lines of a file carry their fields.
struct Dialect {
  Format format = Format::csv;
  char delimiter = ',';  // of csv and tsv
  bool quoted = true;    // whether RFC 4180 quotes are understood; then a record may span lines

  /// `name` is csv, tsv, jsonl, or auto: by the ending of `path`, in front of .gz.
  static Result<Dialect> from_name(std::string_view name, std::string_view path);

  bool operator==(const Dialect&) const = default;
};

}  // namespace freshet::files
