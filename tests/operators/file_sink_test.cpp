#include <freshet/file_sink.h>
#include <gtest/gtest.h>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using testing::content_of;
using testing::TestDirectory;

struct Row {
  std::string name{};
  std::optional<int> number{};
  std::vector<int> list{};
  FRESHET_RECORD(name, number, list)
};

struct FileSinkTest : ::testing::Test {
  TestDirectory directory;
  std::string folder = directory.path("out");
  std::string part(const std::string& name) const { return content_of(folder + "/" + name); }
};

TEST_F(FileSinkTest, CsvHasAHeaderAndQuotesWhatNeedsIt) {
  FileWriter<void, Row> writer(folder, RowFormat::csv, {});
  writer.open({"sink", 0, 1});
  writer.write(nullptr, {"a,b", 5, {1, 2}});
  writer.write(nullptr, {"say \"c\"", {}, {}});
  EXPECT_EQ(part("part-00000.csv"), "") << "a file appears when it is whole";
  writer.finish();
  EXPECT_EQ(part("part-00000.csv"), "name,number,list\n\"a,b\",5,\"[1,2]\"\n\"say \"\"c\"\"\",,[]\n");
}

TEST_F(FileSinkTest, KeyFieldsComeFirstUnlessTheRecordHasThem) {
  using Key = std::tuple<std::string, std::uint64_t>;
  FileWriter<Key, Row> writer(folder, RowFormat::csv, {"name", "shop"});
  writer.open({"sink", 1, 2});
  const Key key{"a", 9};
  writer.write(&key, {"a", 5, {}});
  writer.finish();
  EXPECT_EQ(part("part-00001.csv"), "shop,name,number,list\n9,a,5,[]\n");
}

TEST_F(FileSinkTest, JsonLines) {
  FileWriter<std::uint64_t, Row> writer(folder, RowFormat::jsonl, {"user"});
  writer.open({"sink", 0, 1});
  const std::uint64_t key = 7;
  writer.write(&key, {"a\n", {}, {1}});
  writer.finish();
  EXPECT_EQ(part("part-00000.jsonl"), "{\"user\":7,\"name\":\"a\\n\",\"number\":null,\"list\":[1]}\n");
}

TEST_F(FileSinkTest, AnEmptyResultIsAFileWithItsHeader) {
  FileWriter<void, Row> writer(folder, RowFormat::csv, {});
  writer.open({"sink", 0, 1});
  writer.finish();
  EXPECT_EQ(part("part-00000.csv"), "name,number,list\n");
}

TEST_F(FileSinkTest, AStreamThatDoesNotEndLeavesTheEarlierFile) {
  directory.write("out/part-00000.csv", "earlier");
  {
    FileWriter<void, Row> writer(folder, RowFormat::csv, {});
    writer.open({"sink", 0, 1});
    writer.write(nullptr, {"a", 1, {}});
  }
  EXPECT_EQ(part("part-00000.csv"), "earlier");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(FileSinkTest, PartFilesOfAnEarlierRunWithMoreTasksGo) {
  for (const auto* name :
       {"part-00000.csv", "part-00001.csv", "part-00002.csv", "part-00007.csv", "part-00002.jsonl", "x.csv"})
    directory.write(std::string("out/") + name, "earlier");
  for (const std::uint32_t task : {1u, 0u}) {
    FileWriter<void, Row> writer(folder, RowFormat::csv, {});
    writer.open({"sink", task, 2});
    writer.finish();
  }
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) left.insert(entry.path().filename().string());
  EXPECT_EQ(left, (std::set<std::string>{"part-00000.csv", "part-00001.csv", "part-00002.jsonl", "x.csv"}));
  EXPECT_EQ(part("part-00001.csv"), "name,number,list\n");
}

TEST_F(FileSinkTest, AFolderThatCannotBeMadeIsRefusedNamingTheSink) {
  directory.write("out", "a file");
  FileWriter<void, Row> writer(folder, RowFormat::csv, {});
  try {
    writer.open({"totals_file", 0, 1});
    FAIL() << "a file was taken for a folder";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("sink totals_file: "), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace freshet::files
