#pragma once

#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

enum class Format { csv, tsv, jsonl, log };

/// How the lines of a file carry their fields.
struct Dialect {
  Format format = Format::csv;
  char delimiter = ',';  // of csv and tsv
  bool quoted = true;    // whether RFC 4180 quotes are understood; then a record may span lines

  /// `name` is csv, tsv, jsonl, log, or auto: by the ending of `path`, in front of .gz. Of a log that was put away,
  /// access.log.2 or access.log-20260301, the number does not count; Apache's access_log is one, too.
  static Result<Dialect> from_name(std::string_view name, std::string_view path);

  bool operator==(const Dialect&) const = default;
};

}  // namespace freshet::files
