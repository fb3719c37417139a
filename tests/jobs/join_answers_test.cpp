// Joins on data that nobody of this project wrote, against results that were computed outside of it. The data stands
// beside the checkout, in ../shared/data; where it is absent, the tests are skipped.

#include <freshet/files.h>
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "tests/jobs/real_data.h"

namespace freshet::join_answers_test {
namespace {

using testing::input;

struct Order {
  std::uint64_t id = 0;
  std::string action{}, transaction{};
  Time time{};
  FRESHET_RECORD(id, action, transaction, time)
};
struct Receipt {
  std::string transaction{}, channel{};
  Time time{};
  FRESHET_RECORD(transaction, channel, time)
};
struct Received {
  std::uint64_t order = 0;
  std::string transaction{}, channel{};
  FRESHET_RECORD(order, transaction, channel)
};

FRESHET_JOB(receipts, "Payments with receipts near to them, with any or none, and receipts without payment")
{
  const auto order_files = files::input<Order>(job, "orders", "none", "what became of orders");
  const auto receipt_files = files::input<Receipt>(job, "receipts", "none", "receipts");
  const auto pays = job.source("orders", files::read<Order>(order_files))
                        .event_time(&Order::time, {.max_disorder = 6s})
                        .filter("pays", equals(&Order::action, std::string("pay")))
                        .key_by(&Order::transaction);
  const auto receipts = job.source("receipts", files::read<Receipt>(receipt_files))
                            .event_time(&Receipt::time)
                            .key_by(&Receipt::transaction);
  pays.interval_join("near", receipts, between(-3s, 5s),
                     [](const Order& order, const Receipt& receipt) {
                       return Received{order.id, order.transaction, receipt.channel};
                     })
      .sink("near_out", files::csv("nowhere"));
  pays.interval_left_join("any", receipts, between(-1h, 1h),
                          [](const Order& order, const Receipt* receipt) {
                            return Received{order.id, order.transaction, receipt == nullptr ? "" : receipt->channel};
                          })
      .sink("any_out", files::csv("nowhere"));
  receipts
      .interval_left_join("lone", pays, between(-1h, 1h),
                          [](const Receipt& receipt, const Order* order) {
                            return Received{order == nullptr ? 0 : order->id, receipt.transaction, receipt.channel};
                          })
      .sink("lone_out", files::csv("nowhere"));
}

struct Person {
  std::uint64_t id = 0;
  std::string name{};
  Time time{};
  FRESHET_RECORD(id, name, time)
};
struct Auction {
  std::uint64_t id = 0, seller = 0;
  Time time{};
  FRESHET_RECORD(id, seller, time)
};
struct NewSeller {
  std::uint64_t id = 0;
  std::string name{};
  Window window{};
  std::uint64_t auction = 0;
  FRESHET_RECORD(id, name, window, auction)
};

FRESHET_JOB(new_sellers, "People who opened an auction in the ten seconds in which they joined")
{
  const auto person_files = files::input<Person>(job, "persons", "none", "people");
  const auto auction_files = files::input<Auction>(job, "auctions", "none", "auctions");
  job.source("persons", files::read<Person>(person_files))
      .event_time(&Person::time)
      .key_by(&Person::id)
      .window_join("new",
                   job.source("auctions", files::read<Auction>(auction_files))
                       .event_time(&Auction::time)
                       .key_by(&Auction::seller),
                   tumbling(10s),
                   [](const Person& person, const Auction& auction, const Window& window) {
                     return NewSeller{person.id, person.name, window, auction.id};
                   })
      .sink("out", files::csv("nowhere"));
}

class JoinAnswers : public testing::OnRealData {};

TEST_P(JoinAnswers, PaymentsAndReceipts) {
  JobHarness harness("receipts", {{"orders", input("flink-course-small/OrderLog.csv")},
                                  {"orders.columns", "id=1,action=2,transaction=3,time=4"},
                                  {"orders.time", "s"},
                                  {"receipts", input("flink-course-small/ReceiptLog.csv")},
                                  {"receipts.columns", "transaction=1,channel=2,time=3"},
                                  {"receipts.time", "s"}});
  harness.parallelism(GetParam()).finish();
  EXPECT_EQ(harness.output<Received>("near_out").size(), 4u);
  std::size_t with_receipt = 0, lone = 0;
  const auto any = harness.output<Received>("any_out");
  for (const auto& each : any) with_receipt += !each.channel.empty();
  EXPECT_EQ(any.size(), 40u);
  EXPECT_EQ(with_receipt, 38u);
  for (const auto& each : harness.output<Received>("lone_out")) lone += each.order == 0;
  EXPECT_EQ(lone, 2u);
  EXPECT_TRUE(harness.dead_letters().empty());
}

TEST_P(JoinAnswers, NewSellersOfAnAuction) {
  JobHarness harness("new_sellers", {{"persons", input("nexmark-risingwave/person.csv")},
                                     {"persons.columns", "id=id,name=name,time=date_time"},
                                     {"auctions", input("nexmark-risingwave/auction.csv")},
                                     {"auctions.columns", "id=id,seller=seller,time=date_time"}});
  harness.parallelism(GetParam()).finish();
  const auto sellers = harness.output<NewSeller>("out");
  EXPECT_EQ(sellers.size(), 36u) << "pairs; some opened several";
  std::set<std::tuple<std::string, std::string, std::string>> found, expected;
  for (const auto& each : sellers)
    found.insert({std::to_string(each.id), each.name, to_json(each.window.start).substr(1, 19)});
  std::ifstream answers(input("nexmark-risingwave/expected_q8.txt"));
  for (std::string id, name, start; std::getline(answers, id, '\t');) {
    std::getline(answers, name, '\t');
    std::getline(answers, start);
    start[10] = 'T';
    expected.insert({id, name, start});
  }
  EXPECT_EQ(expected.size(), 7u);
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(harness.dead_letters().empty());
}

INSTANTIATE_TEST_SUITE_P(Parallelism, JoinAnswers, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::join_answers_test
