#include "operators/connectors/delimited.h"

#include <gmock/gmock.h>

#include "operators/connectors/escaping.h"
#include "operators/connectors/line_reader.h"
#include "operators/connectors/output_file.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

TEST(Delimited, PlainFieldsAreSplit) {
  Delimited csv(',');
  ASSERT_TRUE(csv.parse("a,,c ,"));
  EXPECT_THAT(csv.fields(), ElementsAre("a", "", "c ", ""));
  ASSERT_TRUE(csv.parse("x"));
  EXPECT_THAT(csv.fields(), ElementsAre("x"));
}

TEST(Delimited, AnEmptyLineIsOneEmptyField) {
  Delimited csv(',');
  ASSERT_TRUE(csv.parse(""));
  EXPECT_THAT(csv.fields(), ElementsAre(""));
}

TEST(Delimited, QuotedFieldsMayHoldEverything) {
  Delimited csv(';');
  ASSERT_TRUE(csv.parse("\"a;b\";\"\";\"say \"\"hi\"\"\";\"\"\"\";\"two\nlines\";5\" pipe"));
  EXPECT_THAT(csv.fields(), ElementsAre("a;b", "", "say \"hi\"", "\"", "two\nlines", "5\" pipe"));
}

TEST(Delimited, TsvKnowsNoQuotes) {
  Delimited tsv('\t', Delimited::Quoting::none);
  ASSERT_TRUE(tsv.parse("\"a\tb\"\t\t"));
  EXPECT_THAT(tsv.fields(), ElementsAre("\"a", "b\"", "", ""));
}

TEST(Delimited, AMalformedLineNamesTheField) {
  Delimited csv(',');
  EXPECT_EQ(csv.parse("a,\"b").error().message, "a quote is not closed in field 2");
  EXPECT_THAT(csv.fields(), IsEmpty());
  EXPECT_EQ(csv.parse("\"a\"b,c").error().message, "text behind a closing quote in field 1");
  EXPECT_EQ(csv.parse("\"a\"\"").error().message, "a quote is not closed in field 1");
  EXPECT_TRUE(csv.parse("a").ok()) << "the next line is not affected";
}

TEST(Delimited, TheNumberOfFieldsIsLimited) {
  Delimited csv(',');
  EXPECT_TRUE(csv.parse(std::string(kMaxFields - 1, ',')).ok());
  EXPECT_EQ(csv.fields().size(), kMaxFields);
  const auto status = csv.parse(std::string(kMaxFields, ','));
  EXPECT_EQ(status.error().message, "more than 4096 fields in one line; is the delimiter right?");
  EXPECT_THAT(csv.fields(), IsEmpty());
}

TEST(Delimited, AnyBytesAreSplitOrRefused) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  Delimited csv(',');
  Delimited tsv('\t', Delimited::Quoting::none);
  for (int round = 0; round < 20'000; ++round) {
    const std::string line = testing::random_text(random, 60, round % 2 == 0 ? "" : "a,\t\"\"\"");
    std::size_t bytes = 0;
    if (csv.parse(line)) {
      for (const auto field : csv.fields()) bytes += std::string(field).size();
    }
    EXPECT_LE(bytes, line.size());
    ASSERT_TRUE(tsv.parse(line));
    bytes = tsv.fields().size() - 1;
    for (const auto field : tsv.fields()) bytes += field.size();
    EXPECT_EQ(bytes, line.size());
  }
}

TEST(Delimited, WhatIsWrittenAsCsvIsReadBack) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  const testing::TestDirectory directory;
  std::vector<std::vector<std::string>> rows(500);
  std::string text;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    rows[row].resize(1 + random.below(6));
    for (auto& field : rows[row]) {
      field = testing::random_text(random, 20, random.below(2) == 0 ? "" : "ab ,\"\r\n\xEF\xBB\xBF");
      if (&field != &rows[row].front()) text += ',';
      append_csv_field(text, field);
    }
    text += row % 2 == 0 ? "\n" : "\r\n";
  }
  auto reader = LineReader::open(directory.write("a.csv", text));
  ASSERT_TRUE(reader.ok());
  Delimited csv(',');
  InputLine record;
  for (const auto& row : rows) {
    ASSERT_EQ(reader->next_record(record, ','), LineReader::Got::line);
    const auto status = csv.parse(record.text);
    ASSERT_TRUE(status.ok()) << status.error().message << " in " << record.text;
    ASSERT_THAT(csv.fields(), ElementsAreArray(row));
  }
  EXPECT_EQ(reader->next_record(record, ','), LineReader::Got::end);
}

}  // namespace
}  // namespace freshet::files
