#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "operators/connectors/random.h"
#include "tests/support/seed.h"

namespace freshet::files::testing {

/// A directory of its own for a test, removed afterwards.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-files-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) root_ = pattern;
  }
  TestDirectory(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    if (!root_.empty()) std::filesystem::remove_all(root_, ignored);
  }

  std::string path(const std::string& name) const { return (root_ / name).string(); }

  std::string write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
    return path(name);
  }

  std::string write_gz(const std::string& name, std::string_view text) const {
    gzFile file = gzopen(path(name).c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    return path(name);
  }

 private:
  std::filesystem::path root_{};
};

inline std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Text of up to `most` characters, drawn from `alphabet`; from all bytes when that is empty.
inline std::string random_text(Random& random, std::size_t most, std::string_view alphabet = {}) {
  std::string text(random.below(most + 1), '\0');
  for (char& c : text) {
    c = alphabet.empty() ? static_cast<char>(random.below(256)) : alphabet[random.below(alphabet.size())];
  }
  return text;
}

}  // namespace freshet::files::testing
