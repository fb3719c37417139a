#include "operators/connectors/dialect.h"

#include <gmock/gmock.h>

namespace freshet::files {
namespace {

using ::testing::HasSubstr;

Format format_of(std::string_view name, std::string_view path) {
  const auto dialect = Dialect::from_name(name, path);
  EXPECT_TRUE(dialect.ok()) << (dialect.ok() ? "" : dialect.error().message);
  return dialect.value_or({}).format;
}

TEST(Dialect, TheEndingInFrontOfGzTells) {
  EXPECT_EQ(format_of("auto", "in/a.csv"), Format::csv);
  EXPECT_EQ(format_of("auto", "in/a.csv.gz"), Format::csv);
  EXPECT_EQ(format_of("auto", "a.tsv.gz"), Format::tsv);
  for (const char* path : {"a.jsonl", "a.ndjson", "a.json.gz"})
    EXPECT_EQ(format_of("auto", path), Format::jsonl) << path;
}

TEST(Dialect, ANameCountsMoreThanTheEnding) {
  EXPECT_EQ(format_of("tsv", "a.csv"), Format::tsv);
  EXPECT_EQ(format_of("csv", "a.log"), Format::csv);
  EXPECT_EQ(format_of("jsonl", "a"), Format::jsonl);
}

TEST(Dialect, TsvHasNoQuotes) {
  EXPECT_EQ(Dialect::from_name("tsv", "").value(), (Dialect{Format::tsv, '\t', false}));
  EXPECT_EQ(Dialect::from_name("csv", "").value(), (Dialect{Format::csv, ',', true}));
}

TEST(Dialect, WhatCannotBeToldIsExplained) {
  EXPECT_THAT(Dialect::from_name("auto", "a.log.gz").error().message,
              HasSubstr("a.log.gz: a log has lines, no columns"));
  EXPECT_THAT(Dialect::from_name("auto", "a.dat").error().message, HasSubstr("a.dat: its ending does not tell"));
  EXPECT_THAT(Dialect::from_name("xml", "a.csv").error().message,
              HasSubstr("'xml' is not known; use csv, tsv, jsonl or auto"));
}

}  // namespace
}  // namespace freshet::files
