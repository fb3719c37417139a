// The job log_monitor on real logs that nobody of this project wrote, against results that were computed outside of it.
// The data stands beside the checkout, in ../shared/data; where it is absent, the tests are skipped.

#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "jobs/log_monitor/alerts.h"
#include "jobs/log_monitor/windows.h"
#include "tests/jobs/log_lines.h"
#include "tests/jobs/real_data.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::log_answers_test {
namespace {

using files::testing::TestDirectory;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Field;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

using testing::Parameters;
using Row = std::vector<std::int64_t>;

Time at(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }
std::int64_t seconds_of(Time time) { return time.time_since_epoch().count() / 1000; }

const Parameters kApache = {{"input", testing::input("apache-semicomplete/apache_logs.log.gz")},
                            {"max_disorder", "59s"}};
const Parameters kNasa = {{"input", testing::input("nasa-jul95/nasa_19950701.tsv.gz")},
                          {"input.columns", "path=url,status=response"},
                          {"input.time", "s"},
                          {"max_disorder", "0s"}};

Parameters with(Parameters parameters, const Parameters& more) {
  for (const auto& [name, value] : more) parameters[name] = value;
  return parameters;
}

JobHarness run_monitor(const Parameters& parameters, std::int64_t parallelism) {
  JobHarness harness("log_monitor", parameters);
  harness.parallelism(parallelism).finish();
  return harness;
}

/// Start of the window in seconds, hits, hosts; by window.
std::vector<Row> by_window(std::vector<Traffic> traffic) {
  std::sort(traffic.begin(), traffic.end(),
            [](const auto& a, const auto& b) { return a.window.start < b.window.start; });
  std::vector<Row> rows;
  for (const auto& each : traffic)
    rows.push_back(
        {seconds_of(each.window.start), static_cast<std::int64_t>(each.hits), static_cast<std::int64_t>(each.hosts)});
  return rows;
}

/// How many windows, most hits in one, sum of their hosts.
Row in_all(const std::vector<Row>& windows) {
  Row sum{static_cast<std::int64_t>(windows.size()), 0, 0};
  for (const auto& row : windows) {
    sum[1] = std::max(sum[1], row[1]);
    sum[2] += row[2];
  }
  return sum;
}

/// Names and hits, in the order in which the rows came, which is that of their ranks.
std::vector<std::pair<std::string, std::uint64_t>> ranked(const std::vector<Place>& places) {
  std::vector<std::pair<std::string, std::uint64_t>> names;
  for (const auto& place : places) {
    names.emplace_back(place.name, place.hits);
    EXPECT_EQ(place.rank, names.size());
  }
  return names;
}

/// The first `most` names of each window, counted by other means.
std::vector<WindowPlace> expected_places(const std::vector<testing::PlainHit>& hits,
                                         std::string testing::PlainHit::*field, std::size_t most) {
  std::map<std::int64_t, std::map<std::string, std::uint64_t>> windows;
  for (const auto& hit : hits) ++windows[hit.time - hit.time % 3600][hit.*field];
  std::vector<WindowPlace> places;
  for (const auto& [start, names] : windows) {
    std::multimap<std::pair<std::int64_t, std::string>, std::uint64_t> order;
    for (const auto& [name, count] : names) order.emplace(std::pair(-static_cast<std::int64_t>(count), name), count);
    std::uint32_t rank = 0;
    for (const auto& [key, count] : order) {
      if (++rank > most) break;
      places.push_back({"all", {at(start), at(start + 3600)}, rank, key.second, count});
    }
  }
  return places;
}

/// Alerts of a log, counted by other means: of each host, each `least` answers 404 that lie within a time.
std::vector<Alert> expected_alerts(const std::vector<testing::PlainHit>& hits, std::size_t least, std::int64_t within) {
  std::map<std::string, std::vector<std::int64_t>> times;
  for (const auto& hit : hits)
    if (hit.status == "404") times[hit.host].push_back(hit.time);
  std::vector<Alert> alerts;
  for (auto& [host, all] : times) {
    std::sort(all.begin(), all.end());
    std::size_t begin = 0;  // behind the last alert
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i + 1 - begin < least || all[i] - all[i + 1 - least] > within) continue;
      alerts.push_back({"all", host, least, at(all[i + 1 - least]), at(all[i])});
      begin = i + 1;
    }
  }
  return alerts;
}

