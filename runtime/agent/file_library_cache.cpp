#include "runtime/agent/file_library_cache.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/base/sha256.h"

namespace freshet::agent {
namespace fs = std::filesystem;

FileLibraryCache::FileLibraryCache(std::string directory, std::string tag)
    : directory_(std::move(directory)), tag_(std::move(tag)) {
  std::error_code ignored;  // a folder that cannot be made shows at the first append, with its reason
  fs::create_directories(directory_, ignored);
}

std::optional<std::string> FileLibraryCache::path_of(const std::string& sha256) {
  if (!base::is_sha256(sha256)) return std::nullopt;
  std::string path = final_path(sha256);
  // Verified every time: a library is started rarely, and a damaged one must not be.
  const Result<std::string> found = base::sha256_of_file(path);
  if (!found || *found != sha256) return std::nullopt;
  return path;
}

Status FileLibraryCache::append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) {
  if (!base::is_sha256(sha256)) return Error{"a library has no valid sha256"};
  const std::string path = part_path(sha256);
  const auto failed = [&] { return Error{path + " cannot be written: " + std::strerror(errno)}; };
  if (offset == 0) {
    parts_.erase(sha256);
    File file(std::fopen(path.c_str(), "wb"), &std::fclose);
    if (!file) return failed();
    parts_.emplace(sha256, Part{std::move(file), 0});
  }
  const auto part = parts_.find(sha256);
  if (part == parts_.end() || part->second.bytes != offset)
    return Error{"pieces of library sha256:" + sha256 + " do not follow each other"};
  if (std::fwrite(bytes.data(), 1, bytes.size(), part->second.file.get()) != bytes.size()) return failed();
  part->second.bytes += bytes.size();
  return {};
}

Result<std::string> FileLibraryCache::finish(const std::string& sha256) {
  const auto part = parts_.find(sha256);
  if (part == parts_.end()) return Error{"library sha256:" + sha256 + " was not fetched"};
  const std::string path = part_path(sha256);
  const bool flushed = std::fflush(part->second.file.get()) == 0;
  parts_.erase(part);
  if (!flushed) return Error{path + " cannot be written: " + std::strerror(errno)};
  const Result<std::string> found = base::sha256_of_file(path);
  if (!found) return found.error();
  if (*found != sha256) {
    ::unlink(path.c_str());
    return Error{"library sha256:" + sha256 + " arrived damaged: its bytes have sha256:" + *found};
  }
  if (std::rename(path.c_str(), final_path(sha256).c_str()) != 0)
    return Error{path + " cannot be renamed: " + std::strerror(errno)};
  return final_path(sha256);
}

}  // namespace freshet::agent
