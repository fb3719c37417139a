#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#ifndef FRESHET_GOLDEN_DIR
#define FRESHET_GOLDEN_DIR "tests/golden"  // from the top of the tree; the build names it in full
#endif

namespace freshet::test {

/// Contents of tests/golden/NAME. With FRESHET_UPDATE_GOLDEN set, `actual` is written there first.
inline std::string golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(FRESHET_GOLDEN_DIR) + "/" + name;
  if (std::getenv("FRESHET_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << actual;
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace freshet::test
