#include "runtime/cli/format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <limits>

namespace freshet::cli {
namespace {

struct Shown {
  double value;
  const char* text;
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Format, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(12'000'000), "12,000,000");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Format, CompactsCounts) {
  const Shown cases[] = {
      {0, "0"},           {655, "655"},           {999.4, "999"},      {999.6, "1.00 k"},   {1'420'000, "1.42 M"},
      {203'000, "203 k"}, {10'100'000, "10.1 M"}, {999'600, "1.00 M"}, {-2'000, "-2.00 k"}, {kNan, "-"}};
  for (const Shown& c : cases) EXPECT_EQ(compact(c.value), c.text) << c.value;
}

TEST(Format, CompactsRatesToTwoDigits) {
  const Shown cases[] = {{0, "0"},           {0.01, "<0.1"},       {0.5, "0.5"},        {3, "3"},
                         {9.97, "10"},       {913.2, "913"},       {2'100, "2.1 k"},    {11'000, "11 k"},
                         {231'000, "231 k"}, {1'420'000, "1.4 M"}, {9'960'000, "10 M"}, {kNan, "-"}};
  for (const Shown& c : cases) EXPECT_EQ(compact_rate(c.value), c.text) << c.value;
}

TEST(Format, ShowsBytesInBinaryUnits) {
  const Shown cases[] = {{0, "0 B"},
                         {180, "180 B"},
                         {1023, "1023 B"},
                         {1024, "1.0 KiB"},
                         {3'250'000, "3.1 MiB"},
                         {39'845'888, "38 MiB"},
                         {2'254'857'830, "2.1 GiB"},
                         {1'048'575, "1.0 MiB"}};
  for (const Shown& c : cases) EXPECT_EQ(bytes(c.value), c.text) << c.value;
}

TEST(Format, ShowsLatencies) {
  const Shown cases[] = {{0, "0.0 ms"},    {0.01, "<0.1 ms"}, {0.4, "0.4 ms"},   {9.96, "10 ms"},
                         {11, "11 ms"},    {412, "412 ms"},   {999.4, "999 ms"}, {999.6, "1 s"},
                         {1'200, "1.2 s"}, {60'000, "1 min"}, {kNan, "-"},       {-1, "-"}};
  for (const Shown& c : cases) EXPECT_EQ(latency(c.value), c.text) << c.value;
}

TEST(Format, ShowsDurations) {
  const Shown cases[] = {{0, "0 s"},
                         {20, "<0.1 s"},
                         {300, "0.3 s"},
                         {4'000, "4 s"},
                         {4'100, "4.1 s"},
                         {9'960, "10 s"},
                         {31'000, "31 s"},
                         {59'700, "1 min"},
                         {171'000, "2 min 51 s"},
                         {8'040'000, "2 h 14 min"},
                         {7'200'000, "2 h"},
                         {273'600'000, "3 d 4 h"},
                         {kNan, "-"}};
  for (const Shown& c : cases) EXPECT_EQ(duration(c.value), c.text) << c.value;
}

TEST(Format, ShowsShares) {
  const Shown cases[] = {{0, "0 %"},       {0.000001, "0.0001 %"}, {0.0000001, "<0.0001 %"},
                         {0.003, "0.3 %"}, {0.02, "2 %"},          {0.31, "31 %"},
                         {1, "100 %"}};
  for (const Shown& c : cases) EXPECT_EQ(percent(c.value), c.text) << c.value;
}

TEST(Format, ShowsLocalTimeWithZone) {
  setenv("TZ", "CET-1", 1);
  tzset();
  EXPECT_EQ(clock_time(1'772'334'431'020), "04:07:11");
  EXPECT_EQ(date_time(1'772'334'431'020), "2026-03-01 04:07:11 CET");
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(clock_time(-1), "23:59:59");
}

}  // namespace
}  // namespace freshet::cli
