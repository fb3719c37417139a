#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <map>

#include "jobs/log_monitor/alerts.h"
#include "jobs/log_monitor/windows.h"
#include "tests/integration/result_table.h"
#include "tests/jobs/run_job.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::log_monitor_test {
namespace {

using files::testing::TestDirectory;
using integration::ResultTable;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Parameters = std::map<std::string, std::string>;

/// Within an hour of one morning.
Time at(std::int64_t minute, std::int64_t second) {
  return Time(std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}) + 9h + minute * 1min + second * 1s;
}
Window minute(std::int64_t number) { return {at(number, 0), at(number + 1, 0)}; }

JobHarness run_sample(Parameters parameters = {}) {
  parameters["input"] = FRESHET_SAMPLE_LOG;
  JobHarness job("log_monitor", parameters);
  job.finish();
  return job;
}

TEST(LogMonitor, CountsTheSampleInTotal) {
  auto job = run_sample({{"top", "2"}});
  EXPECT_THAT(job.output<Totals>("totals_file"),
              ElementsAre(Totals{"all", 14, 18489, 6, 1, 3, 10, at(0, 2), at(1, 44)}));
  EXPECT_THAT(job.output<StatusTotals>("status_file"),
              UnorderedElementsAre(StatusTotals{"all", 200, 4, 17289}, StatusTotals{"all", 201, 1, 88},
                                   StatusTotals{"all", 304, 2, 0}, StatusTotals{"all", 400, 1, 157},
                                   StatusTotals{"all", 404, 5, 765}, StatusTotals{"all", 503, 1, 190}));
  EXPECT_THAT(job.output<Place>("top_paths_file"), ElementsAre(Place{1, "/orders", 3}, Place{2, "/style.css", 3}));
  EXPECT_THAT(job.output<Place>("top_hosts_file"), ElementsAre(Place{1, "192.0.2.66", 6}, Place{2, "198.51.100.4", 4}));
  EXPECT_THAT(job.output<NotFound>("not_found_file"),
              ElementsAre(NotFound{"all", "192.0.2.66", 5, at(0, 20), at(0, 24)}));
  EXPECT_THAT(job.output<Alert>("alerts_file"), ElementsAre(Alert{"all", "192.0.2.66", 5, at(0, 20), at(0, 24)}));
  const auto letters = job.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "malformed: unterminated quote");
  EXPECT_EQ(letters[0].origin, std::string(FRESHET_SAMPLE_LOG) + ", line 15");
}

TEST(LogMonitor, CountsTheSampleByWindow) {
  auto job = run_sample({{"top", "1"}, {"top_window", "1min"}});
  EXPECT_THAT(job.output<Traffic>("traffic_file"), UnorderedElementsAre(Traffic{"all", minute(0), 10, 9401, 6, 0, 3},
                                                                        Traffic{"all", minute(1), 4, 9088, 0, 1, 2}));
  EXPECT_THAT(job.output<Traffic>("traffic_long_file"),
              ElementsAre(Traffic{"all", {at(0, 0), at(60, 0)}, 14, 18489, 6, 1, 3}));
  EXPECT_THAT(job.output<WindowPlace>("window_paths_file"),
              UnorderedElementsAre(WindowPlace{"all", minute(0), 1, "/style.css", 2},
                                   WindowPlace{"all", minute(1), 1, "/orders", 2}));
  EXPECT_THAT(job.output<WindowPlace>("window_hosts_file"),
              UnorderedElementsAre(WindowPlace{"all", minute(0), 1, "192.0.2.66", 6},
                                   WindowPlace{"all", minute(1), 1, "198.51.100.4", 2}));
}

