#include "operators/connectors/json_line.h"

#include <gmock/gmock.h>

#include "operators/connectors/escaping.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::StartsWith;

constexpr auto kNoValue = std::nullopt;

TEST(JsonLine, ValuesComeInTheOrderOfThePaths) {
  JsonLine json({"price", "user.id", "name", "ok", "gone", "nothing"});
  ASSERT_TRUE(
      json.parse(R"({"name":"Ann \"A\" \u00e9","user":{"x":1,"id": 77 },"price":1.50e3,"ok":true,"nothing":null})"));
  EXPECT_THAT(json.values(), ElementsAre(Optional(std::string_view("1.50e3")), Optional(std::string_view("77")),
                                         Optional(std::string_view("Ann \"A\" \u00e9")),
                                         Optional(std::string_view("true")), kNoValue, kNoValue));
}

TEST(JsonLine, NumbersKeepTheirText) {
  JsonLine json({"a", "b", "c"});
  ASSERT_TRUE(json.parse(R"({"a":885549943.0,"b":-0,"c":123456789012345678901234567890})"));
  EXPECT_EQ(json.values()[0], "885549943.0");
  EXPECT_EQ(json.values()[1], "-0");
  EXPECT_EQ(json.values()[2], "123456789012345678901234567890");
}

TEST(JsonLine, DeepAndDottedPathsAreFound) {
  JsonLine json({"a.b.c", "d.e"});
  ASSERT_TRUE(json.parse(R"({"d.e":"dotted","a":{"b":{"c":"deep"}}})"));
  EXPECT_EQ(json.values()[0], "deep");
  EXPECT_EQ(json.values()[1], "dotted");
}

TEST(JsonLine, APathThroughSomethingThatIsNoObjectIsAbsent) {
  JsonLine json({"a.b", "c.d"});
  ASSERT_TRUE(json.parse(R"({"a":5,"c":["d"]})"));
  EXPECT_THAT(json.values(), Each(kNoValue));
}

TEST(JsonLine, ObjectsAndArraysAreGivenAsWritten) {
  JsonLine json({"user", "user.id", "list"});
  ASSERT_TRUE(json.parse(R"({"list": [1, {"x":"]"}] , "user":{"id":"7"} })"));
  EXPECT_EQ(json.values()[0], R"({"id":"7"})");
  EXPECT_EQ(json.values()[1], "7");
  EXPECT_EQ(json.values()[2], R"([1, {"x":"]"}])");
}

TEST(JsonLine, OfAFieldGivenTwiceTheLastCounts) {
  JsonLine json({"a"});
  ASSERT_TRUE(json.parse(R"({"a":"first","a":"second"})"));
  EXPECT_EQ(json.values()[0], "second");
}

TEST(JsonLine, TheSamePathMayBeWantedTwice) {
  JsonLine json({"a", "a"});
  ASSERT_TRUE(json.parse(R"({"a":1})"));
  EXPECT_THAT(json.values(), ElementsAre(Optional(std::string_view("1")), Optional(std::string_view("1"))));
}

TEST(JsonLine, MalformedLinesAreRefusedAndLeaveNoValues) {
  JsonLine json({"a", "b"});
  for (const char* line : {"",
                           "  ",
                           "{",
                           R"({"a":1)",
                           R"({"a":})",
                           R"({"a":tru})",
                           R"({"a":01})",
                           R"({"a":1.})",
                           R"({"a":-})",
                           R"({"a":1e})",
                           R"({"a" 1})",
                           R"({"a":1,})",
                           R"({"a":"x)",
                           R"({"a":"\q"})",
                           R"({"a":1} {"a":2})",
                           R"({"a":1}x)",
                           R"({a:1})",
                           R"({"a":1 "b":2})",
                           "{\"a\":\"\xff\"}",
                           R"({"a":nul,"b":1})",
                           R"({"b":1,"a":[1})"}) {
    const auto status = json.parse(line);
    ASSERT_FALSE(status.ok()) << line;
    EXPECT_THAT(status.error().message, StartsWith("malformed JSON: ")) << line;
    EXPECT_THAT(json.values(), Each(kNoValue)) << line;
  }
  ASSERT_TRUE(json.parse(R"({"a":1})")) << "the next line is not affected";
  EXPECT_EQ(json.values()[0], "1");
}

TEST(JsonLine, ALineThatIsNoObjectIsRefused) {
  JsonLine json({"a"});
  for (const char* line : {"[1]", "5", "\"a\"", "null"}) {
    EXPECT_THAT(json.parse(line).error().message, HasSubstr("not a JSON object")) << line;
  }
}

TEST(JsonLine, WhatIsWrittenAsJsonIsReadBack) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  JsonLine json({"a"});
  for (int round = 0; round < 2000; ++round) {
    const std::string text = testing::random_text(random, 40, "ab\"\\/{}[],:\n\r\t\x01\x1f ");
    std::string line = "{\"a\":";
    append_json_string(line, text);
    line += "}";
    const auto status = json.parse(line);
    ASSERT_TRUE(status.ok()) << status.error().message << ": " << line;
    ASSERT_EQ(json.values()[0], text);
  }
}

TEST(JsonLine, AnyBytesAreReadOrRefused) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  JsonLine json({"a", "b.c", "b", "b.c.d"});
  for (int round = 0; round < 50'000; ++round) {
    std::string line = testing::random_text(random, 60, round % 2 == 0 ? "" : "{}[]\"\":,,abc.1-e \\unt");
    if (round % 4 == 3) {  // nearly right ones
      line = R"({"a":[1,{"x":2}],"b":{"c":{"d":"e\u0041"}},"f":true,"a":-1.5e3})";
      for (int change = 0; change < 3; ++change) {
        line[random.below(line.size())] = "{}[]\":,a1\\ "[random.below(11)];
      }
      line.resize(line.size() - random.below(3));
    }
    std::size_t bytes = 0;
    if (json.parse(line)) {
      for (const auto& value : json.values()) bytes += value ? std::string(*value).size() : 0;
    }
    ASSERT_LE(bytes, 4 * line.size());
  }
}

}  // namespace
}  // namespace freshet::files
