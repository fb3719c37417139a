#include "operators/connectors/part_names.h"

#include <algorithm>
#include <charconv>

namespace freshet::files {
namespace {

constexpr std::size_t kTaskDigits = 5;
constexpr std::size_t kCheckpointDigits = 8;

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

/// Takes pieces off the front of a text.
class Pieces {
 public:
  explicit Pieces(std::string_view rest) : rest_(rest) {}
  bool word(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  template <class N>
  bool number(N& n) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }
  bool until(char end, std::string& piece) {
    const auto found = rest_.find(end);
    if (found == std::string_view::npos) return false;
    piece = rest_.substr(0, found);
    rest_.remove_prefix(found + 1);
    return true;
  }
  bool last_is_extension(std::string& extension) {
    extension = rest_;
    return rest_ == extension_of(RowFormat::csv) || rest_ == extension_of(RowFormat::jsonl);
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string_view extension_of(RowFormat format) { return format == RowFormat::csv ? "csv" : "jsonl"; }

std::string part_name(std::uint32_t task, std::string_view extension) {
  return "part-" + padded(task, kTaskDigits) + "." + std::string(extension);
}

std::optional<std::uint32_t> task_of_part(std::string_view name, std::string_view extension) {
  std::uint32_t task = 0;
  Pieces pieces(name);
  if (!pieces.word("part-") || !pieces.number(task) || name != part_name(task, extension)) return std::nullopt;
  return task;
}

std::string PendingName::text() const {
  return "a" + std::to_string(attempt) + "-t" + padded(task, kTaskDigits) + "-" + std::to_string(sequence) + "." +
         extension;
}

std::optional<PendingName> PendingName::parse(std::string_view text) {
  PendingName name;
  Pieces pieces(text);
  const bool read = pieces.word("a") && pieces.number(name.attempt) && pieces.word("-t") && pieces.number(name.task) &&
                    pieces.word("-") && pieces.number(name.sequence) && pieces.word(".") &&
                    pieces.last_is_extension(name.extension);
  if (!read || name.text() != text) return std::nullopt;
  return name;
}

std::string CommittedName::text() const {
  return "part-" + padded(checkpoint, kCheckpointDigits) + "-" + padded(task, kTaskDigits) + "-" + run + "." +
         extension;
}

std::optional<CommittedName> CommittedName::parse(std::string_view text) {
  CommittedName name;
  Pieces pieces(text);
  const bool read = pieces.word("part-") && pieces.number(name.checkpoint) && pieces.word("-") &&
                    pieces.number(name.task) && pieces.word("-") && pieces.until('.', name.run) &&
                    is_run_name(name.run) && pieces.last_is_extension(name.extension);
  if (!read || name.text() != text) return std::nullopt;
  return name;
}

bool is_run_name(std::string_view run) {
  constexpr std::size_t kMostLetters = 64;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return !run.empty() && run.size() <= kMostLetters && run.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace freshet::files
