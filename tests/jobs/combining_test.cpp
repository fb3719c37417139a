#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <map>
#include <random>

/// Where records of one key are combined before they are sent, and that nobody can tell from the results.
namespace freshet {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

struct Sale {
  std::string shop{};
  std::uint64_t article = 0;
  std::int64_t amount = 1;
  double price = 0;
  bool operator==(const Sale&) const = default;
  auto operator<=>(const Sale&) const = default;
  FRESHET_RECORD(shop, article, amount, price)
};

files::FileSink nowhere() { return files::csv("nowhere"); }
void take_larger(Sale& total, const Sale& next) noexcept { total.amount = std::max(total.amount, next.amount); }
void add(Sale& total, const Sale& next) { total.amount += next.amount; }

FRESHET_JOB(combining, "Sums and maxima of sales, some of which can be combined")
{
  const auto sales = job.source("sales", files::read<Sale>(files::Input{.options = {.path = "nowhere.csv"}}));
  const auto by_shop = sales.key_by(&Sale::shop);
  const auto by_both = sales.key_by(&Sale::shop, &Sale::article);
  by_shop.sum("at_end", &Sale::amount).emit(at_end()).sink("at_end_out", nowhere());
  by_both.sum("each_minute", &Sale::amount).emit(every(1min)).sink("each_minute_out", nowhere());
  by_both.reduce("largest", take_larger).emit(at_end()).sink("largest_out", nowhere());
  by_shop.filter("dear", [](const Sale& sale) { return sale.amount > 500; })
      .sum("in_chain", &Sale::amount)
      .emit(at_end())
      .sink("in_chain_out", nowhere());
  by_shop.sum("each_change", &Sale::amount).sink("each_change_out", nowhere());
  by_shop.sum("fractions", &Sale::price).emit(at_end()).sink("fractions_out", nowhere());
  by_shop.sum("sets_aside", &Sale::amount).emit(at_end()).on_error(dead_letter()).sink("sets_aside_out", nowhere());
  by_shop.reduce("expires", take_larger, {.ttl = 1h}).emit(at_end()).sink("expires_out", nowhere());
  by_shop.reduce("may_throw", add).emit(at_end()).sink("may_throw_out", nowhere());
  sales.key_by(&Sale::amount).sum("of_its_key", &Sale::amount).emit(at_end()).sink("of_its_key_out", nowhere());
  sales.key_by("dear", [](const Sale& sale) { return sale.amount > 500; })
      .sum("by_function", &Sale::amount)
      .emit(at_end())
      .sink("by_function_out", nowhere());
}

/// The operators of a job whose records are combined on their way to them.
std::vector<std::string> combined_in(const std::string& name) {
  Job job;
  for (const auto& registered : registered_jobs())
    if (registered.name == name) registered.build(job);
  job.finish();
  std::vector<std::string> combined;
  for (const auto& edge : job.graph().edges)
    if (edge.combines) combined.push_back(job.graph().operators[edge.to].id);
  return combined;
}

TEST(CombiningJob, CombinesWhereNobodyCanTell) {
  EXPECT_THAT(combined_in("combining"), UnorderedElementsAre("at_end", "each_minute", "largest"));
}

TEST(CombiningJob, GivesWhatRecordsOneByOneGive) {
  std::mt19937_64 random(7);
  std::vector<Sale> sales;
  std::map<std::string, std::int64_t> by_shop;
  std::map<std::pair<std::string, std::uint64_t>, std::pair<std::int64_t, std::int64_t>> by_both;  // sum, largest
  for (int i = 0; i < 20'000; ++i) {
    Sale sale{std::string(random() % 12, 's'), random() % 2 == 0 ? 0 : random() % 300,
              static_cast<std::int64_t>(random() % 1000) - 200};
    by_shop[sale.shop] += sale.amount;
    auto [found, is_first] = by_both.try_emplace({sale.shop, sale.article}, 0, sale.amount);
    found->second.first += sale.amount;
    found->second.second = std::max(found->second.second, sale.amount);
    sales.push_back(std::move(sale));
  }
  for (const std::int64_t tasks : {1, 3}) {
    JobHarness run("combining");
    run.parallelism(tasks).feed<Sale>("sales", sales).finish();
    std::map<std::string, std::int64_t> got;
    for (const auto& sale : run.output<Sale>("at_end_out")) EXPECT_TRUE(got.emplace(sale.shop, sale.amount).second);
    EXPECT_EQ(got, by_shop);
    got.clear();
    for (const auto& sale : run.output<Sale>("may_throw_out")) EXPECT_TRUE(got.emplace(sale.shop, sale.amount).second);
    EXPECT_EQ(got, by_shop);
    std::map<std::pair<std::string, std::uint64_t>, std::pair<std::int64_t, std::int64_t>> got_both;
    for (const auto& sale : run.output<Sale>("each_minute_out"))
      got_both[{sale.shop, sale.article}].first = sale.amount;
    for (const auto& sale : run.output<Sale>("largest_out")) got_both[{sale.shop, sale.article}].second = sale.amount;
    EXPECT_EQ(got_both, by_both);
  }
}

struct Fare {
  std::string city{};
  std::int64_t cents = 0;
  double rate = 0;
  Time time{};
  bool operator==(const Fare&) const = default;
  FRESHET_RECORD(city, cents, rate, time)
};
struct Fares {
  std::string city{};
  Window window{};
  std::uint64_t count = 0;
  std::int64_t cents = 0;
  double rate = 0;
  bool operator==(const Fares&) const = default;
  FRESHET_RECORD(city, window, count, cents, rate)
};

FRESHET_JOB(combining_windows, "Fares in windows, some of which can be combined")
{
  const auto fares = job.source("fares", files::read<Fare>(files::Input{.options = {.path = "nowhere.csv"}}))
                         .event_time(&Fare::time, {.max_disorder = 1min});
  const auto by_city = fares.key_by(&Fare::city);
  const auto in = [](const auto& windows, const std::string& id) {
    return windows.template aggregate<Fares>(id, count().as(&Fares::count), sum(&Fare::cents).as(&Fares::cents));
  };
  in(by_city.window(tumbling(1min)), "minutes").sink("minutes_out", nowhere());
  in(by_city.window(sliding(3min, 2min)), "slides").sink("slides_out", nowhere());
  in(by_city.window(tumbling(1min)).allow_late(1min), "again").sink("again_out", nowhere());
  in(by_city.window(tumbling(1min)), "set_aside").on_error(dead_letter()).sink("set_aside_out", nowhere());
  in(fares.key_by("letter", [](const Fare& fare) { return fare.city.substr(0, 1); }).window(tumbling(1min)),
     "by_function")
      .sink("by_function_out", nowhere());
  in(by_city.window(session(1min)), "sessions").sink("sessions_out", nowhere());
  in(by_city.window(counting(3)), "counted").sink("counted_out", nowhere());
  in(by_city.filter("dear", [](const Fare& fare) { return fare.cents > 5; }).window(tumbling(1min)), "in_chain")
      .sink("in_chain_out", nowhere());
  const auto asked_for = in(by_city.window(tumbling(1min)), "late_ones");
  asked_for.sink("late_ones_out", nowhere());
  asked_for.late().sink("late_out", nowhere());
  by_city.window(tumbling(1min))
      .aggregate<Fares>("fractions", sum(&Fare::rate).as(&Fares::rate))
      .sink("fractions_out", nowhere());
  by_city.window(tumbling(1min))
      .aggregate<Fares>("greatest_rate", max(&Fare::rate).as(&Fares::rate))
      .sink("greatest_rate_out", nowhere());
  by_city.window(tumbling(1min))
      .aggregate<Fares>("may_throw",
                        count_if([](const Fare& fare) { return fare.city.at(0) == 'x'; }).as(&Fares::count))
      .sink("may_throw_out", nowhere());
}

TEST(CombiningJob, CombinesWindowsWhereNobodyCanTell) {
  EXPECT_THAT(combined_in("combining_windows"), UnorderedElementsAre("minutes", "slides", "again", "by_function"));
}

TEST(CombiningJob, SendsOnlyTheFieldsThatWindowsLookAt) {
  Job job;
  for (const auto& registered : registered_jobs())
    if (registered.name == "combining_windows") registered.build(job);
  job.finish();
  std::map<std::string, std::vector<std::string>> sent;
  for (const auto& edge : job.graph().edges)
    if (edge.narrows) sent[job.graph().operators[edge.to].id] = edge.fields;
  EXPECT_THAT(sent,
              UnorderedElementsAre(Pair("sessions", ElementsAre("cents")), Pair("counted", ElementsAre("cents")),
                                   Pair("fractions", ElementsAre("rate")), Pair("greatest_rate", ElementsAre("rate"))));
}

TEST(CombiningJob, WindowsComeToWhatTheyComeToOneByOne) {
  std::mt19937_64 random(11);
  std::vector<Fare> fares;
  std::map<std::pair<std::string, Time>, Fares> minutes, slides, rates;
  const Time start{std::chrono::sys_days{std::chrono::year{2026} / 5 / 1}};
  for (int i = 0; i < 20'000; ++i) {
    const Time time = start + Duration(i * 60 + static_cast<int>(random() % 60'000));
    const Fare fare{std::string(1 + random() % 3, static_cast<char>('a' + random() % 20)),
                    static_cast<std::int64_t>(random() % 100) - 20, static_cast<double>(random() % 8), time};
    const auto note = [&](auto& windows, Time from, Duration size) {
      auto& sum = windows.try_emplace({fare.city, from}, Fares{fare.city, {from, from + size}}).first->second;
      ++sum.count;
      sum.cents += fare.cents;
    };
    const Time minute = std::chrono::floor<std::chrono::minutes>(time);
    note(minutes, minute, 1min);
    rates.try_emplace({fare.city, minute}, Fares{fare.city, {minute, minute + 1min}}).first->second.rate += fare.rate;
    const std::int64_t last = time.time_since_epoch() / 2min;
    for (Time from{last * 2min}; from + 3min > time; from -= 2min) note(slides, from, 3min);
    fares.push_back(fare);
  }
  const auto values = [](const auto& by_place) {
    std::vector<Fares> all;
    for (const auto& [place, sum] : by_place) all.push_back(sum);
    return all;
  };
  for (const std::int64_t tasks : {1, 3}) {
    JobHarness run("combining_windows");
    run.parallelism(tasks).feed<Fare>("fares", fares).finish();
    const auto sorted = [&](const char* sink) {
      auto all = run.output<Fares>(sink);
      std::sort(all.begin(), all.end(), [](const Fares& a, const Fares& b) {
        return std::tie(a.city, a.window.start) < std::tie(b.city, b.window.start);
      });
      return all;
    };
    EXPECT_EQ(sorted("minutes_out"), values(minutes));
    EXPECT_EQ(sorted("set_aside_out"), values(minutes));
    EXPECT_EQ(sorted("late_ones_out"), values(minutes));
    EXPECT_EQ(sorted("slides_out"), values(slides));
    EXPECT_EQ(sorted("fractions_out"), values(rates));
  }
}

}  // namespace
}  // namespace freshet
