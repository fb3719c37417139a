#include "runtime/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/base/file.h"

namespace freshet::base {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string pattern = testing::TempDir() + "freshet-log-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~LogTest() override { EXPECT_TRUE(remove_all(directory_)); }
  std::string content() const { return read_file(directory_ + "/a.log", 1u << 20).value_or(""); }
  std::string directory_;
};

TEST_F(LogTest, LineHoldsTimeLevelContextAndText) {
  const auto logger = Logger::to_file({.path = directory_ + "/a.log"}, LogLevel::info).value();
  logger.with("operator", "totals").warn("record ", 7, " is late: ", true);
  EXPECT_THAT(content(), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                                      "warn  operator=totals record 7 is late: true\n"));
}

TEST_F(LogTest, BelowTheLeastLevelNothingIsWritten) {
  const auto logger = Logger::to_file({.path = directory_ + "/a.log"}, LogLevel::warn).value();
  logger.info("no");
  logger.error("yes");
  EXPECT_THAT(content(), MatchesRegex(".*Z error yes\n"));
  EXPECT_FALSE(logger.is_enabled(LogLevel::info));
}

TEST_F(LogTest, EveryLineIsThereAtOnce) {
  const auto logger = Logger::to_file({.path = directory_ + "/a.log"}, LogLevel::debug).value();
  logger.debug("one");
  logger.info("two");
  EXPECT_THAT(content(), HasSubstr("debug one\n"));
  EXPECT_THAT(content(), HasSubstr("info  two\n"));
}

TEST_F(LogTest, TextWithLineBreaksStaysOneLine) {
  const auto logger = Logger::to_file({.path = directory_ + "/a.log"}, LogLevel::info).value();
  logger.with("from", "a peer").error("bad\n2026 info forged");
  EXPECT_THAT(content(), HasSubstr("from=\"a peer\" bad\\n2026 info forged\n"));
  const std::string text = content();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(LogTest, FileIsMovedAsideAtItsLimitAndOldOnesAreDropped) {
  const auto logger =
      Logger::to_file({.path = directory_ + "/a.log", .max_bytes = 1000, .kept = 2}, LogLevel::info).value();
  for (int i = 0; i < 100; ++i) logger.warn(std::string(60, 'x'));
  EXPECT_EQ(list_directory(directory_).value(), (std::vector<std::string>{"a.1.log", "a.2.log", "a.log"}));
  EXPECT_LE(content().size(), 1000u);
}

TEST_F(LogTest, LinesThatDoNotFitOnTheDiskAreDroppedAndCounted) {
  const std::string path = directory_ + "/a.log";
  std::filesystem::create_symlink("/dev/full", path);
  const auto logger = Logger::to_file({.path = path, .retry_after = {}}, LogLevel::info).value();
  const std::uint64_t before = dropped_log_lines();
  for (int i = 0; i < 3; ++i) logger.info("lost");
  logger.with("operator", "totals").error(std::string(100'000, 'x'));  // more than its buffer
  EXPECT_EQ(dropped_log_lines(), before + 4);
  std::filesystem::remove(path);
  logger.info("kept");
  logger.info("kept, too");
  EXPECT_THAT(content(), MatchesRegex("[^\n]*Z warn  4 lines were dropped: [^\n]*No space left on device\n"
                                      "[^\n]*Z info  kept\n[^\n]*Z info  kept, too\n"));
  EXPECT_EQ(dropped_log_lines(), before + 4);
}

TEST_F(LogTest, ALineThatWasCutDoesNotTakeTheNextOneWithIt) {
  std::ofstream(directory_ + "/a.log") << "half a li";
  Logger::to_file({.path = directory_ + "/a.log"}, LogLevel::info).value().info("whole");
  EXPECT_THAT(content(), MatchesRegex("half a li\n[^\n]*Z info  whole\n"));
}

TEST_F(LogTest, AFullDiskIsNotTriedForEachLine) {
  const std::string path = directory_ + "/a.log";
  std::filesystem::create_symlink("/dev/full", path);
  const auto logger = Logger::to_file({.path = path, .retry_after = std::chrono::hours(1)}, LogLevel::info).value();
  logger.info("lost");
  std::filesystem::remove(path);
  const std::uint64_t before = dropped_log_lines();
  logger.info("would fit");
  EXPECT_EQ(dropped_log_lines(), before + 1);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(LogTest, AFileThatCouldNotBeMovedAsideIsNoEnd) {
  const std::string path = directory_ + "/a.log";
  const auto logger =
      Logger::to_file({.path = path, .max_bytes = 1000, .kept = 2, .retry_after = {}}, LogLevel::info).value();
  logger.info("first");
  std::filesystem::rename(directory_, directory_ + "-away");
  ASSERT_TRUE(write_file_atomically(directory_, "in the way"));
  const std::uint64_t before = dropped_log_lines();
  for (int i = 0; i < 20; ++i) logger.info(std::string(100, 'x'));
  EXPECT_GT(dropped_log_lines(), before);
  std::filesystem::remove(directory_);
  std::filesystem::rename(directory_ + "-away", directory_);
  logger.info("last");
  EXPECT_THAT(content(), HasSubstr("info  last\n"));
}

TEST_F(LogTest, PlaceThatCannotBeWrittenIsAnError) {
  ASSERT_TRUE(write_file_atomically(directory_ + "/file", ""));
  const auto logger = Logger::to_file({.path = directory_ + "/file/a.log"}, LogLevel::info);
  ASSERT_FALSE(logger);
  EXPECT_THAT(logger.error().message, HasSubstr(directory_ + "/file/a.log"));
}

TEST(Logger, DefaultWritesNowhere) {
  const Logger logger;
  logger.error("nobody hears this");
  EXPECT_FALSE(logger.is_enabled(LogLevel::error));
}

}  // namespace
}  // namespace freshet::base