class LogAnswers : public testing::OnRealData {
 protected:
  /// What the log of July 1995 comes to, however it is written.
  static void expect_nasa(JobHarness& job) {
    EXPECT_THAT(job.output<Totals>("totals_file"),
                ElementsAre(Totals{"all", 9999, 246472942, 48, 0, 936, 1165, at(804571201), at(804584384)}));
    EXPECT_EQ(hits_by_status(job), (std::map<int, std::uint64_t>{{200, 9012}, {304, 531}, {302, 408}, {404, 48}}));
    EXPECT_THAT(by_window(job.output<Traffic>("traffic_long_file")),
                ElementsAre(Row{804571200, 3565, 378}, Row{804574800, 3004, 329}, Row{804578400, 2268, 263},
                            Row{804582000, 1162, 134}));
    EXPECT_THAT(in_all(by_window(job.output<Traffic>("traffic_file"))), ElementsAre(220, 87, 4169));
    using Names = std::vector<std::pair<std::string, std::uint64_t>>;
    EXPECT_EQ(ranked(job.output<Place>("top_paths_file")),
              (Names{{"/images/NASA-logosmall.gif", 639},
                     {"/images/KSC-logosmall.gif", 546},
                     {"/shuttle/countdown/count.gif", 421},
                     {"/shuttle/countdown/", 418},
                     {"/shuttle/missions/sts-71/sts-71-patch-small.gif", 243},
                     {"/shuttle/missions/sts-71/images/images.html", 234},
                     {"/images/USA-logosmall.gif", 221},
                     {"/images/MOSAIC-logosmall.gif", 220},
                     {"/images/WORLD-logosmall.gif", 219},
                     {"/images/launch-logo.gif", 218}}));
    auto hosts = ranked(job.output<Place>("top_hosts_file"));
    ASSERT_THAT(hosts, SizeIs(10));
    hosts.resize(5);
    EXPECT_EQ(hosts, (Names{{"kristina.az.com", 118},
                            {"burger.letters.com", 111},
                            {"vagrant.vf.mmc.com", 85},
                            {"piweba3y.prodigy.com", 72},
                            {"crystal91.crystal.hillsborough.ca.us", 67}}));
    EXPECT_EQ(not_found(job), (std::map<std::string, std::uint64_t>{{"ix-wbg-va2-26.ix.netcom.com", 6}}));
    EXPECT_THAT(job.dead_letters(), SizeIs(0));
  }
  static std::map<int, std::uint64_t> hits_by_status(JobHarness& job) {
    std::map<int, std::uint64_t> hits;
    for (const auto& each : job.output<StatusTotals>("status_file"))
      EXPECT_TRUE(hits.emplace(each.status, each.hits).second) << each.status << " twice";
    return hits;
  }
  static std::map<std::string, std::uint64_t> not_found(JobHarness& job) {
    std::map<std::string, std::uint64_t> answers;
    for (const auto& each : job.output<NotFound>("not_found_file"))
      EXPECT_TRUE(answers.emplace(each.host, each.answers).second) << each.host << " twice";
    return answers;
  }
};

