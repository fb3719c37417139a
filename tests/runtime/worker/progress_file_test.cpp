#include "runtime/worker/progress_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

namespace freshet::worker {
namespace {

TEST(ProgressFile, HoldsTheNewestNumbersAndNothingElse) {
  const std::string path = testing::TempDir() + "freshet-progress-" + std::to_string(::getpid());
  const auto file = ProgressFile::create(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*base::read_file(path, 100), "");
  file->show({std::numeric_limits<std::uint64_t>::max(), 12'345});
  EXPECT_EQ(*base::read_file(path, 100), "18446744073709551615                12345\n");
  file->show({7, 0});
  EXPECT_EQ(*base::read_file(path, 100), "                   7                    0\n");
  ASSERT_TRUE(base::remove_file(path).ok());
}

TEST(ProgressFile, SaysWhereItCannotBe) {
  const auto file = ProgressFile::create("/dev/null/progress");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().message, "cannot create /dev/null/progress: Not a directory");
}

}  // namespace
}  // namespace freshet::worker
