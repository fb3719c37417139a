#include "operators/connectors/escaping.h"

#include "operators/connectors/line_reader.h"

#include <cstdint>

namespace freshet::files {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 character at the start of `text`, or 0 when there is none: Unicode 15, table 3-7.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<std::uint8_t>(text[index]) : std::uint8_t{0};
  };
  const auto continues = [&](std::size_t from, std::size_t to) {
    for (std::size_t index = from; index < to; ++index) {
      if ((byte(index) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) return continues(1, 2) ? 2 : 0;
  const std::uint8_t second = byte(1);
  if (first < 0xF0) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;  // overlong; surrogates
    return continues(1, 3) ? 3 : 0;
  }
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;  // overlong; beyond U+10FFFF
  return continues(1, 4) ? 4 : 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

void append_csv_field(std::string& out, std::string_view field, char delimiter) {
  const bool plain = field.find_first_of("\"\r\n") == std::string_view::npos &&
                     field.find(delimiter) == std::string_view::npos &&
                     !field.starts_with(kByteOrderMark);  // a reader would take it for the file's own
  if (plain) {
    out += field;
    return;
  }
  out += '"';
  for (std::size_t quote = field.find('"'); quote != std::string_view::npos; quote = field.find('"')) {
    out.append(field.substr(0, quote)).append("\"\"");
    field.remove_prefix(quote + 1);
  }
  out.append(field).append("\"");
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // where the bytes begin that are copied as they are
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const bool escape = byte < 0x20 || byte == '"' || byte == '\\';
    const std::size_t length = byte < 0x80 ? 1 : utf8_length(text.substr(at));
    if (!escape && length > 0) {
      at += length;
      continue;
    }
    out.append(text, plain, at - plain);
    if (escape) {
      append_escaped(out, text[at]);
    } else {
      out += kReplacement;
    }
    plain = ++at;
  }
  out.append(text, plain).append("\"");
}

}  // namespace freshet::files
