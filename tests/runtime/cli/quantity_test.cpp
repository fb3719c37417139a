#include "runtime/cli/quantity.h"

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

struct Read {
  const char* text;
  std::int64_t value;
};

TEST(ParseSize, ReadsBinaryUnits) {
  const Read cases[] = {{"0", 0},         {"4096", 4096},      {"512B", 512},           {"1KiB", 1024},
                        {"1.5KiB", 1536}, {"64MiB", 64 << 20}, {"2 GiB", 2147483648LL}, {"3TiB", 3298534883328LL}};
  for (const Read& c : cases) {
    const auto size = parse_size(c.text);
    ASSERT_TRUE(size) << c.text;
    EXPECT_EQ(*size, c.value) << c.text;
  }
}

TEST(ParseSize, RefusesWhatIsAmbiguousOrNoSize) {
  for (const char* text :
       {"", "MiB", "64MB", "64M", "-1KiB", "1e3", "64MiBs", "nan", "inf", "99999999999TiB", "0.2B", " 1"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.failure().code, ExitCode::kUsage);
    EXPECT_NE(size.failure().message.find(kSizeForm), std::string::npos) << size.failure().message;
  }
}

TEST(ParseDuration, ReadsEveryUnit) {
  const Read cases[] = {{"0", 0},          {"250ms", 250},    {"30s", 30'000},    {"1.5s", 1'500},
                        {"5min", 300'000}, {"2h", 7'200'000}, {"1d", 86'400'000}, {"5 min", 300'000}};
  for (const Read& c : cases) {
    const auto duration = parse_duration_ms(c.text);
    ASSERT_TRUE(duration) << c.text;
    EXPECT_EQ(*duration, c.value) << c.text;
  }
}

TEST(ParseDuration, RefusesANumberWithoutUnit) {
  const auto duration = parse_duration_ms("30");
  ASSERT_FALSE(duration);
  EXPECT_EQ(duration.failure().message, "'30' has no unit; expected a duration such as 250ms, 30s, 5min, 2h or 1d");
  for (const char* text : {"", "s", "5m", "-1s", "30sec", "0.1ms", "1h30min"})
    EXPECT_FALSE(parse_duration_ms(text)) << text;
}

}  // namespace
}  // namespace freshet::cli
