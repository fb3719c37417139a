#include "operators/connectors/escaping.h"

#include <gtest/gtest.h>

namespace freshet::files {
namespace {

std::string csv(std::string_view field, char delimiter = ',') {
  std::string out;
  append_csv_field(out, field, delimiter);
  return out;
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(Escaping, CsvIsQuotedOnlyWhereItMustBe) {
  EXPECT_EQ(csv("plain text; 5'"), "plain text; 5'");
  EXPECT_EQ(csv(""), "");
  EXPECT_EQ(csv("a,b"), "\"a,b\"");
  EXPECT_EQ(csv("a,b", ';'), "a,b");
  EXPECT_EQ(csv("a;b", ';'), "\"a;b\"");
  EXPECT_EQ(csv("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv("end\r"), "\"end\r\"");
  EXPECT_EQ(csv("\xEF\xBB\xBFx"), "\"\xEF\xBB\xBFx\"") << "else it vanishes as a byte order mark";
}

TEST(Escaping, JsonEscapesWhatItMust) {
  EXPECT_EQ(json(""), "\"\"");
  EXPECT_EQ(json("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json("\n\r\t\b\x1f\x7f"), "\"\\n\\r\\t\\u0008\\u001f\x7f\"");
  EXPECT_EQ(json(std::string_view("\0x", 2)), R"("\u0000x")");
}

TEST(Escaping, JsonKeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(json("é€𝄞"), "\"é€𝄞\"");
  const std::string bad = "\uFFFD";
  EXPECT_EQ(json("a\xFFz"), "\"a" + bad + "z\"");
  EXPECT_EQ(json("\xC3"), "\"" + bad + "\"") << "cut off";
  EXPECT_EQ(json("\xC0\xAF"), "\"" + bad + bad + "\"") << "overlong";
  EXPECT_EQ(json("\xE0\x80\x80"), "\"" + bad + bad + bad + "\"") << "overlong";
  EXPECT_EQ(json("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"") << "a surrogate";
  EXPECT_EQ(json("\xF4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"") << "beyond U+10FFFF";
  EXPECT_EQ(json("\xF0\x9F\x98\""), "\"" + bad + bad + bad + "\\\"\"") << "the quote is not swallowed";
}

}  // namespace
}  // namespace freshet::files
