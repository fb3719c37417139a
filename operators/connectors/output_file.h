#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <freshet/result.h>

namespace freshet::files {

/// Writes one file so that it appears under its name whole and durable, or not at all: it is written aside as
/// <path>.inprogress and renamed by finish(). What a crash left there is replaced. A file that is neither finished nor
/// discarded is removed by the destructor. One thread; owns the open file.
class OutputFile {
 public:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  /// Creates the directories of `path` as needed.
  static Result<OutputFile> create(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  /// After an error the file is of no use: every further append() and finish() fails with it.
  Status append(std::string_view bytes);

  /// Writes what is buffered, makes it durable, renames it to its name (replacing a file of that name), and makes the
  /// name durable. Afterwards the object is done.
  Status finish();

  /// Removes what was written. Afterwards the object is done.
  void discard();

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }  // appended so far

 private:
  OutputFile(std::string path, int descriptor);

  Status flush();
  Status write_all(std::string_view bytes);
  Status failed(const char* what);

  std::string path_;
  std::string aside_;
  int descriptor_ = -1;  // -1: done
  std::string buffer_{};
  std::uint64_t bytes_ = 0;
  std::string error_{};
};

/// Moves a finished file to its final name, durably, creating the directories of `to`; both on one file system. For
/// two-phase commits it may come again: when `from` is gone and `to` is there, it has been done before.
Status publish_file(const std::string& from, const std::string& to);

}  // namespace freshet::files
