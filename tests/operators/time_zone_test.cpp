#include <freshet/time_zone.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "runtime/base/random.h"
#include "tests/support/seed.h"

/// Pieces of time by wall clocks, against what the C library says those clocks show.
namespace freshet::test::time_zones {
namespace {

using detail::TimeZone;

/// Lets the C library speak for a zone; UTC behind it.
class Clocks {
 public:
  explicit Clocks(const std::string& zone) { set(zone); }
  ~Clocks() { set("UTC"); }
  /// What they show, as seconds since 1970-01-01 00:00.
  std::int64_t show(std::int64_t seconds) const {
    const std::time_t at = seconds;
    std::tm shown{};
    localtime_r(&at, &shown);
    return seconds + shown.tm_gmtoff;
  }

 private:
  static void set(const std::string& zone) {
    setenv("TZ", zone.c_str(), 1);
    tzset();
  }
};

std::int64_t start_of_year(int year) {
  const std::chrono::sys_days day{std::chrono::year{year} / 1 / 1};
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count();
}

struct Case {
  const char* zone;
  int year;
};

/// What clocks show each minute of a year and around it.
struct Year {
  explicit Year(const Case& of) : first(start_of_year(of.year) - 40 * 86'400) {
    const Clocks clocks(of.zone);
    for (std::int64_t at = first; at < start_of_year(of.year + 1) + 40 * 86'400; at += 60)
      shown.push_back(clocks.show(at));
  }
  /// The first minutes in which a multiple of the size is shown.
  std::vector<std::int64_t> cuts(std::int64_t size, std::int64_t offset) const {
    std::vector<std::int64_t> cuts;
    std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
    for (std::size_t minute = 0; minute < shown.size(); ++minute) {
      const std::int64_t since = shown[minute] - offset;
      const std::int64_t number = since / size - (since % size < 0 ? 1 : 0);
      if (minute == 0) greatest = number;
      if (number > greatest) cuts.push_back(first + static_cast<std::int64_t>(minute) * 60);
      greatest = std::max(greatest, number);
    }
    return cuts;
  }
  std::int64_t first;
  std::vector<std::int64_t> shown{};
};

TEST(TimeZone, CutsWhereItsClocksFirstShowMultiplesOfTheSize) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (const auto& [name, year] : {
           Case{"Europe/Berlin", 2026},
           Case{"Europe/Berlin", 1980},
           Case{"Europe/Berlin", 2061},
           Case{"America/New_York", 2024},
           Case{"America/Sao_Paulo", 2018},    // midnight is skipped, and comes twice
           Case{"Australia/Lord_Howe", 2025},  // by half an hour
           Case{"Pacific/Apia", 2011},         // a day that was not
           Case{"Asia/Kathmandu", 2020},
           Case{"Africa/Casablanca", 2022},
           Case{"America/St_Johns", 2006},  // at one minute past midnight
           Case{"Asia/Shanghai", 1969},
           Case{"UTC", 2000},
       }) {
    const auto zone = TimeZone::find(name);
    ASSERT_NE(zone, nullptr) << name;
    const Year of_year({name, year});
    for (const auto& [size, offset] : std::vector<std::pair<Duration, Duration>>{
             {days(1), 0h}, {1h, 0h}, {6h, 0h}, {30min, 0h}, {days(1), 6h}, {days(7), days(4)}, {days(1), -90min}}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(year) + " by " + std::to_string(size / 1min) + " min");
      const auto cuts = of_year.cuts(size / 1s, offset / 1s);
      ASSERT_GT(cuts.size(), 30u);
      std::size_t odd = 0;  // pieces that are longer or shorter
      for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
        const std::int64_t start = cuts[i] * 1000, end = cuts[i + 1] * 1000;
        odd += Duration(end - start) != size;
        for (const std::int64_t time : {start, end - 1, random.between(start, end - 1)}) {
          const auto piece = zone->piece_at(time, size, offset);
          ASSERT_EQ(piece.start, start) << time;
          ASSERT_EQ(piece.last, end - 1) << time;
        }
      }
      if (std::string(name) == "UTC") {
        EXPECT_EQ(odd, 0u);
      } else if (std::string(name) == "America/New_York") {
        EXPECT_GE(odd, 1u);
      }
    }
  }
}

TEST(TimeZone, TheDaysOfBerlinHave23Or25HoursWhenClocksAreChanged) {
  const auto berlin = TimeZone::find("Europe/Berlin");
  ASSERT_NE(berlin, nullptr);
  const auto hours_of = [&](int month, unsigned day) {
    const std::chrono::sys_days date{std::chrono::year{2026} / month / static_cast<int>(day)};
    const std::int64_t noon = std::chrono::duration_cast<Duration>(date.time_since_epoch() + 12h).count();
    const auto piece = berlin->piece_at(noon, days(1), Duration(0));
    return (piece.last + 1 - piece.start) / 3'600'000;
  };
  EXPECT_EQ(hours_of(3, 28), 24);
  EXPECT_EQ(hours_of(3, 29), 23);
  EXPECT_EQ(hours_of(10, 25), 25);
  EXPECT_EQ(hours_of(10, 26), 24);
}

TEST(TimeZone, OnlyNamesOfTheDatabaseAreZones) {
  for (const char* name : {"", "Europe/Berlni", "europe", "Europe", "localtime", "/usr/share/zoneinfo/UTC",
                           "../zoneinfo/UTC", "./UTC", "file:UTC", "Europe/Berlin\n", "tzdata.zi", "zone.tab", "UTC "})
    EXPECT_EQ(TimeZone::find(name), nullptr) << name;
  for (const char* name : {"UTC", "Etc/GMT+5", "America/Port-au-Prince", "America/Argentina/Buenos_Aires"})
    EXPECT_NE(TimeZone::find(name), nullptr) << name;
}

}  // namespace
}  // namespace freshet::test::time_zones
