#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// A line of commas only must not cost more memory than this many fields.
inline constexpr std::size_t kMaxFields = 4096;

/// Splits CSV and TSV lines into fields; one object per reader, reused for every line, so nothing is allocated once its
/// buffers have grown. Quoting is that of RFC 4180; a quote inside an unquoted field is text, as in 5" pipe.
class Delimited {
 public:
  enum class Quoting { none, rfc4180 };

  explicit Delimited(char delimiter, Quoting quoting = Quoting::rfc4180) : delimiter_(delimiter), quoting_(quoting) {}

  /// Splits `line`, a record without its line end. On an error (open quote, text behind a closing quote, too many
  /// fields) fields() is empty. An empty line is one empty field.
  Status parse(std::string_view line);

  /// Of the last line parsed; valid until the next parse, and as long as the line's text.
  std::span<const std::string_view> fields() const { return fields_; }

 private:
  Status quoted(std::string_view line, std::size_t& at);
  Error malformed(std::string_view what);

  const char delimiter_;
  const Quoting quoting_;
  std::vector<std::string_view> fields_{};
  std::string unescaped_{};  // the fields that contain "" escapes; never reallocated while a line is parsed
};

}  // namespace freshet::files
