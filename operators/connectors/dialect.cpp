#include "operators/connectors/dialect.h"

#include <string>

#include "operators/connectors/characters.h"

namespace freshet::files {
namespace {

constexpr Dialect kCsv{.format = Format::csv, .delimiter = ',', .quoted = true};
constexpr Dialect kTsv{.format = Format::tsv, .delimiter = '\t', .quoted = false};
constexpr Dialect kJsonl{.format = Format::jsonl, .delimiter = '\0', .quoted = false};
constexpr Dialect kLog{.format = Format::log, .delimiter = '\0', .quoted = false};

bool is_named_as_log(std::string_view path) {
  std::string_view name = path;
  while (!name.empty() && is_digit(name.back())) name.remove_suffix(1);
  if (name.size() < path.size() && (name.ends_with('.') || name.ends_with('-'))) name.remove_suffix(1);
  return name.ends_with(".log") || name.ends_with("access_log");
}

}  // namespace

Result<Dialect> Dialect::from_name(std::string_view name, std::string_view path) {
  if (name == "csv") return kCsv;
  if (name == "tsv") return kTsv;
  if (name == "jsonl") return kJsonl;
  if (name == "log") return kLog;
  if (name != "auto") {
    return Error{"format '" + std::string(name) + "' is not known; use csv, tsv, jsonl, log or auto"};
  }
  std::string_view rest = path;
  if (rest.ends_with(".gz")) rest.remove_suffix(3);
  if (rest.ends_with(".csv")) return kCsv;
  if (rest.ends_with(".tsv")) return kTsv;
  if (rest.ends_with(".jsonl") || rest.ends_with(".ndjson") || rest.ends_with(".json")) return kJsonl;
  if (is_named_as_log(rest)) return kLog;
  return Error{std::string(path) + ": its ending does not tell the format; say format=csv, tsv, jsonl or log"};
}

}  // namespace freshet::files
