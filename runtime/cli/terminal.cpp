#include "runtime/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

namespace freshet::cli {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string_view escape(Paint paint) {
  switch (paint) {
    case Paint::kPlain:
      return "";
    case Paint::kGood:
      return "\x1b[32m";
    case Paint::kWarning:
      return "\x1b[33m";
    case Paint::kBad:
      return "\x1b[31m";
    case Paint::kFaint:
      return "\x1b[2m";
  }
  return "";
}

/// Length in bytes of the escape sequence or character that starts at `position`; `width` gets its columns.
std::size_t step(std::string_view text, std::size_t position, std::size_t& width) {
  if (text[position] == '\x1b') {
    const std::size_t end = text.find('m', position);
    width = 0;
    return end == std::string_view::npos ? text.size() - position : end + 1 - position;
  }
  std::size_t length = 1;
  while (position + length < text.size() && (static_cast<unsigned char>(text[position + length]) & 0xC0) == 0x80) {
    ++length;
  }
  width = 1;
  return length;
}

}  // namespace

Terminal Terminal::of(int file_descriptor, const char* no_color, const char* term) {
  if (isatty(file_descriptor) == 0) return {};
  winsize size{};
  const bool known = ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const bool wanted = no_color == nullptr || *no_color == '\0';
  const bool dumb = term == nullptr || std::strcmp(term, "dumb") == 0;
  return {true, known ? size.ws_col : std::size_t{80}, wanted && !dumb};
}

std::string Terminal::paint(Paint paint, std::string_view text) const {
  if (!colour_ || paint == Paint::kPlain || text.empty()) return std::string(text);
  return std::string(escape(paint)) + std::string(text) + std::string(kReset);
}

std::string Terminal::rewind(std::size_t lines) const {
  if (!is_tty_ || lines == 0) return {};
  return "\x1b[" + std::to_string(lines) + "A\r\x1b[J";
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t position = 0; position < text.size();) {
    std::size_t width = 0;
    position += step(text, position, width);
    columns += width;
  }
  return columns;
}

std::string trimmed(std::string_view text, std::size_t width) {
  if (width == 0 || columns_of(text) <= width) return std::string(text);
  std::string result;
  std::size_t columns = 0;
  bool painted = false;
  for (std::size_t position = 0; position < text.size();) {
    std::size_t taken = 0;
    const std::size_t length = step(text, position, taken);
    if (columns + taken + 1 > width) break;
    painted = painted || taken == 0;
    result += text.substr(position, length);
    columns += taken;
    position += length;
  }
  result += "…";
  if (painted) result += kReset;
  return result;
}

}  // namespace freshet::cli
