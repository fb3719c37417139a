#include <freshet/text.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

template <class T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  if (!parse_text(text, value)) return std::nullopt;
  return value;
}
std::string text_of(const auto& value) {
  std::string text;
  append_text(text, value);
  return text;
}

TEST(Text, JsonOfEveryKind) {
  Everything all = sample_of_everything();
  all.f32 = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(
      to_json(all),
      R"({"flag":true,"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"u8":255,"u16":65535,)"
      R"("u32":4294967295,"u64":18446744073709551615,"f32":null,"f64":0.1,"text":"a\u0000\")"
      "\xef\xbf\xbd\xc3\xa4"
      R"(","time":"2026-03-01T03:07:11.020Z","duration":"-90s","color":"green","sign":"low","point":{"x":1,"y":-1},)"
      R"("points":[{"x":127,"y":128},{"x":-32,"y":-33}],"maybe":"there","pair_like":[300,")" +
          std::string(40, 'x') + R"("],"pair":[true,["","b"]]})");
  EXPECT_EQ(to_json(std::vector<int>{}), "[]");
  EXPECT_EQ(to_json(std::optional<int>{}), "null");
  EXPECT_EQ(to_json(static_cast<Color>(99)), "\"99\"");
}

TEST(Text, BytesThatAreNoUtf8AreReplaced) {
  const auto json = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  EXPECT_EQ(json("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");                  // overlong
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");  // surrogate
  EXPECT_EQ(json("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"");
  EXPECT_EQ(json("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");  // cut
  EXPECT_EQ(json("\n\t\r\x1f\\"), R"("\n\t\r\u001f\\")");
}

TEST(Text, CsvCellsAreQuotedWhereTheyMustBe) {
  const auto cell = [](const auto& value, char delimiter = ',') {
    std::string out;
    append_cell(out, value, delimiter);
    return out;
  };
  EXPECT_EQ(cell(std::string("plain text")), "plain text");
  EXPECT_EQ(cell(std::string("a,b")), "\"a,b\"");
  EXPECT_EQ(cell(std::string("a,b"), ';'), "a,b");
  EXPECT_EQ(cell(std::string("say \"x\"\n")), "\"say \"\"x\"\"\n\"");
  EXPECT_EQ(cell(Point{1, 2}), R"("{""x"":1,""y"":2}")");
  EXPECT_EQ(cell(Color::blue), "blue");
}

TEST(Text, DurationsAreReadInTheirUnits) {
  EXPECT_EQ(parsed<Duration>("90"), 90ms);
  EXPECT_EQ(parsed<Duration>("1.5s"), 1500ms);
  EXPECT_EQ(parsed<Duration>("30 min"), 30min);
  EXPECT_EQ(parsed<Duration>("5m"), 5min);
  EXPECT_EQ(parsed<Duration>("24h"), 24h);
  EXPECT_EQ(parsed<Duration>("7d"), days(7));
  for (const auto* bad : {"", "s", "1x", "1s2", "nan", "inf", "1e300", "ms", "--1"})
    EXPECT_EQ(parsed<Duration>(bad), std::nullopt) << bad;
}

TEST(Text, DurationsComeBack) {
  EXPECT_EQ(format_duration(30s), "30s");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(0ms), "0s");
  EXPECT_EQ(format_duration(-1500ms), "-1500ms");
  EXPECT_EQ(format_duration(48h), "2d");
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 1000; ++round) {
    const Duration value(random.between(-8'000'000'000'000'000, 8'000'000'000'000'000) >> random.below(53));
    EXPECT_EQ(parsed<Duration>(format_duration(value)), value) << value.count();
  }
}

TEST(Text, TimesAreReadInTheirForms) {
  const Time expected(Duration(1'772'334'431'000));
  for (const auto* text : {"1772334431", "1772334431000", "2026-03-01T03:07:11Z", "2026-03-01 03:07:11",
                           "2026-03-01T04:07:11+01:00", "2026-03-01T02:37:11-0030", "2026-03-01T03:07:11.000Z"})
    EXPECT_EQ(parsed<Time>(text), expected) << text;
  EXPECT_EQ(parsed<Time>("2026-03-01T03:07:11,5"), expected + 500ms);
  EXPECT_EQ(parsed<Time>("2026-03-01"), Time(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)));
  for (const auto* bad : {"", "x", "2026-02-30", "2026-13-01", "2026-03-01T24:00", "2026-03-01T03:07:11.", "1e300",
                          "2026-03-01T03:07:11ZZ", "2026-03-01T03", "12 "})
    EXPECT_EQ(parsed<Time>(bad), std::nullopt) << bad;
}

TEST(Text, TimesThatAreNoDatesAreTheirMilliseconds) {
  for (const Time time : {Time::min(), Time::max(), Time(std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1))}) {
    std::string text;
    append_time(text, time);
    EXPECT_EQ(text, std::to_string(time.time_since_epoch().count()));
  }
}

TEST(Text, TimesComeBack) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 1000; ++round) {
    const Time value(Duration(random.between(-30'000'000'000'000, 200'000'000'000'000)));  // years 1019 to 8307
    EXPECT_EQ(parsed<Time>(text_of(value)), value) << text_of(value);
  }
}

TEST(Text, ScalarsComeBack) {
  EXPECT_EQ(parsed<bool>("1"), true);
  EXPECT_EQ(parsed<bool>("yes"), std::nullopt);
  EXPECT_EQ(parsed<std::int32_t>("17850.0"), 17850);
  EXPECT_EQ(parsed<std::int32_t>("17850.5"), std::nullopt);
  EXPECT_EQ(parsed<std::int32_t>("17850."), std::nullopt);
  EXPECT_EQ(parsed<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(parsed<std::uint8_t>("-1"), std::nullopt);
  EXPECT_EQ(parsed<std::int32_t>(" 1"), std::nullopt);
  EXPECT_EQ(parsed<double>("1e3"), 1000.0);
  EXPECT_EQ(parsed<double>("1e3x"), std::nullopt);
  EXPECT_EQ(parsed<Color>("green"), Color::green);
  EXPECT_EQ(parsed<Color>("7"), std::nullopt);
  EXPECT_EQ(parsed<std::uint64_t>(text_of(~0ULL)), ~0ULL);
  EXPECT_EQ(parsed<double>(text_of(0.1)), 0.1);
  EXPECT_EQ(parsed<float>(text_of(0.1F)), 0.1F);
}

}  // namespace
}  // namespace freshet::test
