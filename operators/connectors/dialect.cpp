#include "operators/connectors/dialect.h"

#include <string>

namespace freshet::files {
namespace {

constexpr Dialect kCsv{.format = Format::csv, .delimiter = ',', .quoted = true};
constexpr Dialect kTsv{.format = Format::tsv, .delimiter = '\t', .quoted = false};
constexpr Dialect kJsonl{.format = Format::jsonl, .delimiter = '\0', .quoted = false};

}  // namespace

Result<Dialect> Dialect::from_name(std::string_view name, std::string_view path) {
  if (name == "csv") return kCsv;
  if (name == "tsv") return kTsv;
  if (name == "jsonl") return kJsonl;
  if (name != "auto") {
    return Error{"format '" + std::string(name) + "' is not known; use csv, tsv, jsonl or auto"};
  }
  std::string_view rest = path;
  if (rest.ends_with(".gz")) rest.remove_suffix(3);
  if (rest.ends_with(".csv")) return kCsv;
  if (rest.ends_with(".tsv")) return kTsv;
  if (rest.ends_with(".jsonl") || rest.ends_with(".ndjson") || rest.ends_with(".json")) return kJsonl;
  if (rest.ends_with(".log")) {
    return Error{std::string(path) +
                 ": a log has lines, no columns; read it with files::lines, or say format=csv, tsv or jsonl"};
  }
  return Error{std::string(path) + ": its ending does not tell the format; say format=csv, tsv or jsonl"};
}

}  // namespace freshet::files