TEST(LogMonitor, CountsEachSiteApart) {
  const TestDirectory directory;
  const auto line = [](const std::string& host, const std::string& status, const std::string& site) {
    return host + " - - [01/Mar/2026:09:00:00 +0000] \"GET / HTTP/1.1\" " + status + " 1 \"-\" \"-\" " + site + "\n";
  };
  JobHarness job("log_monitor",
                 {{"input", directory.write("access.log", line("h1", "200", "a") + line("h1", "200", "b") +
                                                              line("h2", "200", "b") + line("h2", "404", "b"))},
                  {"input.columns", "site=extra1"},
                  {"not_found", "1"}});
  job.finish();
  const auto hits_and_hosts = [&](const std::string& sink) {
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> by_site;
    for (const auto& each : job.output<Traffic>(sink)) by_site[each.site] = {each.hits, each.hosts};
    return by_site;
  };
  EXPECT_THAT(hits_and_hosts("traffic_file"), ElementsAre(Pair("a", Pair(1, 1)), Pair("b", Pair(3, 2))));
  EXPECT_THAT(job.output<Totals>("totals_file"),
              UnorderedElementsAre(Totals{"a", 1, 1, 0, 0, 1, 1, at(0, 0), at(0, 0)},
                                   Totals{"b", 3, 3, 1, 0, 2, 1, at(0, 0), at(0, 0)}));
  EXPECT_THAT(job.output<Place>("top_hosts_file"),
              UnorderedElementsAre(Place{1, "h1", 1}, Place{1, "h2", 2}, Place{2, "h1", 1}));
  EXPECT_THAT(job.output<Alert>("alerts_file"), ElementsAre(Alert{"b", "h2", 1, at(0, 0), at(0, 0)}));
}

TEST(LogMonitor, WritesWhatIsWantedIntoFolders) {
  const TestDirectory directory;
  testing::run_job("log_monitor",
                   {{"input", FRESHET_SAMPLE_LOG}, {"output", directory.path("out")}, {"outputs", "status,top_paths"}},
                   2);
  EXPECT_THAT(ResultTable(directory.path("out/status")).by("status", "hits"),
              UnorderedElementsAre(Pair("200", 4), Pair("201", 1), Pair("304", 2), Pair("400", 1), Pair("404", 5),
                                   Pair("503", 1)));
  EXPECT_THAT(ResultTable(directory.path("out/top_paths")).columns(),
              UnorderedElementsAre("site", "rank", "name", "hits"));
  EXPECT_EQ(ResultTable(directory.path("out/dead_letters")).rows(), 1u);
  for (const auto* name : {"totals", "traffic", "traffic_long", "top_hosts", "not_found", "alerts", "late"})
    EXPECT_FALSE(std::filesystem::exists(directory.path(std::string("out/") + name))) << name;
}

TEST(LogMonitor, RefusesParametersThatMakeNoSense) {
  for (const auto& [name, value, message] : {std::tuple{"outputs", "status,trafic", "there is no result 'trafic'"},
                                             {"outputs", ",", "no result"},
                                             {"outputs", "", "no result is wanted"},
                                             {"outputs", "status,late", "too late for traffic, which is not wanted"},
                                             {"top", "0", "is 0"},
                                             {"top", "10001", "is 10001"},
                                             {"not_found", "0", "is 0"},
                                             {"alert_within", "-1s", "is negative"},
                                             {"window", "0ms", "a window of no length"}}) {
    try {
      testing::run_job("log_monitor", {{"input", FRESHET_SAMPLE_LOG}, {name, value}});
      ADD_FAILURE() << name << "=" << value << " was taken";
    } catch (const std::runtime_error& refused) {
      EXPECT_THAT(refused.what(), HasSubstr(message));
    }
  }
}

TEST(LogMonitorRanking, HoldsTheFirstWhateverTheOrderOfGrowth) {
  FRESHET_SEEDED(seed);
  files::Random random(seed);
  Ranking ranking;
  std::map<std::string, std::uint64_t> hits;
  for (int round = 0; round < 5000; ++round) {
    const std::string name = "name-" + std::to_string(random.below(1 + random.below(40)));
    ranking.put({"all", name, ++hits[name]}, 7);
    std::vector<std::pair<std::int64_t, std::string>> order;
    for (const auto& [each, count] : hits) order.emplace_back(-static_cast<std::int64_t>(count), each);
    std::sort(order.begin(), order.end());
    order.resize(std::min<std::size_t>(order.size(), 7));
    std::vector<std::pair<std::int64_t, std::string>> held;
    for (const auto& place : ranking.places) {
      held.emplace_back(-static_cast<std::int64_t>(place.hits), place.name);
      ASSERT_EQ(place.rank, held.size());
    }
    ASSERT_EQ(held, order) << "round " << round;
  }
}

}  // namespace
}  // namespace freshet::log_monitor_test
