#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <freshet/result.h>

/// What sinks ask of the file system. Any thread.
namespace freshet::files {

/// "cannot WHAT PATH: ", and the reason in errno.
Error system_error(const char* what, const std::string& path);

/// "." for a bare name.
std::filesystem::path parent_of(const std::filesystem::path& path);

/// Waits for the disk: a new or renamed entry survives a power cut only when its directory is synced, too.
Status sync_directory(const std::filesystem::path& directory);

/// Creates it, and what it lies in, as needed; durably.
Status make_directory(const std::filesystem::path& directory);

/// Writes all of `bytes`. False: errno says why.
[[nodiscard]] bool write_fully(int descriptor, std::string_view bytes);

/// Moves a file within one file system, without waiting for the disk. It may come again: when `from` is gone and `to`
/// is there, it has been done before.
Status move_file(const std::string& from, const std::string& to);

}  // namespace freshet::files
