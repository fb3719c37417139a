#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/golden.h"

namespace freshet::checkpoint {

/// A directory of its own, gone with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = testing::TempDir() + "freshet-checkpoint-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "no temporary directory";
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The reason of a failure; "success" when there was none.
template <class Result>
std::string why(const Result& result) {
  return result.ok() ? "success" : result.error().message;
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Hex digits of tests/golden/checkpoint/NAME, without spaces, line breaks and what stands behind a '#'.
inline std::string golden_digits(const std::string& name) {
  std::ifstream file(std::string(FRESHET_GOLDEN_DIR) + "/checkpoint/" + name);
  std::string digits;
  for (std::string line; std::getline(file, line);) {
    for (const char byte : line.substr(0, line.find('#'))) {
      if (byte != ' ') digits += byte;
    }
  }
  return digits;
}

}  // namespace freshet::checkpoint
