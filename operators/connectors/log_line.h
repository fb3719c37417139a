#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

/// What a line of an access log holds, by name and in the order of their numbers.
inline constexpr std::array<std::string_view, 20> kLogColumns = {
    "host",  "ident",   "user",   "time",   "method", "path",   "protocol", "status", "bytes",  "referrer",
    "agent", "request", "extra1", "extra2", "extra3", "extra4", "extra5",   "extra6", "extra7", "extra8"};

/// Takes lines of web servers' access logs apart, of the common format and of the combined one, in any mixture:
///
///   host ident user [time] "method path protocol" status bytes ["referrer" "agent"] extra1 …
///
/// Texts in quotes are unescaped as Apache (ap_escape_logitem) and nginx (log_format, escape=default) escape them: \",
/// \\, \xHH, \n and its like. A quote in front of neither a space nor the line's end is text: older servers did not
/// escape. One object per reader, reused for every line, so nothing is allocated once its buffer has grown. One thread.
class LogLine {
 public:
  /// On an error, which says what is wrong, all values are absent.
  Status parse(std::string_view line);

  /// By kLogColumns. Absent is what the line ends before, and "-", but of bytes, where it is 0. A request that does not
  /// begin with a method is a path as a whole. Valid until the next parse, and as long as the line's text.
  std::span<const std::optional<std::string_view>> values() const { return values_; }

 private:
  Status take_apart(std::string_view line);
  Status take_quoted(std::string_view line, std::size_t& at, std::string_view& text);
  Status unescape_quoted(std::string_view line, std::size_t& at, std::string_view& text);
  std::size_t unescape(std::string_view line, std::size_t at);
  void split_request(std::string_view request);
  Status take_rest(std::string_view line, std::size_t at);

  std::array<std::optional<std::string_view>, kLogColumns.size()> values_{};
  std::string unescaped_{};  // the texts that contain escapes; never reallocated while a line is parsed
};

}  // namespace freshet::files
