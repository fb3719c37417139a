#include "runtime/base/sha256.h"

#include <sha256.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace freshet::base {
namespace {

constexpr std::size_t kPieceBytes = 64u << 10;

std::string digest_of(SHA2_CTX& context) {
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256Final(digest, &context);
  constexpr const char* kHex = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) text += {kHex[byte >> 4], kHex[byte & 15]};
  return text;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return digest_of(context);
}

Result<std::string> sha256_of_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) return Error{path + " cannot be read: " + std::strerror(errno)};
  SHA2_CTX context;
  SHA256Init(&context);
  const auto piece = std::make_unique<std::uint8_t[]>(kPieceBytes);
  std::size_t count = 0;
  while ((count = std::fread(piece.get(), 1, kPieceBytes, file.get())) > 0) SHA256Update(&context, piece.get(), count);
  if (std::ferror(file.get()) != 0) return Error{path + " cannot be read: " + std::strerror(errno)};
  return digest_of(context);
}

bool is_sha256(std::string_view text) {
  return text.size() == 2 * SHA256_DIGEST_LENGTH &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace freshet::base
