// Windows on real data that nobody of this project wrote, against results that were computed outside of it. The data
// stands beside the checkout, in ../shared/data; where it is absent, the tests are skipped.

#include <freshet/files.h>
#include <gmock/gmock.h>

#include "runtime/base/random.h"
#include "tests/jobs/log_lines.h"
#include "tests/jobs/real_data.h"
#include "tests/operators/connectors/test_files.h"
#include "tests/support/seed.h"

namespace freshet::window_answers_test {
namespace {

using ::testing::ElementsAre;

using testing::input;
using testing::Parameters;

/// What somebody did. Users and items are text here, since in some sets they are.
struct Act {
  std::string user{}, item{}, action{};
  Time time{};
  std::int64_t quantity = 0;
  double price = 0;
  FRESHET_RECORD(user, item, action, time, quantity, price)
};

struct Session {
  std::string user{};
  Window window{};
  std::uint64_t events = 0;
  Time first{}, last{};
  FRESHET_RECORD(user, window, events, first, last)
};

struct Visitors {
  std::uint64_t all = 0;
  Window window{};
  std::uint64_t views = 0, visitors = 0;
  FRESHET_RECORD(all, window, views, visitors)
};

FRESHET_JOB(activity, "Sessions of users, views and visitors of a window")
{
  const auto input = files::input<Act>(job, "input", "none", "event files");
  const auto disorder = job.param("disorder", 0s, "how much later than its successors an event may come");
  const auto gap = job.param("gap", 30min, "which gap ends a session");
  const auto size = job.param("size", 1h, "of the windows");
  const auto action = job.param("action", "", "which action counts as a view; all when empty");
  const auto acts = job.source("acts", files::read<Act>(input))
                        .event_time(&Act::time, {.max_disorder = disorder, .earliest = Time(631'152'000s)});
  acts.key_by(&Act::user)
      .window(session(gap))
      .aggregate<Session>("sessions", count().as(&Session::events), min(&Act::time).as(&Session::first),
                          max(&Act::time).as(&Session::last))
      .sink("sessions_out", files::csv("nowhere"));
  acts.filter("views", [action](const Act& act) { return action.empty() || act.action == action; })
      .key_by("all", [](const Act&) { return std::uint64_t{0}; })
      .window(tumbling(size))
      .aggregate<Visitors>("visitors", count().as(&Visitors::views), distinct(&Act::user).as(&Visitors::visitors))
      .sink("visitors_out", files::csv("nowhere"));
}

struct Sizes {
  std::uint64_t all = 0;
  Window window{};
  std::uint64_t acts = 0, users = 0, about_users = 0;
  double least = 0, median = 0, high = 0, returned = 0, dear = 0;
  FRESHET_RECORD(all, window, acts, users, about_users, least, median, high, returned, dear)
};

FRESHET_JOB(sketches, "About how many users a window has, and quantiles of quantities and prices")
{
  const auto input = files::input<Act>(job, "input", "none", "event files");
  const auto disorder = job.param("disorder", 0s, "how much later than its successors an event may come");
  const auto size = job.param("size", 1h, "of the windows");
  const auto action = job.param("action", "", "which action counts; all when empty");
  const auto acts = job.source("acts", files::read<Act>(input))
                        .event_time(&Act::time, {.max_disorder = disorder, .earliest = Time(631'152'000s)})
                        .filter("those", [action](const Act& act) { return action.empty() || act.action == action; });
  acts.key_by("all", [](const Act&) { return std::uint64_t{0}; })
      .window(tumbling(size))
      .aggregate<Sizes>("sizes", count().as(&Sizes::acts), distinct(&Act::user).as(&Sizes::users),
                        distinct_approx(&Act::user).as(&Sizes::about_users),
                        quantiles(&Act::quantity, {0.0, 0.5, 0.999}).as(&Sizes::least, &Sizes::median, &Sizes::high),
                        quantile(&Act::quantity, 0.001, {.relative_error = 0.001}).as(&Sizes::returned),
                        quantile(&Act::price, 0.99).as(&Sizes::dear))
      .sink("sizes_out", files::csv("nowhere"));
  acts.sink("acts_out", files::csv("nowhere"));
}

struct Click {
  std::uint64_t user = 0, item = 0, category = 0;
  std::string action{};
  Time time{};
  FRESHET_RECORD(user, item, category, action, time)
};

struct ItemViews {
  std::uint64_t item = 0;
  Window window{};
  std::uint64_t views = 0;
  FRESHET_RECORD(item, window, views)
};

FRESHET_JOB(hot_items, "The items viewed most in the last hour, every five minutes")
{
  const auto input = files::input<Click>(job, "input", "none", "event files");
  job.source("clicks", files::read<Click>(input))
      .event_time(&Click::time)
      .filter("views", equals(&Click::action, std::string("pv")))
      .key_by(&Click::item)
      .window(sliding(1h, 5min))
      .aggregate<ItemViews>("item_views", count().as(&ItemViews::views))
      .key_by("all", [](const ItemViews&) { return std::uint64_t{0}; })
      .window(same_window())
      .top("hot", 5, largest(&ItemViews::views), smallest(&ItemViews::item))
      .sink("hot_out", files::csv("nowhere"));
}

/// How many sessions, of one event, most events in one, the longest, the sum of their lengths in seconds.
std::vector<std::int64_t> summary(const std::vector<Session>& sessions) {
  std::int64_t single = 0, most = 0, longest = 0, total = 0;
  for (const auto& session : sessions) {
    const std::int64_t length = std::chrono::duration_cast<std::chrono::seconds>(session.last - session.first).count();
    single += session.events == 1;
    most = std::max(most, static_cast<std::int64_t>(session.events));
    longest = std::max(longest, length);
    total += length;
  }
  return {static_cast<std::int64_t>(sessions.size()), single, most, longest, total};
}

/// Start of the window in seconds, views, visitors; by window.
std::vector<std::vector<std::int64_t>> rows(std::vector<Visitors> visitors) {
  std::sort(visitors.begin(), visitors.end(),
            [](const auto& a, const auto& b) { return a.window.start < b.window.start; });
  std::vector<std::vector<std::int64_t>> rows;
  for (const auto& each : visitors)
    rows.push_back({each.window.start.time_since_epoch().count() / 1000, static_cast<std::int64_t>(each.views),
                    static_cast<std::int64_t>(each.visitors)});
  return rows;
}
using Row = std::vector<std::int64_t>;

class WindowAnswers : public testing::OnRealData {};

const Parameters kTaobao = {{"input", input("taobao-sorted/*.gz")},
                            {"input.columns", "user=1,item=2,category=3,action=4,time=5"},
                            {"input.time", "s"}};

Parameters with(Parameters parameters, const Parameters& more) {
  for (const auto& [name, value] : more) parameters[name] = value;
  return parameters;
}

TEST_P(WindowAnswers, ShopClicks) {
  const Parameters clicks = {{"input", kTaobao.at("input")},
                             {"input.columns", "user=1,item=2,action=4,time=5"},
                             {"input.time", "s"},
                             {"action", "pv"}};
  auto half_hour = run("activity", clicks);
  EXPECT_THAT(summary(half_hour.output<Session>("sessions_out")), ElementsAre(62116, 42646, 20, 6431, 13322423));
  EXPECT_THAT(rows(half_hour.output<Visitors>("visitors_out")),
              ElementsAre(Row{1511658000, 41890, 28196}, Row{1511661600, 43883, 29659}));
  EXPECT_EQ(half_hour.dead_letters().size(), 1u);
  auto five_minutes = run("activity", with(clicks, {{"gap", "5min"}}));
  EXPECT_THAT(summary(five_minutes.output<Session>("sessions_out")), ElementsAre(76818, 62466, 11, 1158, 2278993));
}

TEST_P(WindowAnswers, HotItems) {
  auto harness = run("hot_items", kTaobao);
  std::map<Time, std::map<std::uint32_t, ItemViews>> hot;
  for (const auto& each : harness.output<Ranked<ItemViews>>("hot_out"))
    EXPECT_TRUE(hot[each.record.window.end].emplace(each.rank, each.record).second) << "a place was given twice";
  std::uint64_t best = 0, sum_of_best = 0;
  for (const auto& [end, items] : hot) {
    EXPECT_EQ(items.size(), 5u);
    best = std::max(best, items.at(1).views);
    sum_of_best += items.at(1).views;
  }
  EXPECT_EQ(hot.size(), 35u);
  EXPECT_EQ(best, 36u);
  EXPECT_EQ(sum_of_best, 740u);
  EXPECT_EQ(hot.begin()->first, Time(1'511'658'300s));
  EXPECT_EQ(hot.rbegin()->first, Time(1'511'668'500s));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> first_hour;
  for (const auto& [rank, item] : hot.at(Time(1'511'661'600s))) first_hour.emplace_back(item.item, item.views);
  EXPECT_THAT(first_hour, ElementsAre(std::pair(2338453, 27), std::pair(2563440, 18), std::pair(812879, 17),
                                      std::pair(138964, 14), std::pair(3244134, 12)));
}

/// Each line up to five minutes later among the others than its time says, and that is the disorder allowed.
TEST_P(WindowAnswers, ShopClicksShuffledWithinTheBoundAreTheSame) {
  constexpr std::int64_t kBound = 300;
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  std::vector<std::pair<std::int64_t, std::string>> lines;
  for (const auto& entry : std::filesystem::directory_iterator(input("taobao-sorted"))) {
    if (entry.path().extension() != ".gz") continue;
    for (auto& line : testing::lines_of(entry.path().string())) {
      const std::string time = line.substr(line.rfind(',') + 1);
      if (time.size() == 10)
        lines.emplace_back(std::stoll(time) + static_cast<std::int64_t>(random.below(kBound + 1)), std::move(line));
    }
  }
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [when, line] : lines) text += line + "\n";
  const files::testing::TestDirectory directory;
  auto harness = run("activity", {{"input", directory.write("shuffled.csv", text)},
                                  {"input.columns", "user=1,item=2,action=4,time=5"},
                                  {"input.time", "s"},
                                  {"action", "pv"},
                                  {"disorder", std::to_string(kBound) + "s"}});
  EXPECT_THAT(summary(harness.output<Session>("sessions_out")), ElementsAre(62116, 42646, 20, 6431, 13322423));
  EXPECT_THAT(rows(harness.output<Visitors>("visitors_out")),
              ElementsAre(Row{1511658000, 41890, 28196}, Row{1511661600, 43883, 29659}));
}

/// What else these logs come to stands in log_answers_test.cpp.
TEST_P(WindowAnswers, VisitsOfAWebServer) {
  auto nasa = run("activity", {{"input", input("nasa-jul95/*.gz")},
                               {"input.columns", "user=host,item=url,action=response"},
                               {"input.time", "s"}});
  EXPECT_THAT(summary(nasa.output<Session>("sessions_out")), ElementsAre(1004, 104, 118, 13043, 494221));
  auto apache = run("activity", {{"input", input("apache-semicomplete/*.gz")},
                                 {"input.columns", "user=host,item=path,action=status"},
                                 {"disorder", "59s"}});
  EXPECT_THAT(summary(apache.output<Session>("sessions_out")), ElementsAre(3052, 1607, 108, 59, 49207));
  EXPECT_EQ(apache.dead_letters().size(), 1u);
}

TEST_P(WindowAnswers, ClickOuts) {
  const Parameters trivago = {{"input", input("trivago-clicks/*.gz")},
                              {"input.columns", "user=user_id,item=reference,action=action_type,time=timestamp"},
                              {"input.time", "s"},
                              {"disorder", "172632s"},  // the file is grouped by user
                              {"action", "clickout item"},
                              {"size", "6h"}};
  auto half_hour = run("activity", trivago);
  EXPECT_THAT(summary(half_hour.output<Session>("sessions_out")), ElementsAre(7711, 1845, 683, 10629, 2467696));
  EXPECT_THAT(rows(half_hour.output<Visitors>("visitors_out")),
              ElementsAre(Row{1541548800, 1259, 650}, Row{1541570400, 1407, 759}, Row{1541592000, 2129, 1105},
                          Row{1541613600, 2047, 1017}, Row{1541635200, 1301, 658}, Row{1541656800, 1483, 784},
                          Row{1541678400, 2071, 1085}, Row{1541700000, 1900, 969}));
  auto hour = run("activity", with(trivago, {{"gap", "1h"}}));
  EXPECT_THAT(summary(hour.output<Session>("sessions_out")), ElementsAre(7453, 1746, 683, 14245, 3120174));
}

TEST_P(WindowAnswers, RatingsInNoOrderOfTime) {
  auto days = run("activity", {{"input", input("ml-100k/*.gz")},
                               {"input.columns", "user=user_id:token,item=item_id:token,time=timestamp:float"},
                               {"input.time", "s"},
                               {"disorder", "18561911s"},
                               {"size", "24h"}});
  EXPECT_THAT(summary(days.output<Session>("sessions_out")), ElementsAre(2793, 510, 737, 16512, 3120441));
  auto busiest = rows(days.output<Visitors>("visitors_out"));
  std::stable_sort(busiest.begin(), busiest.end(), [](const Row& a, const Row& b) { return a[2] > b[2]; });
  busiest.resize(5);
  EXPECT_THAT(busiest, ElementsAre(Row{879379200, 3550, 56}, Row{891216000, 1715, 41}, Row{890956800, 1999, 35},
                                   Row{891388800, 1787, 33}, Row{879465600, 2197, 31}));
}

/// 3 standard errors of the default precision.
constexpr double kMostOff = 3 * 0.0081;

TEST_P(WindowAnswers, VisitorsOfShopClicksByASketch) {
  auto harness = run("sketches", {{"input", kTaobao.at("input")},
                                  {"input.columns", "user=1,item=2,action=4,time=5"},
                                  {"input.time", "s"},
                                  {"action", "pv"}});
  auto hours = harness.output<Sizes>("sizes_out");
  std::sort(hours.begin(), hours.end(), [](const auto& a, const auto& b) { return a.window.start < b.window.start; });
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(hours[0].acts, 41890u);
  EXPECT_EQ(hours[1].acts, 43883u);
  EXPECT_NEAR(static_cast<double>(hours[0].about_users), 28196, kMostOff * 28196);
  EXPECT_NEAR(static_cast<double>(hours[1].about_users), 29659, kMostOff * 29659);
}

/// Of a shop with returns: quantities of -9,360 to 74,215.
TEST_P(WindowAnswers, QuantilesOfOrderLines) {
  auto harness =
      run("sketches",
          {{"input", input("online-retail-h1/*.csv.gz")},
           {"input.columns",
            "user=CustomerID,item=StockCode,action=InvoiceNo,time=InvoiceDate,quantity=Quantity,price=UnitPrice"},
           {"disorder", "744h"},
           {"size", "720h"}});
  const auto acts = harness.output<Act>("acts_out");
  ASSERT_EQ(acts.size(), 209029u);
  const auto months = harness.output<Sizes>("sizes_out");
  ASSERT_EQ(months.size(), 7u);
  std::uint64_t counted = 0;
  for (const auto& month : months) {
    std::vector<double> quantities, prices;
    for (const auto& act : acts) {
      if (act.time < month.window.start || act.time >= month.window.end) continue;
      quantities.push_back(static_cast<double>(act.quantity));
      prices.push_back(act.price);
    }
    const auto expect = [](double found, std::vector<double>& values, double q, double error) {
      std::sort(values.begin(), values.end());
      const double exact = values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
      EXPECT_NEAR(found, exact, std::abs(exact) * (error + 1e-9)) << q << " of " << values.size();
    };
    ASSERT_EQ(month.acts, quantities.size());
    counted += month.acts;
    expect(month.least, quantities, 0, 0);
    expect(month.median, quantities, 0.5, 0.01);
    expect(month.high, quantities, 0.999, 0.01);
    expect(month.returned, quantities, 0.001, 0.001);
    expect(month.dear, prices, 0.99, 0.01);
    // Hundreds of customers: as many as a sparse sketch holds, or a few more.
    EXPECT_NEAR(static_cast<double>(month.about_users), static_cast<double>(month.users),
                month.users <= 768 ? 0 : kMostOff * static_cast<double>(month.users));
  }
  EXPECT_EQ(counted, acts.size());
}

INSTANTIATE_TEST_SUITE_P(Parallelism, WindowAnswers, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::window_answers_test
