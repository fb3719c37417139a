// A shop's invoices that nobody of this project wrote: revenue, customers and rankings against results that were
// computed outside of it. The data stands beside the checkout, in ../shared/data; where it is absent, the tests are
// skipped.

#include <freshet/files.h>
#include <gmock/gmock.h>

#include <cmath>

#include "tests/jobs/real_data.h"

namespace freshet::retail_answers_test {
namespace {

using ::testing::ElementsAre;
using testing::input;
using ::testing::Pair;

/// A line of an invoice; of a cancellation the quantity is negative.
struct Line {
  std::string invoice{}, item{}, customer{};
  Time time{};
  std::int64_t quantity = 0;
  double price = 0;
  FRESHET_RECORD(invoice, item, customer, time, quantity, price)

  /// Thousandths of a pound.
  std::int64_t mills() const { return quantity * std::llround(price * 1'000); }
};

struct Sale {
  std::string invoice{}, item{}, customer{};
  std::int64_t quantity = 0, mills = 0;
  FRESHET_RECORD(invoice, item, customer, quantity, mills)
};

struct Revenue {
  std::uint64_t all = 0;
  Window window{};
  std::uint64_t lines = 0;
  std::int64_t mills = 0;
  std::uint64_t invoices = 0;
  FRESHET_RECORD(all, window, lines, mills, invoices)
};

struct Customers {
  std::uint64_t all = 0;
  Window window{};
  std::uint64_t customers = 0;
  FRESHET_RECORD(all, window, customers)
};

struct Sum {
  std::string of{};
  std::int64_t sum = 0;
  FRESHET_RECORD(of, sum)
};

FRESHET_JOB(retail, "Revenue and customers of a shop by window, its best items and customers")
{
  const auto input = files::input<Line>(job, "input", "none", "files of invoices");
  const auto all = [](const Sale&) { return std::uint64_t{0}; };
  const auto sales = job.source("lines", files::read<Line>(input))
                         .event_time(&Line::time, {.max_disorder = 744h})
                         .map("sales", [](const Line& line) {
                           return Sale{line.invoice, line.item, line.customer, line.quantity, line.mills()};
                         });
  const auto of_customers = sales.filter("known", [](const Sale& sale) { return !sale.customer.empty(); });
  for (const auto& [name, size] : {std::pair{"months", Duration(720h)}, {"days", Duration(24h)}}) {
    sales.key_by("all", all)
        .window(tumbling(size))
        .aggregate<Revenue>(std::string("revenue_") + name, count().as(&Revenue::lines),
                            sum(&Sale::mills).as(&Revenue::mills), distinct(&Sale::invoice).as(&Revenue::invoices))
        .sink(std::string("revenue_out_") + name, files::csv("nowhere"));
    of_customers.key_by("all", all)
        .window(tumbling(size))
        .aggregate<Customers>(std::string("customers_") + name, distinct(&Sale::customer).as(&Customers::customers))
        .sink(std::string("customers_out_") + name, files::csv("nowhere"));
  }
  sales.key_by(&Sale::item)
      .fold("items",
            [](Sum& sum, const Sale& sale) {
              sum = {sale.item, sum.sum + sale.quantity};
            })
      .emit(at_end())
      .sink("items_out", files::csv("nowhere"));
  of_customers.key_by(&Sale::customer)
      .fold("spent",
            [](Sum& sum, const Sale& sale) {
              sum = {sale.customer, sum.sum + sale.mills};
            })
      .emit(at_end())
      .sink("spent_out", files::csv("nowhere"));
}

using Row = std::vector<std::int64_t>;

/// By window: start, lines, invoices, customers, revenue.
std::vector<Row> windows(JobHarness& job, const std::string& name) {
  std::map<Time, std::int64_t> customers;
  for (const auto& one : job.output<Customers>("customers_out_" + name))
    customers[one.window.start] = static_cast<std::int64_t>(one.customers);
  std::vector<Row> rows;
  for (const auto& one : job.output<Revenue>("revenue_out_" + name))
    rows.push_back({one.window.start.time_since_epoch() / 1s, static_cast<std::int64_t>(one.lines),
                    static_cast<std::int64_t>(one.invoices), customers[one.window.start], one.mills});
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::pair<std::string, std::int64_t>> best(JobHarness& job, const std::string& sink, std::size_t most) {
  std::vector<std::pair<std::string, std::int64_t>> found;
  for (const auto& one : job.output<Sum>(sink)) found.emplace_back(one.of, one.sum);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  found.resize(std::min(found.size(), most));
  return found;
}

class RetailAnswers : public testing::OnRealData {};

TEST_P(RetailAnswers, RevenueCustomersAndRankings) {
  auto job = run("retail", {{"input", input("online-retail-h1/*.csv.gz")},
                            {"input.columns",
                             "invoice=InvoiceNo,item=StockCode,customer=CustomerID,time=InvoiceDate,quantity=Quantity,"
                             "price=UnitPrice"}});
  std::vector<Row> months;
  for (const auto& row : windows(job, "months")) months.push_back({row[0], row[4], row[2], row[3]});
  EXPECT_THAT(months, ElementsAre(Row{1290816000, 748957020, 2025, 948}, Row{1293408000, 472025940, 1107, 648},
                                  Row{1296000000, 536762400, 1615, 858}, Row{1298592000, 571329840, 1692, 918},
                                  Row{1301184000, 577000931, 1903, 974}, Row{1303776000, 710134470, 2191, 1064},
                                  Row{1306368000, 90617040, 250, 184}));
  auto days = windows(job, "days");
  std::stable_sort(days.begin(), days.end(), [](const Row& a, const Row& b) { return a[1] > b[1]; });
  days.resize(5);
  std::vector<Row> busiest;
  for (const auto& row : days) busiest.push_back({row[0], row[1], row[3], row[4]});
  EXPECT_THAT(busiest, ElementsAre(Row{1291593600, 3878, 90, 53860180}, Row{1303084800, 3208, 67, 32185610},
                                   Row{1292544000, 3115, 52, 43534190}, Row{1291161600, 3108, 98, 58635560},
                                   Row{1291680000, 2963, 70, 45059050}));
  EXPECT_THAT(best(job, "items_out", 10),
              ElementsAre(Pair("84077", 28129), Pair("21212", 19992), Pair("85099B", 19193), Pair("22197", 18705),
                          Pair("85123A", 18501), Pair("84879", 13917), Pair("21977", 13294), Pair("22616", 13231),
                          Pair("15036", 12504), Pair("22492", 11616)));
  auto customers = best(job, "spent_out", 5);
  for (auto& customer : customers) customer.first = customer.first.substr(0, customer.first.find('.'));  // "14646.0"
  EXPECT_THAT(customers, ElementsAre(Pair("14646", 110668120), Pair("18102", 64483900), Pair("17450", 54602440),
                                     Pair("12415", 50290200), Pair("14156", 41345980)));
}

INSTANTIATE_TEST_SUITE_P(Parallelism, RetailAnswers, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::retail_answers_test
