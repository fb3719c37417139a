#pragma once

#include <freshet/result.h>

#include <string>
#include <string_view>

namespace freshet::base {

/// SHA-256 as 64 lower-case hex digits: how job libraries are named.
std::string sha256_hex(std::string_view bytes);

/// Of a file's contents, read in pieces. The error says why the file cannot be read.
Result<std::string> sha256_of_file(const std::string& path);

/// Whether `text` has the form of a sha256: safe as a file name.
bool is_sha256(std::string_view text);

}  // namespace freshet::base
