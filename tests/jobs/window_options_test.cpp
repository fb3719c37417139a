#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

/// Windows by the wall clocks of a region, early results, and options that cannot be.
namespace freshet::window_options_test {
namespace {

using ::testing::HasSubstr;

struct View {
  std::uint64_t user = 0;
  std::string page{};
  Time time{};
  FRESHET_RECORD(user, page, time)
};

struct Views {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t views = 0, pages = 0;
  FRESHET_RECORD(user, window, views, pages)
};

auto views_of(Job& job) {
  return job.source("views", files::read<View>(files::Input{.options = {.path = "nowhere.csv"}}))
      .event_time(&View::time, {.max_disorder = 1h})
      .key_by(&View::user);
}

FRESHET_JOB(zoned_days, "Views of a day where people live, counted before and after they are sent")
{
  const auto zone = job.param("zone", "Europe/Berlin", "of the tz database");
  const auto views = views_of(job);
  views.window(tumbling(days(1)).in_zone(zone))
      .aggregate<Views>("days", count().as(&Views::views))
      .sink("days_out", files::csv("nowhere"));
  views.window(tumbling(days(1), 6h).in_zone(zone))
      .allow_late(2h)
      .aggregate<Views>("shop_days", count().as(&Views::views), distinct(&View::page).as(&Views::pages))
      .sink("shop_days_out", files::csv("nowhere"));
}

FRESHET_JOB(zoned_slides, "")
{
  views_of(job)
      .window(sliding(2h, 1h).in_zone("Europe/Berlin"))
      .aggregate<Views>("w", count().as(&Views::views))
      .sink("out", files::csv("nowhere"));
}

FRESHET_JOB(zoned_fractions, "")
{
  views_of(job)
      .window(tumbling(1500ms).in_zone("Europe/Berlin"))
      .aggregate<Views>("w", count().as(&Views::views))
      .sink("out", files::csv("nowhere"));
}

FRESHET_JOB(early_views, "Running results of windows")
{
  views_of(job)
      .window(sliding(2h, 1h))
      .early(every(1ms))
      .aggregate<Views>("w", count().as(&Views::views))
      .sink("out", files::csv("nowhere"));
}

FRESHET_JOB(early_at_end, "")
{
  views_of(job)
      .window(tumbling(1h))
      .early(at_end())
      .aggregate<Views>("w", count().as(&Views::views))
      .sink("out", files::csv("nowhere"));
}

FRESHET_JOB(too_precise, "")
{
  views_of(job)
      .window(tumbling(1h))
      .aggregate<Views>("w", distinct_approx(&View::page, {.precision = 19}).as(&Views::pages))
      .sink("out", files::csv("nowhere"));
}

Time utc(int month, int day, int hour) {
  return Time(std::chrono::sys_days{std::chrono::year{2026} / month / day}) + std::chrono::hours(hour);
}

/// A view of each of three users every half hour.
std::vector<View> views_between(Time from, Time to) {
  std::vector<View> views;
  for (Time at = from; at < to; at += 30min)
    for (std::uint64_t user = 1; user <= 3; ++user) views.push_back({user, "page", at});
  return views;
}

void expect_days(const std::vector<Views>& days, const std::vector<Time>& starts) {
  std::map<std::pair<std::uint64_t, Time>, Views> found;
  for (const auto& day : days) EXPECT_TRUE(found.emplace(std::pair(day.user, day.window.start), day).second) << "twice";
  EXPECT_EQ(found.size(), 3 * (starts.size() - 1));
  for (std::uint64_t user = 1; user <= 3; ++user)
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      const auto& day = found[{user, starts[i]}];
      EXPECT_EQ(day.window.end, starts[i + 1]);
      EXPECT_EQ(day.views, static_cast<std::uint64_t>((starts[i + 1] - starts[i]) / 30min));
    }
}

TEST(ZonedWindows, DaysHaveTheHoursOfTheirRegion) {
  for (const int tasks : {1, 3}) {
    JobHarness spring("zoned_days");
    spring.parallelism(tasks).feed("views", views_between(utc(3, 27, 23), utc(3, 30, 22))).finish();
    expect_days(spring.output<Views>("days_out"),
                {utc(3, 27, 23), utc(3, 28, 23), utc(3, 29, 22), utc(3, 30, 22)});  // 24, 23, 24 hours
    JobHarness autumn("zoned_days");
    autumn.parallelism(tasks).feed("views", views_between(utc(10, 24, 4), utc(10, 27, 5))).finish();
    expect_days(autumn.output<Views>("shop_days_out"),
                {utc(10, 24, 4), utc(10, 25, 5), utc(10, 26, 5), utc(10, 27, 5)});  // 25, 24, 24 hours
  }
}

TEST(ZonedWindows, AZoneIsAParameterLikeOthers) {
  JobHarness harness("zoned_days", {{"zone", "Asia/Kathmandu"}});
  harness.feed("views", views_between(utc(3, 1, 0), utc(3, 1, 20))).finish();
  const auto days = harness.output<Views>("days_out");
  ASSERT_EQ(days.size(), 6u);
  for (const auto& day : days) EXPECT_EQ((day.window.end - utc(1, 1, 0)) % std::chrono::days(1), 18h + 15min);
}

/// However often a window went out: its counts grow, and the last is what it came to.
TEST(EarlyWindows, EndWithTheResult) {
  for (const int tasks : {1, 3}) {
    JobHarness harness("early_views");
    harness.parallelism(tasks).feed("views", views_between(utc(3, 1, 0), utc(3, 21, 0))).finish();
    std::map<std::pair<std::uint64_t, Time>, std::uint64_t> found;
    for (const auto& result : harness.output<Views>("out")) {
      EXPECT_EQ(result.window.end - result.window.start, Duration(2h));
      auto& views = found[{result.user, result.window.start}];
      EXPECT_LE(views, result.views);
      views = result.views;
    }
    EXPECT_EQ(found.size(), 3u * (20 * 24 + 1));
    for (const auto& [window, views] : found)
      EXPECT_EQ(views, window.second == utc(3, 1, -1) || window.second == utc(3, 20, 23) ? 2u : 4u);
  }
}

TEST(ZonedWindows, WhatCannotBeIsSaidBeforeTheJobStarts) {
  using Parameters = std::map<std::string, std::string>;
  for (const auto& [job, parameters, message] :
       {std::tuple{"zoned_days", Parameters{{"zone", "Europe/Berlni"}},
                   R"(the tz database of this machine has no zone "Europe/Berlni")"},
        std::tuple{"zoned_days", Parameters{{"zone", ""}}, R"(no zone "")"},
        std::tuple{"zoned_slides", Parameters{}, "only tumbling windows go by the clocks"},
        std::tuple{"zoned_fractions", Parameters{}, "has parts of a second"},
        std::tuple{"early_at_end", Parameters{}, "early results go out by time"},
        std::tuple{"too_precise", Parameters{}, "distinct_approx has precision 19"}}) {
    try {
      JobHarness harness(job, parameters);
      harness.feed("views", std::vector<View>{}).finish();
      ADD_FAILURE() << job << " is not refused";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(message)) << job;
    }
  }
}

}  // namespace
}  // namespace freshet::window_options_test
