#include "runtime/agent/file_library_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/base/sha256.h"

namespace freshet::agent {
namespace {

class FileLibraryCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "freshet-cache-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
  const std::string bytes_ = "the library's bytes";
  const std::string sha256_ = base::sha256_hex(bytes_);
};

TEST_F(FileLibraryCacheTest, PiecesBecomeALibraryThatIsFoundAgain) {
  {
    FileLibraryCache cache(directory_ + "/libraries", "a");
    EXPECT_EQ(cache.path_of(sha256_), std::nullopt);
    ASSERT_TRUE(cache.append(sha256_, 0, bytes_.substr(0, 4)).ok());
    ASSERT_TRUE(cache.append(sha256_, 4, bytes_.substr(4)).ok());
    ASSERT_TRUE(cache.finish(sha256_).ok());
  }
  FileLibraryCache again(directory_ + "/libraries", "a");
  ASSERT_TRUE(again.path_of(sha256_).has_value());
}

TEST_F(FileLibraryCacheTest, OtherBytesThanNamedAreRefusedAndForgotten) {
  FileLibraryCache cache(directory_, "a");
  ASSERT_TRUE(cache.append(sha256_, 0, "something else").ok());
  const auto path = cache.finish(sha256_);
  ASSERT_FALSE(path.ok());
  EXPECT_NE(path.error().message.find("arrived damaged"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(FileLibraryCacheTest, DamagedFileIsFetchedAnew) {
  FileLibraryCache cache(directory_, "a");
  ASSERT_TRUE(cache.append(sha256_, 0, bytes_).ok());
  const auto path = cache.finish(sha256_);
  ASSERT_TRUE(path.ok());
  std::ofstream(*path, std::ios::app) << "!";
  EXPECT_EQ(cache.path_of(sha256_), std::nullopt);
}

TEST_F(FileLibraryCacheTest, NamesThatAreNoHashNeverBecomePaths) {
  FileLibraryCache cache(directory_, "a");
  EXPECT_EQ(cache.path_of("../../etc/passwd"), std::nullopt);
  EXPECT_FALSE(cache.append("../x", 0, "bytes").ok());
}

TEST_F(FileLibraryCacheTest, PieceOutOfOrderIsRefused) {
  FileLibraryCache cache(directory_, "a");
  EXPECT_FALSE(cache.append(sha256_, 4, "late").ok());
  ASSERT_TRUE(cache.append(sha256_, 0, "abcd").ok());
  EXPECT_FALSE(cache.append(sha256_, 8, "gap").ok());
}

}  // namespace
}  // namespace freshet::agent
