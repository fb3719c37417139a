#include "runtime/job_manager/library_store.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

namespace freshet::manager {
namespace fs = std::filesystem;

Status check_library(const std::string& sha256, std::string_view bytes) {
  if (!base::is_sha256(sha256)) return Error{"a library is named by its sha256: 64 hexadecimal digits, lower case"};
  if (bytes.empty()) return Error{"the library is empty"};
  if (bytes.size() > kMaxLibraryBytes) return Error{"the library has more than 512 MiB; strip its debug information"};
  const std::string found = base::sha256_hex(bytes);
  if (found != sha256) return Error{"the library's bytes have sha256:" + found + ", not sha256:" + sha256};
  return {};
}

std::optional<std::uint64_t> MemoryLibraryStore::size_of(const std::string& sha256) {
  const auto found = libraries_.find(sha256);
  if (found == libraries_.end()) return std::nullopt;
  return found->second.size();
}

Status MemoryLibraryStore::put(const std::string& sha256, std::string_view bytes) {
  const Status good = check_library(sha256, bytes);
  if (good) libraries_.emplace(sha256, bytes);
  return good;
}

Result<std::string> MemoryLibraryStore::read(const std::string& sha256, std::uint64_t offset, std::size_t count) {
  const auto found = libraries_.find(sha256);
  if (found == libraries_.end()) return Error{"there is no library sha256:" + sha256};
  if (offset >= found->second.size()) return std::string();
  return found->second.substr(static_cast<std::size_t>(offset), count);
}

FileLibraryStore::FileLibraryStore(std::string directory) : directory_(std::move(directory)) {
  std::error_code ignored;  // shows at the first put, with its reason
  fs::create_directories(directory_, ignored);
}

std::optional<std::uint64_t> FileLibraryStore::size_of(const std::string& sha256) {
  if (!base::is_sha256(sha256)) return std::nullopt;
  std::error_code missing;
  const std::uint64_t size = fs::file_size(path_of(sha256), missing);
  if (missing) return std::nullopt;
  return size;
}

Status FileLibraryStore::put(const std::string& sha256, std::string_view bytes) {
  if (const Status good = check_library(sha256, bytes); !good) return good;
  if (size_of(sha256) == bytes.size()) return {};
  const std::string beside = path_of(sha256) + ".part";
  const auto failed = [&] {
    const Error error{beside + " cannot be written: " + std::strerror(errno)};
    std::error_code ignored;
    fs::remove(beside, ignored);  // or a full disk is fuller
    return error;
  };
  {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(beside.c_str(), "wb"), &std::fclose);
    if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) return failed();
    if (std::fflush(file.get()) != 0) return failed();
  }
  if (std::rename(beside.c_str(), path_of(sha256).c_str()) != 0) return failed();
  return {};
}

Result<std::string> FileLibraryStore::read(const std::string& sha256, std::uint64_t offset, std::size_t count) {
  if (!base::is_sha256(sha256)) return Error{"a library is named by its sha256"};
  std::ifstream file(path_of(sha256), std::ios::binary);
  if (!file) return Error{"there is no library sha256:" + sha256};
  std::string bytes(count, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

}  // namespace freshet::manager