TEST_P(LogAnswers, ApacheTotals) {
  auto job = run_monitor(kApache, GetParam());
  EXPECT_THAT(job.output<Totals>("totals_file"),
              ElementsAre(Totals{"all", 9999, 2747282505, 217, 3, 1753, 1498, at(1431857100), at(1432155959)}));
  EXPECT_EQ(hits_by_status(job),
            (std::map<int, std::uint64_t>{
                {200, 9125}, {304, 445}, {404, 213}, {301, 164}, {206, 45}, {500, 3}, {403, 2}, {416, 2}}));
  using Names = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(ranked(job.output<Place>("top_paths_file")), (Names{{"/favicon.ico", 807},
                                                                {"/style2.css", 546},
                                                                {"/reset.css", 538},
                                                                {"/images/jordan-80.png", 533},
                                                                {"/images/web/2009/banner.png", 516},
                                                                {"/blog/tags/puppet?flav=rss20", 488},
                                                                {"/projects/xdotool/", 224},
                                                                {"/?flav=rss20", 217},
                                                                {"/", 197},
                                                                {"/robots.txt", 180}}));
  auto hosts = ranked(job.output<Place>("top_hosts_file"));
  ASSERT_THAT(hosts, SizeIs(10));
  hosts.resize(5);
  EXPECT_EQ(hosts, (Names{{"66.249.73.135", 482},
                          {"46.105.14.53", 364},
                          {"130.237.218.86", 357},
                          {"75.97.9.59", 273},
                          {"50.16.19.13", 113}}));
  EXPECT_EQ(not_found(job), (std::map<std::string, std::uint64_t>{{"208.91.156.11", 60},
                                                                  {"144.76.95.39", 14},
                                                                  {"66.249.73.135", 8},
                                                                  {"91.236.75.25", 8},
                                                                  {"75.97.9.59", 6},
                                                                  {"176.92.75.62", 5}}));
  const auto letters = job.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "malformed: unterminated quote");
  EXPECT_THAT(letters[0].record, ::testing::StartsWith("46.118.127.106 - - [20/May/2015:12:05:17 +0000]"));
}

TEST_P(LogAnswers, ApacheWindows) {
  auto job = run_monitor(kApache, GetParam());
  const auto long_windows = job.output<Traffic>("traffic_long_file");
  auto hours = by_window(long_windows);
  hours.resize(6);
  EXPECT_THAT(hours, ElementsAre(Row{1431856800, 74, 22}, Row{1431860400, 111, 31}, Row{1431864000, 115, 38},
                                 Row{1431867600, 118, 26}, Row{1431871200, 120, 25}, Row{1431874800, 125, 40}));
  const auto minutes = job.output<Traffic>("traffic_file");
  EXPECT_THAT(in_all(by_window(minutes)), ElementsAre(84, 136, 3052));
  for (const auto& traffic : {long_windows, minutes}) {
    Traffic sum;
    for (const auto& each : traffic) {
      sum.bytes += each.bytes;
      sum.client_errors += each.client_errors;
      sum.server_errors += each.server_errors;
    }
    EXPECT_EQ(sum, (Traffic{.bytes = 2747282505, .client_errors = 217, .server_errors = 3}));
  }
  const auto hits = testing::plain_hits_of(kApache.at("input"));
  ASSERT_THAT(hits, SizeIs(9999));
  EXPECT_THAT(job.output<WindowPlace>("window_paths_file"),
              UnorderedElementsAreArray(expected_places(hits, &testing::PlainHit::path, 10)));
  EXPECT_THAT(job.output<WindowPlace>("window_hosts_file"),
              UnorderedElementsAreArray(expected_places(hits, &testing::PlainHit::host, 10)));
}

TEST_P(LogAnswers, ApacheAlertsForAnyTime) {
  const auto hits = testing::plain_hits_of(kApache.at("input"));
  for (const auto& [least, within] : {std::pair{5, 600}, {2, 0}, {3, 10}, {4, 59}, {3, 7200}, {1, 60}}) {
    auto job = run_monitor(with(kApache, {{"outputs", "alerts"},
                                          {"not_found", std::to_string(least)},
                                          {"alert_within", std::to_string(within) + "s"}}),
                           GetParam());
    const auto expected = expected_alerts(hits, static_cast<std::size_t>(least), within);
    EXPECT_FALSE(expected.empty());
    EXPECT_THAT(job.output<Alert>("alerts_file"), UnorderedElementsAreArray(expected)) << least << " in " << within;
  }
}

