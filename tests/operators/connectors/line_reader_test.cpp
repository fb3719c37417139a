#include "operators/connectors/line_reader.h"

#include <gmock/gmock.h>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestDirectory;
using Got = LineReader::Got;

struct LineReaderTest : ::testing::Test {
  LineReader open(const std::string& path, std::size_t limit = kMaxLineBytes) {
    auto reader = LineReader::open(path, limit);
    EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().message);
    return std::move(reader).value();
  }

  static std::vector<std::string> lines_of(LineReader& reader) {
    std::vector<std::string> lines;
    InputLine line;
    while (reader.next(line) == Got::line) lines.emplace_back(line.text);
    return lines;
  }

  static std::vector<std::string> records_of(LineReader& reader) {
    std::vector<std::string> records;
    InputLine record;
    while (reader.next_record(record, ',') == Got::line) records.emplace_back(record.text);
    return records;
  }

  TestDirectory directory;
};

TEST_F(LineReaderTest, BothLineEndsAndAMissingLastOneAreUnderstood) {
  auto reader = open(directory.write("a.csv", "one\r\n\ntwo\r\r\nthree"));
  EXPECT_THAT(lines_of(reader), ElementsAre("one", "", "two\r", "three"));
  EXPECT_EQ(reader.lines_consumed(), 4u);
  EXPECT_EQ(reader.bytes_consumed(), 17u);
}

TEST_F(LineReaderTest, AnEmptyFileHasNoLine) {
  auto reader = open(directory.write("a.csv", ""));
  EXPECT_THAT(lines_of(reader), ElementsAre());
}

TEST_F(LineReaderTest, ALineEndAtTheEndBeginsNoFurtherLine) {
  auto reader = open(directory.write("a.csv", "one\n"));
  EXPECT_THAT(lines_of(reader), ElementsAre("one"));
  InputLine line;
  EXPECT_EQ(reader.next(line), Got::end);
}

TEST_F(LineReaderTest, GzipReadsLikePlain) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  auto plain = open(directory.write("a.csv", text));
  auto packed = open(directory.write_gz("a.csv.gz", text));
  EXPECT_EQ(lines_of(plain), lines_of(packed));
  EXPECT_EQ(packed.lines_consumed(), 50'000u);
  EXPECT_EQ(packed.bytes_consumed(), text.size());
}

TEST_F(LineReaderTest, AByteOrderMarkIsSkippedAtTheStartOnly) {
  auto reader = open(directory.write("a.csv", "\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n"));
  InputLine line;
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_EQ(line.text, "one");
  EXPECT_EQ(line.offset, 3u);
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_EQ(line.text, "\xEF\xBB\xBFtwo");
}

TEST_F(LineReaderTest, ALineTellsItsNumberAndItsPlace) {
  auto reader = open(directory.write("a.csv", "one\r\ntwo\nthree\n"));
  InputLine line;
  ASSERT_TRUE(reader.skip_lines(2));
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_EQ(line.text, "three");
  EXPECT_EQ(line.number, 3u);
  EXPECT_EQ(line.offset, 9u);
}

TEST_F(LineReaderTest, SkippingBeyondTheEndIsAnError) {
  auto reader = open(directory.write("a.csv", "one\ntwo"));
  const auto status = reader.skip_lines(5);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr("a.csv: has 2 lines, but the position to go on from is 3 lines behind"));
}

TEST_F(LineReaderTest, SkippingToTheVeryEndIsNone) {
  auto reader = open(directory.write("a.csv", "one\ntwo"));
  EXPECT_TRUE(reader.skip_lines(2).ok());
  EXPECT_THAT(lines_of(reader), ElementsAre());
}

TEST_F(LineReaderTest, ALineAtTheLimitIsGivenAndALongerOneIsCutAndReported) {
  const std::string fits(100, 'a');
  auto reader = open(directory.write("a.csv", fits + "\n" + fits + "b\nnext\n" + fits + "c"), 100);
  InputLine line;
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_FALSE(line.over_long);
  EXPECT_EQ(line.text, fits);
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_TRUE(line.over_long);
  EXPECT_EQ(line.text, fits);
  EXPECT_EQ(line.number, 2u);
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_EQ(line.text, "next");
  EXPECT_EQ(line.number, 3u);
  EXPECT_EQ(line.offset, 203u);
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_TRUE(line.over_long);
  EXPECT_EQ(reader.next(line), Got::end);
  EXPECT_EQ(reader.lines_consumed(), 4u);
}

TEST_F(LineReaderTest, AnOverLongLineSpanningManyChunksIsOneLine) {
  const std::string big(3'000'000, 'x');
  auto reader = open(directory.write_gz("a.csv.gz", big + "\nnext\n"));
  InputLine line;
  ASSERT_EQ(reader.next_record(line, ','), Got::line);
  EXPECT_TRUE(line.over_long);
  EXPECT_EQ(line.text.size(), kMaxLineBytes);
  EXPECT_EQ(reader.lines_consumed(), 1u);
  ASSERT_TRUE(reader.skip_lines(0));
  ASSERT_EQ(reader.next(line), Got::line);
  EXPECT_EQ(line.text, "next");
}

TEST_F(LineReaderTest, AMissingFileAndADirectoryAreNamed) {
  EXPECT_THAT(LineReader::open("/nowhere/a.csv").error().message, HasSubstr("/nowhere/a.csv: No such file"));
  EXPECT_THAT(LineReader::open(directory.path("")).error().message, HasSubstr("it is a directory"));
}

