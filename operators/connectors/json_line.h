#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// Picks wanted values out of lines that hold one JSON object each. Reused for every line, so nothing is allocated once
/// its buffers have grown. Only what is wanted is looked at closely: a malformed scalar elsewhere goes unnoticed,
/// broken structure, broken UTF-8 and text behind the object do not. One thread.
class JsonLine {
 public:
  /// `paths` are dotted: "user.id" is the field id of the object user, or the field "user.id".
  explicit JsonLine(const std::vector<std::string>& paths);
  JsonLine(JsonLine&&) noexcept;
  JsonLine& operator=(JsonLine&&) noexcept;
  ~JsonLine();

  /// On an error all values are absent.
  Status parse(std::string_view line);

  /// One for each path, in their order, as text: a string unescaped; numbers, true, false, objects and arrays as they
  /// are written; null and missing ones are absent. Of a field given twice, the last counts. Valid until the next
  /// parse.
  std::span<const std::optional<std::string_view>> values() const;

 private:
  struct Impl;  // keeps simdjson.h out of whoever includes this
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshet::files