TEST_P(LogAnswers, NasaAsColumns) {
  auto job = run_monitor(kNasa, GetParam());
  expect_nasa(job);
}

/// The same log in the common format, in a zone of its own and 0 bytes as a dash, as the server once wrote it.
TEST_P(LogAnswers, NasaInTheCommonFormat) {
  const TestDirectory directory;
  std::string text;
  auto rows = testing::lines_of(kNasa.at("input"));
  rows.erase(rows.begin());
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    std::istringstream in(row);
    for (std::string cell; std::getline(in, cell, '\t');) cells.push_back(cell);
    const std::time_t there = std::stoll(cells[2]) - 4 * 3600;
    std::tm when{};
    gmtime_r(&there, &when);
    char time[32];
    std::strftime(time, sizeof time, "%d/%b/%Y:%H:%M:%S -0400", &when);
    text += cells[0] + " - - [" + time + "] \"" + cells[3] + " " + cells[4] + " HTTP/1.0\" " + cells[5] + " " +
            (cells[6] == "0" ? "-" : cells[6]) + "\n";
  }
  auto job = run_monitor({{"input", directory.write("access_log", text)}, {"max_disorder", "0s"}}, GetParam());
  expect_nasa(job);
}

/// The lines of the log are up to 59 seconds out of order. With a watermark behind each line it is known to the line
/// what comes too late for its window.
class LogLateness : public LogAnswers {
 protected:
  static JobHarness run_with_bound(int bound, const std::string& window) {
    return run_monitor(with(kApache, {{"outputs", "traffic,late"},
                                      {"max_disorder", std::to_string(bound) + "s"},
                                      {"window", window},
                                      {"watermark_each_line", "true"}}),
                       1);
  }
};

TEST_F(LogLateness, IsKnownForEachBound) {
  for (const auto& [bound, dropped] :
       std::map<int, std::size_t>{{0, 8143}, {10, 6488}, {30, 3135}, {49, 1027}, {58, 0}, {59, 0}}) {
    auto job = run_with_bound(bound, "10s");
    EXPECT_THAT(job.output<Hit>("late_file"), SizeIs(dropped)) << "bound " << bound << " s";
    std::uint64_t kept = 0;
    for (const auto& each : job.output<Traffic>("traffic_file")) kept += each.hits;
    EXPECT_EQ(kept + dropped, 9999u) << "bound " << bound << " s";
  }
  auto minutes = run_with_bound(0, "1min");
  EXPECT_THAT(minutes.output<Hit>("late_file"), SizeIs(0)) << "disorder never leaves the minute";
}

TEST_F(LogLateness, LeavesEachWindowWhatCameInTime) {
  std::vector<std::vector<std::int64_t>> kept;
  for (const int bound : {59, 0, 30}) {
    auto job = run_with_bound(bound, "10s");
    std::map<std::int64_t, std::int64_t> hits;
    for (const auto& row : by_window(job.output<Traffic>("traffic_file"))) hits[row[0]] = row[1];
    auto& first = kept.emplace_back();
    for (std::int64_t start = 1'431'857'100; start < 1'431'857'160; start += 10) first.push_back(hits[start]);
  }
  EXPECT_THAT(kept[0], ElementsAre(9, 13, 9, 17, 14, 12));
  EXPECT_THAT(kept[1], ElementsAre(1, 0, 0, 0, 2, 12));
  EXPECT_THAT(kept[2], ElementsAre(1, 1, 9, 17, 14, 12));
}

INSTANTIATE_TEST_SUITE_P(Parallelism, LogAnswers, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::log_answers_test
