#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace freshet::cli {

enum class Paint { kPlain, kGood, kWarning, kBad, kFaint };

/// What stdout can do. A value, decided once at the start: without a terminal there is no colour, no redraw, no
/// trimming. Used by the thread that runs the verb.
class Terminal {
 public:
  /// Not a terminal: a pipe, a file, a test.
  Terminal() = default;
  Terminal(bool is_tty, std::size_t width, bool colour) : is_tty_(is_tty), width_(width), colour_(is_tty && colour) {}

  /// Asks the file descriptor and NO_COLOR (set to anything but "" means no colour) and TERM.
  static Terminal of(int file_descriptor, const char* no_color, const char* term);

  bool is_tty() const { return is_tty_; }
  bool may_redraw() const { return is_tty_; }
  /// Columns to trim lines to; 0 means that nothing is trimmed.
  std::size_t width() const { return is_tty_ ? width_ : 0; }

  std::string paint(Paint paint, std::string_view text) const;
  /// Moves up over the `lines` lines printed last and clears them; nothing without a terminal.
  std::string rewind(std::size_t lines) const;

 private:
  bool is_tty_ = false;
  std::size_t width_ = 80;
  bool colour_ = false;
};

/// Columns that UTF-8 text takes, one per code point; escape sequences of paint() take none.
std::size_t columns_of(std::string_view text);

/// `text` cut to `width` columns, the last one an ellipsis; unchanged when it fits or `width` is 0.
std::string trimmed(std::string_view text, std::size_t width);

}  // namespace freshet::cli
