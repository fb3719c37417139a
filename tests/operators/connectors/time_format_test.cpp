#include "operators/connectors/time_format.h"

#include <gmock/gmock.h>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMorning = 1'772'334'431'020;  // 2026-03-01T03:07:11.020Z

TimeFormat format(std::string_view spec) {
  auto result = TimeFormat::from_text(spec);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.value_or(TimeFormat());
}

TEST(TimeFormat, NumbersAreReadInTheirUnit) {
  EXPECT_EQ(format("s").parse("1772334431"), kMorning - 20);
  EXPECT_EQ(format("s").parse("885549943.0"), 885'549'943'000);
  EXPECT_EQ(format("s").parse("1.5"), 1500);
  EXPECT_EQ(format("s").parse("0.0209"), 20);
  EXPECT_EQ(format("s").parse("-1.5"), -1500);
  EXPECT_EQ(format("ms").parse("1772334431020"), kMorning);
  EXPECT_EQ(format("ms").parse("1772334431020.7"), kMorning);
  EXPECT_EQ(format("us").parse("1772334431020999"), kMorning);
}

TEST(TimeFormat, WhatIsNoWholeNumberIsRefused) {
  for (const char* text :
       {"", "-", "+1", "1 ", " 1", "1.", ".5", "1x", "1e9", "1.5.5", "--1", "999999999999999999999999"}) {
    EXPECT_EQ(format("s").parse(text), std::nullopt) << text;
    EXPECT_EQ(format("ms").parse(text), std::nullopt) << text;
  }
}

TEST(TimeFormat, TimesOutsideOfTheYears0To9999AreRefused) {
  EXPECT_EQ(format("s").parse("253402300799.999"), 253'402'300'799'999);
  EXPECT_EQ(format("s").parse("253402300800"), std::nullopt);
  EXPECT_EQ(format("s").parse("-62167219200"), -62'167'219'200'000);
  EXPECT_EQ(format("s").parse("-62167219201"), std::nullopt);
  EXPECT_EQ(format("ms").parse("253402300800000"), std::nullopt);
  EXPECT_EQ(format("s").parse("1772334431020"), std::nullopt) << "milliseconds taken for seconds";
}

TEST(TimeFormat, IsoComesInManyShapes) {
  const auto iso = format("iso");
  for (const char* text :
       {"2026-03-01T03:07:11.020Z", "2026-03-01 03:07:11.02", "2026-03-01T03:07:11.0200009Z",
        "2026-03-01T04:07:11.020+01:00", "2026-03-01T04:07:11.020+0100", "2026-03-01T04:07:11.020+01",
        "2026-02-28T21:37:11.020-05:30", "2026-03-01 03:07:11.020 +00:00", "2026-03-01t03:07:11.020z"}) {
    EXPECT_EQ(iso.parse(text), kMorning) << text;
  }
  EXPECT_EQ(iso.parse("2026-03-01T03:07"), kMorning - 11'020);
  EXPECT_EQ(iso.parse("2026-03-01T03:07Z"), kMorning - 11'020);
  EXPECT_EQ(iso.parse("2026-03-01"), 1'772'323'200'000);
  EXPECT_EQ(iso.parse("1969-12-31T23:59:59.999Z"), -1);
  EXPECT_EQ(iso.parse("2016-12-31T23:59:60Z"), iso.parse("2017-01-01T00:00:00Z")) << "a leap second";
}

TEST(TimeFormat, IsoThatIsNoTimeIsRefused) {
  for (const char* text : {"", "2026", "2026-3-1", "2026-13-01", "2026-02-29", "2026-03-01T", "2026-03-01T24:00:00Z",
                           "2026-03-01T03:60:00", "2026-03-01T03:07:11.Z", "2026-03-01T03:07:11.020Zx",
                           "2026-03-01T03:07:11+1", "2026-03-01T03:07:11+01:", " 2026-03-01", "2026-03-01 ", "26-03-01",
                           "2026-03-01T03:07:61", "2026-03-01T03:07:11+01:60", "0000-01-01T00:00:00+01:00"}) {
    EXPECT_EQ(format("iso").parse(text), std::nullopt) << text;
  }
}

TEST(TimeFormat, AutoTellsThemApart) {
  const auto any = format("auto");
  EXPECT_EQ(any.parse("1772334431"), kMorning - 20);
  EXPECT_EQ(any.parse("1772334431.020"), kMorning);
  EXPECT_EQ(any.parse("1772334431020"), kMorning);
  EXPECT_EQ(any.parse("1772334431020000"), kMorning);
  EXPECT_EQ(any.parse("2026-03-01T03:07:11.020Z"), kMorning);
  EXPECT_EQ(any.parse("01/Mar/2026:04:07:11 +0100"), kMorning - 20);
  EXPECT_EQ(any.parse("01/Mar/2026:03:07:11"), kMorning - 20);
  EXPECT_EQ(any.parse("28/feb/2026:21:37:11.02 -05:30"), kMorning);
  for (const char* text :
       {"01/Mar/2026", "01/Mar/2026:03:07", "01/Mrz/2026:03:07:11", "31/Feb/2026:03:07:11", "01/Mar/2026:03:07:11 ",
        "01/Mar/2026:03:07:11 +01000", "01/Mar/2026:24:07:11", "1/Mar/2026:03:07:11", "01/03/2026:03:07:11"})
    EXPECT_EQ(any.parse(text), std::nullopt) << text;
  EXPECT_EQ(any.parse("-1"), -1000);
  EXPECT_EQ(any.parse("99999999999"), 99'999'999'999'000) << "the last second";
  EXPECT_EQ(any.parse("100000000000"), 100'000'000'000) << "the first millisecond";
  EXPECT_EQ(any.parse("yesterday"), std::nullopt);
  EXPECT_EQ(TimeFormat().parse("1772334431"), kMorning - 20);
}

TEST(TimeFormat, PatternsAreReadAsByStrptime) {
  const auto log = format("%d/%b/%Y:%H:%M:%S %z");
  EXPECT_EQ(log.parse("01/Mar/2026:04:07:11 +0100"), kMorning - 20);
  EXPECT_EQ(log.parse("01/mAR/2026:03:07:11 Z"), kMorning - 20);
  EXPECT_EQ(log.parse("01/Mrz/2026:04:07:11 +0100"), std::nullopt);
  EXPECT_EQ(log.parse("01/Mar/2026:04:07:11"), std::nullopt);
  EXPECT_EQ(log.parse("01/Mar/2026:04:07:11 +0100 "), std::nullopt);
  EXPECT_EQ(format("%m/%d/%y %H:%M").parse("3/1/26 3:07"), kMorning - 11'020);
  EXPECT_EQ(format("%Y%m%d%H%M%S").parse("20260301030711.02"), kMorning);
  EXPECT_EQ(format("%b %e %Y").parse("Mar  1 2026"), 1'772'323'200'000);
  EXPECT_EQ(format("%d.%m.%Y %H.%M.%S.").parse("01.03.2026 03.07.11."), kMorning - 20);
  EXPECT_EQ(format("%y-%m-%d%%").parse("69-01-01%"), -31'536'000'000);
  EXPECT_EQ(format("%y-%m-%d%%").parse("68-01-01%"), 3'092'601'600'000);
}

TEST(TimeFormat, UnusableFormatsAreExplained) {
  EXPECT_THAT(TimeFormat::from_text("unix").error().message, HasSubstr("use s, ms, us, iso, auto or a pattern"));
  EXPECT_THAT(TimeFormat::from_text("%Y-%m-%Q").error().message, HasSubstr("%Q is not known; use %Y"));
  EXPECT_THAT(TimeFormat::from_text("%Y-%m-%d %").error().message, HasSubstr("% is not known"));
  EXPECT_THAT(TimeFormat::from_text("%H:%M").error().message, HasSubstr("must name year (%Y), month"));
}

TEST(TimeFormat, AMismatchNamesTheFormatThatFits) {
  EXPECT_EQ(format("s").mismatch("1772334431020").message,
            "'1772334431020' is not a time of the format s; ms would fit");
  EXPECT_EQ(format("ms").mismatch("2026-03-01").message, "'2026-03-01' is not a time of the format ms; iso would fit");
  EXPECT_EQ(format("iso").mismatch("1772334431").message, "'1772334431' is not a time of the format iso; s would fit");
  EXPECT_EQ(format("iso").mismatch("01/Mar/2026:04:07:11 +0100").message,
            "'01/Mar/2026:04:07:11 +0100' is not a time of the format iso; auto would fit");
  EXPECT_EQ(format("iso").mismatch("soon").message, "'soon' is not a time of the format iso");
  EXPECT_LT(format("iso").mismatch(std::string(100'000, 'x')).message.size(), 200u);
}

TEST(TimeFormat, WrittenTimesAreReadBack) {
  EXPECT_EQ(format_time_iso(kMorning), "2026-03-01T03:07:11.020Z");
  EXPECT_EQ(format_time_iso(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time_iso(253'402'300'800'000), "253402300800000") << "beyond what iso can say";
  FRESHET_SEEDED(seed);
  Random random(seed);
  for (int round = 0; round < 5000; ++round) {
    const auto ms = static_cast<std::int64_t>(random.below(315'569'520'000'000)) - 62'167'219'200'000;
    ASSERT_EQ(format("iso").parse(format_time_iso(ms)), ms) << format_time_iso(ms);
  }
}

TEST(TimeFormat, AnyBytesAreReadOrRefused) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  const TimeFormat formats[] = {format("s"),           format("ms"),   format("us"),
                                format("iso"),         format("auto"), format("%d/%b/%Y:%H:%M:%S %z"),
                                format("%Y%m%d%e%y%%")};
  for (int round = 0; round < 20'000; ++round) {
    const auto text = testing::random_text(random, 30, round % 2 == 0 ? "" : "0123456789-:.TZ+/ %Mar");
    for (const auto& each : formats) {
      const auto ms = each.parse(text);
      if (ms) {
        ASSERT_EQ(format_time_iso(*ms).size(), 24u) << text;
      } else {
        ASSERT_FALSE(each.mismatch(text).message.empty());
      }
    }
  }
}

}  // namespace
}  // namespace freshet::files