TEST_F(LineReaderTest, ACutOffGzipGivesItsWholeLinesAndThenFails) {
  std::string text;
  Random random(7);
  for (int i = 0; i < 20'000; ++i) text += std::to_string(random.next()) + "\n";
  const auto path = directory.write_gz("a.csv.gz", text);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  auto reader = open(path);
  std::uint64_t lines = 0;
  std::size_t bytes = 0;
  InputLine line;
  Got got = reader.next(line);
  for (; got == Got::line; got = reader.next(line), ++lines) {
    ASSERT_EQ(line.text, std::string_view(text).substr(bytes, line.text.size()));
    bytes += line.text.size() + 1;
  }
  EXPECT_EQ(got, Got::failed);
  EXPECT_GT(lines, 5000u);
  EXPECT_EQ(reader.error().message,
            path + ", at line " + std::to_string(lines + 1) + ": the compressed file is cut off; copy it again");
  EXPECT_EQ(reader.next(line), Got::failed) << "stays failed";
  EXPECT_FALSE(reader.skip_lines(1).ok());
}

TEST_F(LineReaderTest, ADamagedGzipFails) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919) + "\n";
  const auto path = directory.write_gz("a.csv.gz", text);
  auto bytes = testing::content_of(path);
  for (std::size_t i = 0; i < 50; ++i) bytes[bytes.size() / 2 + i] = static_cast<char>(~bytes[bytes.size() / 2 + i]);
  auto reader = LineReader::open(directory.write("b.csv.gz", bytes));
  std::string message;
  if (reader) {
    lines_of(*reader);
    message = reader->error().message;
  } else {
    message = reader.error().message;
  }
  EXPECT_THAT(message, HasSubstr("b.csv.gz, at line "));
  EXPECT_THAT(message, HasSubstr("damaged"));
}

TEST_F(LineReaderTest, ARecordSpansLinesWithinQuotes) {
  auto reader = open(directory.write("a.csv", "1,\"two\r\nlines\",x\r\n\"a \"\"b\"\"\n\",2\n3\"\n4,5"));
  InputLine record;
  ASSERT_EQ(reader.next_record(record, ','), Got::line);
  EXPECT_EQ(record.text, "1,\"two\r\nlines\",x");
  EXPECT_EQ(record.number, 1u);
  ASSERT_EQ(reader.next_record(record, ','), Got::line);
  EXPECT_EQ(record.text, "\"a \"\"b\"\"\n\",2");
  EXPECT_EQ(record.number, 3u);
  ASSERT_EQ(reader.next_record(record, ','), Got::line);
  EXPECT_EQ(record.text, "3\"") << "a quote inside an unquoted field is text";
  EXPECT_EQ(record.number, 5u);
  EXPECT_THAT(records_of(reader), ElementsAre("4,5"));
  EXPECT_EQ(reader.lines_consumed(), 6u);
}

TEST_F(LineReaderTest, AStrayQuoteCostsItsLineOnly) {
  auto reader = open(directory.write("a.csv", "1,2\n3,\"stray\n5,6\n7,8\n"));
  EXPECT_THAT(records_of(reader), ElementsAre("1,2", "3,\"stray", "5,6", "7,8"));
}

TEST_F(LineReaderTest, ARecordAtTheLineCountLimitIsGivenAndALongerOneIsAStrayQuote) {
  std::string longest = "\"";
  for (std::size_t i = 1; i < kMaxRecordLines; ++i) longest += "x\n";
  longest += "\"";
  auto fits = open(directory.write("a.csv", longest + "\nnext\n"));
  EXPECT_THAT(records_of(fits), ElementsAre(longest, "next"));
  auto too_long = open(directory.write("b.csv", "\"\n" + longest.substr(1) + "\nnext\n"));
  InputLine record;
  ASSERT_EQ(too_long.next_record(record, ','), Got::line);
  EXPECT_EQ(record.text, "\"");
  EXPECT_EQ(too_long.lines_consumed(), 1u);
}

TEST_F(LineReaderTest, ARecordLongerThanTheLimitIsAStrayQuote) {
  const std::string part(60, 'x');
  auto reader = open(directory.write("a.csv", "\"" + part + "\n" + part + "\"\nnext\n"), 100);
  EXPECT_THAT(records_of(reader), ElementsAre("\"" + part, part + "\"", "next"));
}

TEST_F(LineReaderTest, AnyBytesAreReadTheSameFromEveryPosition) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  for (int round = 0; round < 60; ++round) {
    const std::string text = testing::random_text(random, 400, round % 2 == 0 ? "" : "ab,\"\"\"\r\n\n");
    const auto path = round % 3 == 0 ? directory.write_gz("a.gz", text) : directory.write("a", text);
    auto whole = LineReader::open(path, 64);
    if (!whole) continue;  // bytes that happen to begin like gzip
    struct Seen {
      std::string text;
      std::uint64_t number, offset;
      bool operator==(const Seen&) const = default;
    };
    std::vector<Seen> records;
    std::vector<std::uint64_t> positions{0};
    InputLine record;
    while (whole->next_record(record, ',') == Got::line) {
      records.push_back({std::string(record.text), record.number, record.offset});
      positions.push_back(whole->lines_consumed());
    }
    for (std::size_t from = 0; from < positions.size(); ++from) {
      auto rest = open(path, 64);
      ASSERT_TRUE(rest.skip_lines(positions[from]));
      for (std::size_t i = from; i < records.size(); ++i) {
        ASSERT_EQ(rest.next_record(record, ','), Got::line);
        ASSERT_EQ((Seen{std::string(record.text), record.number, record.offset}), records[i]);
      }
      ASSERT_EQ(rest.next_record(record, ','), Got::end);
    }
  }
}

}  // namespace
}  // namespace freshet::files
