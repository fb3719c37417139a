#include "operators/connectors/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace freshet::files {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;  // read at once; larger brings nothing, even from a page cache
constexpr unsigned kInflateBytes = 128 * 1024;  // zlib's advice for files that are read from end to end

// Whether a quoted field is open behind `text`, when one was open (or not) before it. Must agree with Delimited: a
// quote opens a field only as its first character; elsewhere in an unquoted field it is text.
bool quote_open_after(bool open, std::string_view text, char delimiter) {
  std::size_t at = 0;
  bool field_start = !open;
  while (at < text.size()) {
    if (open) {
      at = text.find('"', at);
      if (at == std::string_view::npos) return true;
      ++at;
      if (at < text.size() && text[at] == '"') {
        ++at;
      } else {
        open = false;
      }
    } else if (field_start && text[at] == '"') {
      open = true;
      field_start = false;
      ++at;
    } else {
      at = text.find(delimiter, at);
      if (at == std::string_view::npos) return false;
      ++at;
      field_start = true;
    }
  }
  return open;
}

}  // namespace

LineReader::LineReader(std::string path, File file, std::size_t max_line_bytes)
    : path_(std::move(path)), file_(std::move(file)), max_line_bytes_(max_line_bytes), buffer_(2 * kChunkBytes) {}

Result<LineReader> LineReader::open(const std::string& path, std::size_t max_line_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Error{"cannot read " + path + ": " + std::strerror(errno)};
  struct stat info {};
  if (::fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
    ::close(descriptor);
    return Error{"cannot read " + path + ": it is a directory"};
  }
  File file(gzdopen(descriptor, "rb"));
  if (!file) {
    ::close(descriptor);
    return Error{"cannot read " + path + ": out of memory"};
  }
  gzbuffer(file.get(), kInflateBytes);
  LineReader reader(path, std::move(file), max_line_bytes);
  if (!reader.fill()) return reader.error();
  if (std::string_view(reader.data(), reader.end_).starts_with(kByteOrderMark)) reader.advance(kByteOrderMark.size());
  return reader;
}

Status LineReader::skip_lines(std::uint64_t count) {
  if (!failed_) discard_rest_of_over_long_line();
  for (std::uint64_t skipped = 0; skipped < count; ++skipped) {
    bool any = false;
    if (failed_ || !discard_line(any)) return error_;
    if (!any) {
      return Error{path_ + ": has " + std::to_string(lines_) + " lines, but the position to go on from is " +
                   std::to_string(count - skipped) + " lines behind its end; was the file replaced?"};
    }
    ++lines_;
  }
  return {};
}

LineReader::Got LineReader::next(InputLine& line) {
  if (failed_ || !discard_rest_of_over_long_line()) return Got::failed;
  std::size_t length = 0;
  const Found found = find_line_end(0, length);
  return give_found(line, found, length);
}

LineReader::Got LineReader::next_record(InputLine& record, char delimiter) {
  if (failed_ || !discard_rest_of_over_long_line()) return Got::failed;
  std::size_t length = 0;
  Found found = find_line_end(0, length);
  const Found first_found = found;
  const std::size_t first_length = length;
  std::uint64_t lines = 1;
  std::size_t from = 0;
  bool open = false;
  while (found == Found::line_end || found == Found::last_line) {
    open = quote_open_after(open, {data() + from, length - from}, delimiter);
    if (!open) return give(record, length, lines, false);
    if (found == Found::last_line || lines == kMaxRecordLines) break;
    from = length + 1;
    found = find_line_end(from, length);
    ++lines;
  }
  if (found == Found::failure) return Got::failed;
  return give_found(record, first_found, first_length);
}

LineReader::Got LineReader::give_found(InputLine& line, Found found, std::size_t length) {
  switch (found) {
    case Found::failure:
      return Got::failed;
    case Found::nothing:
      return Got::end;
    case Found::too_long:
      return give(line, max_line_bytes_, 1, true);
    case Found::line_end:
    case Found::last_line:
      break;
  }
  return give(line, length, 1, false);
}

LineReader::Got LineReader::give(InputLine& line, std::size_t length, std::uint64_t lines, bool over_long) {
  line = {.text = {data(), length}, .number = lines_ + 1, .offset = offset_, .over_long = over_long};
  if (!over_long && line.text.ends_with('\r')) line.text.remove_suffix(1);
  advance(std::min(over_long ? length : length + 1, end_ - begin_));
  lines_ += lines;
  within_over_long_ = over_long;
  return Got::line;
}

// Looks for the first \n at or behind data()[from]; `length` is its place. Reads on while the line may still fit.
LineReader::Found LineReader::find_line_end(std::size_t from, std::size_t& length) {
  std::size_t searched = from;
  while (true) {
    const std::size_t available = end_ - begin_;
    if (const void* newline = std::memchr(data() + searched, '\n', available - searched)) {
      length = static_cast<std::size_t>(static_cast<const char*>(newline) - data());
      return length > max_line_bytes_ ? Found::too_long : Found::line_end;
    }
    if (available > max_line_bytes_) return Found::too_long;
    if (at_end_) {
      length = available;
      return available > from ? Found::last_line : Found::nothing;
    }
    searched = available;
    if (!fill()) return Found::failure;
  }
}

// Consumes up to and with the next \n; `any` tells whether there was anything. False: reading failed.
bool LineReader::discard_line(bool& any) {
  while (true) {
    any = any || end_ > begin_;
    if (const void* newline = std::memchr(data(), '\n', end_ - begin_)) {
      advance(static_cast<std::size_t>(static_cast<const char*>(newline) - data()) + 1);
      return true;
    }
    advance(end_ - begin_);
    if (at_end_) return true;
    if (!fill()) return false;
  }
}

bool LineReader::discard_rest_of_over_long_line() {
  if (!within_over_long_) return true;
  within_over_long_ = false;
  bool any = false;
  return discard_line(any);
}

void LineReader::advance(std::size_t bytes) {
  begin_ += bytes;
  offset_ += bytes;
}

// Reads one chunk behind end_. False: failed, error_ is set.
bool LineReader::fill() {
  if (buffer_.size() - end_ < kChunkBytes && begin_ > 0) {
    std::memmove(buffer_.data(), data(), end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kChunkBytes) {
    buffer_.resize(std::max(end_ + kChunkBytes, std::min(2 * buffer_.size(), max_line_bytes_ + 1 + kChunkBytes)));
  }
  if (damaged_) return fail();
  const int got = gzread(file_.get(), buffer_.data() + end_, static_cast<unsigned>(kChunkBytes));
  if (got < 0) return fail();
  end_ += static_cast<std::size_t>(got);
  if (static_cast<std::size_t>(got) == kChunkBytes) return true;
  int code = Z_OK;
  gzerror(file_.get(), &code);
  damaged_ = code != Z_OK;  // Z_BUF_ERROR: the compressed data stops in the middle
  at_end_ = !damaged_;
  return true;
}

bool LineReader::fail() {
  int code = Z_OK;
  const char* text = gzerror(file_.get(), &code);
  const std::string place = path_ + ", at line " + std::to_string(lines_ + 1) + ": ";
  if (code == Z_ERRNO) {
    error_ = {place + "cannot read: " + std::strerror(errno)};
  } else if (code == Z_BUF_ERROR) {
    error_ = {place + "the compressed file is cut off; copy it again"};
  } else {
    error_ = {place + "the compressed file is damaged (" + text + "); copy it again"};
  }
  failed_ = true;
  return false;
}

}  // namespace freshet::files
