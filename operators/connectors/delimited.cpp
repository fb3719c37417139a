#include "operators/connectors/delimited.h"

#include <algorithm>

namespace freshet::files {

Status Delimited::parse(std::string_view line) {
  fields_.clear();
  unescaped_.clear();
  std::size_t at = 0;  // of the field's first character
  while (true) {
    if (fields_.size() == kMaxFields) {
      fields_.clear();
      return Error{"more than " + std::to_string(kMaxFields) + " fields in one line; is the delimiter right?"};
    }
    if (quoting_ == Quoting::rfc4180 && at < line.size() && line[at] == '"') {
      if (auto status = quoted(line, at); !status) return status;
    } else {
      const std::size_t end = std::min(line.find(delimiter_, at), line.size());
      fields_.push_back(line.substr(at, end - at));
      at = end;
    }
    if (at == line.size()) return {};
    ++at;  // the delimiter
  }
}

// Takes the field whose opening quote is line[at]; leaves `at` behind its closing quote.
Status Delimited::quoted(std::string_view line, std::size_t& at) {
  const std::size_t begin = at + 1;
  const std::size_t unescaped_begin = unescaped_.size();
  std::size_t piece = begin;
  std::size_t quote = line.find('"', begin);
  while (quote != std::string_view::npos && quote + 1 < line.size() && line[quote + 1] == '"') {
    if (unescaped_.empty()) unescaped_.reserve(line.size());  // all pieces of the line fit: earlier views stay valid
    unescaped_.append(line, piece, quote + 1 - piece);
    piece = quote + 2;
    quote = line.find('"', piece);
  }
  if (quote == std::string_view::npos) return malformed("a quote is not closed");
  at = quote + 1;
  if (at < line.size() && line[at] != delimiter_) return malformed("text behind a closing quote");
  if (piece == begin) {
    fields_.push_back(line.substr(begin, quote - begin));
  } else {
    unescaped_.append(line, piece, quote - piece);
    fields_.push_back(std::string_view(unescaped_).substr(unescaped_begin));
  }
  return {};
}

Error Delimited::malformed(std::string_view what) {
  const std::size_t field = fields_.size() + 1;
  fields_.clear();
  return {std::string(what) + " in field " + std::to_string(field)};
}

}  // namespace freshet::files
