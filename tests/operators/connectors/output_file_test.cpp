#include "operators/connectors/output_file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using std::filesystem::exists;
using testing::content_of;
using ::testing::HasSubstr;

struct OutputFileTest : ::testing::Test {
  OutputFile create() {
    auto file = OutputFile::create(path);
    EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
    return std::move(file).value();
  }
  testing::TestDirectory directory;
  const std::string path = directory.path("deep/er/out.csv");
  const std::string aside = path + ".inprogress";
};

TEST_F(OutputFileTest, AppearsWholeWhenFinished) {
  auto file = create();
  ASSERT_TRUE(file.append("one\n"));
  ASSERT_TRUE(file.append("two\n"));
  EXPECT_FALSE(exists(path));
  EXPECT_TRUE(exists(aside));
  ASSERT_TRUE(file.finish());
  EXPECT_EQ(content_of(path), "one\ntwo\n");
  EXPECT_FALSE(exists(aside));
  EXPECT_EQ(file.bytes(), 8u);
}

TEST_F(OutputFileTest, PiecesOfAllSizesKeepTheirOrder) {
  auto file = create();
  std::string expected;
  for (const std::size_t size : {std::size_t{10}, OutputFile::kBufferBytes - 10, std::size_t{1},
                                 OutputFile::kBufferBytes, OutputFile::kBufferBytes + 1, std::size_t{7}}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(file.append(piece));
    expected += piece;
  }
  ASSERT_TRUE(file.finish());
  EXPECT_EQ(content_of(path), expected);
}

TEST_F(OutputFileTest, DiscardedOrForgottenItLeavesNothing) {
  {
    auto file = create();
    ASSERT_TRUE(file.append("one"));
    file.discard();
    EXPECT_FALSE(exists(aside));
    EXPECT_THAT(file.append("two").error().message, HasSubstr("already finished or discarded"));
    EXPECT_FALSE(file.finish().ok());
  }
  {
    auto file = create();
    ASSERT_TRUE(file.append("one"));
    const auto moved = std::move(file);
    EXPECT_TRUE(exists(aside));
  }
  EXPECT_FALSE(exists(aside));
  EXPECT_FALSE(exists(path));
}

TEST_F(OutputFileTest, WhatACrashLeftIsReplaced) {
  directory.write("deep/er/out.csv.inprogress", "a long rest of an earlier life");
  directory.write("deep/er/out.csv", "old");
  auto file = create();
  ASSERT_TRUE(file.append("new"));
  EXPECT_EQ(content_of(path), "old") << "until it is finished";
  ASSERT_TRUE(file.finish());
  EXPECT_EQ(content_of(path), "new");
}

TEST_F(OutputFileTest, FailuresNameThePathAndTheReason) {
  directory.write("file", "");
  EXPECT_THAT(OutputFile::create(directory.path("file/out.csv")).error().message,
              HasSubstr("cannot create directory " + directory.path("file") + ": File exists"));
  std::filesystem::create_directories(aside);
  EXPECT_THAT(OutputFile::create(path).error().message, HasSubstr("cannot replace " + aside + ": Is a directory"));
}

TEST_F(OutputFileTest, AFailedRenameIsAnErrorAndLeavesNothing) {
  auto file = create();
  ASSERT_TRUE(file.append("x"));
  std::filesystem::create_directories(path);
  EXPECT_THAT(file.finish().error().message, HasSubstr("Is a directory"));
  EXPECT_THAT(file.finish().error().message, HasSubstr("Is a directory"));
  EXPECT_FALSE(exists(aside));
}

TEST_F(OutputFileTest, AnErrorOfTheDiskStaysAnError) {
  // A limit on file sizes stands for the full disk.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto file = create();
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_TRUE(file.append(std::string(OutputFile::kBufferBytes, 'x')).ok()) << "only buffered";
  const auto status = file.append("y");
  const auto again = file.append("z");
  const auto finished = file.finish();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "cannot write " + aside + ": File too large");
  EXPECT_EQ(again.error(), status.error());
  EXPECT_EQ(finished.error(), status.error());
  EXPECT_FALSE(exists(path));
}

TEST_F(OutputFileTest, PublishingMayBeRepeated) {
  const std::string pending = directory.write("pending/7", "content");
  ASSERT_TRUE(publish_file(pending, path));
  EXPECT_EQ(content_of(path), "content");
  EXPECT_FALSE(exists(pending));
  EXPECT_TRUE(publish_file(pending, path).ok()) << "it has been done before";
  std::filesystem::remove(directory.path("pending"));
  EXPECT_TRUE(publish_file(pending, path).ok()) << "also when the pending directory was cleared away";
  EXPECT_EQ(content_of(path), "content");
}

TEST_F(OutputFileTest, PublishingWhatNeverWasIsAnError) {
  EXPECT_EQ(publish_file(directory.path("pending/7"), path).error().message,
            "cannot move " + directory.path("pending/7") + " to " + path + ": No such file or directory");
}

}  // namespace
}  // namespace freshet::files
