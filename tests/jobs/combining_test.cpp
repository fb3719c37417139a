#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <map>
#include <random>

/// Where records of one key are combined before they are sent, and that nobody can tell from the results.
namespace freshet {
namespace {

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

TEST(CombiningJob, CombinesWhereNobodyCanTell) {
  Job job;
  for (const auto& registered : registered_jobs())
    if (registered.name == "combining") registered.build(job);
  job.finish();
  std::vector<std::string> combined;
  for (const auto& edge : job.graph().edges)
    if (edge.combines) combined.push_back(job.graph().operators[edge.to].id);
  EXPECT_THAT(combined, UnorderedElementsAre("at_end", "each_minute", "largest"));
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

}  // namespace
}  // namespace freshet
