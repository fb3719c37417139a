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
  for (const char* path : {"a.log", "in/access.log.gz", "access.log.1", "access.log.12.gz", "access.log-20260301.gz",
                           "/var/log/httpd/access_log", "other_access_log-20260301"})
    EXPECT_EQ(format_of("auto", path), Format::log) << path;
}

TEST(Dialect, ANameCountsMoreThanTheEnding) {
  EXPECT_EQ(format_of("tsv", "a.csv"), Format::tsv);
  EXPECT_EQ(format_of("csv", "a.log"), Format::csv);
  EXPECT_EQ(format_of("jsonl", "a"), Format::jsonl);
  EXPECT_EQ(format_of("log", "a.txt"), Format::log);
}

TEST(Dialect, TsvHasNoQuotes) {
  EXPECT_EQ(Dialect::from_name("tsv", "").value(), (Dialect{Format::tsv, '\t', false}));
  EXPECT_EQ(Dialect::from_name("csv", "").value(), (Dialect{Format::csv, ',', true}));
}

TEST(Dialect, WhatCannotBeToldIsExplained) {
  for (const char* path : {"a.dat", "a.log.x", "a.1", "1", "", ".gz", "blog"})
    EXPECT_THAT(Dialect::from_name("auto", path).error().message,
                HasSubstr(std::string(path) + ": its ending does not tell"));
  EXPECT_THAT(Dialect::from_name("xml", "a.csv").error().message,
              HasSubstr("'xml' is not known; use csv, tsv, jsonl, log or auto"));
}

}  // namespace
}  // namespace freshet::files
