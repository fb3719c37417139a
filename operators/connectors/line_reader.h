#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// Stands before the first line of some files, which do not mean it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Longer lines are reported, not read: one file without line ends must not take the worker's memory.
inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
/// Lines that one quoted CSV record may span. Bounds how far a stray quote is followed before it is called stray.
inline constexpr std::size_t kMaxRecordLines = 1000;

/// One line, or one CSV record, and where it stands.
struct InputLine {
  std::string_view text{};   // without line end; valid until the reader's next call
  std::uint64_t number = 0;  // of its first line, from 1
  std::uint64_t offset = 0;  // of its first byte in the uncompressed text
  bool over_long = false;    // text is only the first max_line_bytes of it
};

/// Reads a plain or gzip file line by line through one buffer that never grows beyond the line limit plus a chunk, and
/// is not touched by the allocator once it has its size. Lines end in \n or \r\n; the last one may lack its end; a
/// UTF-8 byte order mark is skipped. Position = lines_consumed(): opening the file again and skipping as many lines
/// goes on exactly behind the last line or record given. One thread; owns the open file.
class LineReader {
 public:
  enum class Got { line, end, failed };

  static Result<LineReader> open(const std::string& path, std::size_t max_line_bytes = kMaxLineBytes);

  /// Passes over `count` lines. Fails when the file has fewer: it is not the file that the position belongs to.
  Status skip_lines(std::uint64_t count);

  /// Gives the next line. After `failed`, error() says why, and it stays failed.
  Got next(InputLine& line);

  /// Gives the next CSV record: the lines up to the one where no quoted field is open. A quote that is not closed
  /// within the line limit, kMaxRecordLines or the file is taken for a stray one: only its line is given, to be refused
  /// by the parser, and the lines behind it are read as records of their own.
  Got next_record(InputLine& record, char delimiter);

  const Error& error() const { return error_; }
  const std::string& path() const { return path_; }
  std::uint64_t lines_consumed() const { return lines_; }
  std::uint64_t bytes_consumed() const { return offset_; }  // of the uncompressed text

 private:
  struct CloseGz {
    void operator()(gzFile file) const { gzclose_r(file); }
  };
  using File = std::unique_ptr<gzFile_s, CloseGz>;
  enum class Found { line_end, last_line, nothing, too_long, failure };

  LineReader(std::string path, File file, std::size_t max_line_bytes);

  Found find_line_end(std::size_t from, std::size_t& length);
  Got give(InputLine& line, std::size_t length, std::uint64_t lines, bool over_long);
  Got give_found(InputLine& line, Found found, std::size_t length);
  bool discard_line(bool& any);
  bool discard_rest_of_over_long_line();
  void advance(std::size_t bytes);
  bool fill();
  bool fail();
  const char* data() const { return buffer_.data() + begin_; }

  std::string path_;
  File file_;
  std::size_t max_line_bytes_;
  Error error_{};
  bool failed_ = false;

  // buffer_[begin_, end_) is read but not yet consumed; offset_ is where begin_ stands in the text.
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t lines_ = 0;
  bool at_end_ = false;
  bool damaged_ = false;  // behind end_; told when the whole lines in front of it are given
  bool within_over_long_ = false;
};

}  // namespace freshet::files
