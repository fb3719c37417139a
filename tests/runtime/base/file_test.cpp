#include "runtime/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace freshet::base {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "freshet-file-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { EXPECT_TRUE(remove_all(directory_)); }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string directory_;
};

TEST_F(FileTest, WrittenAtomicallyReadsBackAndLeavesNothingBeside) {
  const std::string bytes(200'000, 'x');
  ASSERT_TRUE(write_file_atomically(path("a"), "old"));
  ASSERT_TRUE(write_file_atomically(path("a"), bytes));
  const auto text = read_file(path("a"), bytes.size());
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, bytes);
  EXPECT_EQ(list_directory(directory_).value(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, FailedWriteKeepsTheOldContentAndRemovesItsTemporary) {
  ASSERT_TRUE(make_directories(path("taken")));  // a rename onto a directory fails
  const auto written = write_file_atomically(path("taken"), "new");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find(path("taken")), std::string::npos);
  EXPECT_EQ(list_directory(directory_).value(), std::vector<std::string>{"taken"});
}

TEST_F(FileTest, LongerThanAllowedIsAnErrorThatNamesTheLimit) {
  ASSERT_TRUE(write_file_atomically(path("a"), "12345"));
  EXPECT_TRUE(read_file(path("a"), 5));
  const auto text = read_file(path("a"), 4);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, path("a") + " is longer than the 4 bytes allowed");
}

TEST_F(FileTest, MissingFileIsAnErrorWithItsPathAndReason) {
  EXPECT_EQ(read_file(path("none"), 10).error().message, "cannot open " + path("none") + ": No such file or directory");
  EXPECT_FALSE(write_file_atomically(path("none/a"), ""));
  EXPECT_FALSE(list_directory(path("none")));
  EXPECT_FALSE(sync_directory(path("none")));
}

TEST_F(FileTest, RemovingWhatIsNotThereSucceeds) {
  EXPECT_TRUE(remove_file(path("none")));
  EXPECT_TRUE(remove_all(path("none")));
  EXPECT_FALSE(remove_file(directory_)) << "a directory is no file";
}

TEST_F(FileTest, DirectoriesAreMadeListedAndRemovedWithTheirContent) {
  ASSERT_TRUE(make_directories(path("b/c")));
  ASSERT_TRUE(make_directories(path("b/c")));
  ASSERT_TRUE(write_file_atomically(path("b/file"), ""));
  EXPECT_EQ(list_directory(path("b")).value(), (std::vector<std::string>{"c", "file"}));
  ASSERT_TRUE(remove_all(path("b")));
  EXPECT_FALSE(exists(path("b")));
}

TEST_F(FileTest, DescriptorClosesWithItsOwner) {
  ASSERT_TRUE(write_file_atomically(path("a"), "x"));
  int number = -1;
  {
    FileDescriptor first(open(path("a").c_str(), O_RDONLY));
    number = first.get();
    FileDescriptor second = std::move(first);
    FileDescriptor third;
    third = std::move(second);
    EXPECT_EQ(third.get(), number);
    EXPECT_EQ(fcntl(number, F_GETFD), 0);
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST_F(FileTest, ALockIsWaitedForAWhileAndHeldUntilItIsClosed) {
  auto first = lock_file(path("lock"), Duration(0));
  ASSERT_TRUE(first && *first);
  const auto second = lock_file(path("lock"), Duration(30));
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second) << "somebody has it";
  std::thread lets_go([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    (*first)->reset();
  });
  const auto third = lock_file(path("lock"), Duration(60'000));
  lets_go.join();
  EXPECT_TRUE(third && *third) << "who had it was on its way out";
  EXPECT_FALSE(lock_file(path("none/lock"), Duration(0)).ok());
}

}  // namespace
}  // namespace freshet::base
