#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

/// Joins in jobs that run.
namespace freshet::joins_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

struct Order {
  std::uint64_t id = 0, user = 0;
  Time time{};
  bool operator==(const Order&) const = default;
  FRESHET_RECORD(id, user, time)
};
struct Payment {
  std::uint64_t order = 0;
  std::int64_t amount = 0;
  Time time{};
  bool operator==(const Payment&) const = default;
  FRESHET_RECORD(order, amount, time)
};
struct Paid {
  std::uint64_t order = 0, user = 0;
  std::optional<std::int64_t> amount{};
  bool operator==(const Paid&) const = default;
  FRESHET_RECORD(order, user, amount)
};
struct PaidIn {
  std::uint64_t order = 0;
  Window window{};
  std::int64_t amount = 0;
  bool operator==(const PaidIn&) const = default;
  FRESHET_RECORD(order, window, amount)
};
struct PerUser {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t orders = 0;
  bool operator==(const PerUser&) const = default;
  FRESHET_RECORD(user, window, orders)
};

constexpr Time kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
Time at(Duration since) { return kStart + since; }

Stream<Order> orders(Job& job) {
  return job.source("orders", files::read<Order>(files::Input{.options = {.path = "nowhere.csv"}}));
}
Stream<Payment> payments(Job& job) {
  return job.source("payments", files::read<Payment>(files::Input{.options = {.path = "nowhere.csv"}}));
}
files::FileSink nowhere() { return files::csv("nowhere"); }

FRESHET_JOB(payments_of_orders, "Joins by time and by window, and what goes on behind them")
{
  const auto all_orders = orders(job).event_time(&Order::time, {.max_disorder = 10min}).key_by(&Order::id);
  const auto all_payments = payments(job).event_time(&Payment::time, {.max_disorder = 20min}).key_by(&Payment::order);
  const auto paid = all_orders.interval_left_join("paid", all_payments, between(0s, 15min),
                                                  [](const Order& order, const Payment* payment) {
                                                    if (payment == nullptr) return Paid{order.id, order.user, {}};
                                                    return Paid{order.id, order.user, payment->amount};
                                                  });
  paid.sink("paid_out", nowhere());
  paid.late_left().sink("late_orders", nowhere());
  paid.late_right().sink("late_payments", nowhere());
  all_payments
      .interval_join("again", all_payments, between(0s, 0s),
                     [](const Payment& one, const Payment& other) {
                       return Paid{one.order, 0, other.amount};
                     })
      .sink("again_out", nowhere());
  all_orders
      .window_join("same_hour", all_payments, tumbling(1h),
                   [](const Order& order, const Payment& payment, const Window& window) {
                     return PaidIn{order.id, window, payment.amount};
                   })
      .fold("last", [](PaidIn& last, const PaidIn& next) { last = next; })
      .emit(at_end())
      .sink("same_hour_out", nowhere());
  // No left record without partner is late for a window behind the join.
  const auto per_user = paid.filter("unpaid", [](const Paid& each) { return !each.amount; })
                            .key_by(&Paid::user)
                            .window(tumbling(1h))
                            .aggregate<PerUser>("per_user", count().as(&PerUser::orders));
  per_user.sink("per_user_out", nowhere());
  per_user.late().sink("late_unpaid", nowhere());
}

TEST(Joins, OfTwoStreamsGoOnUnderTheirKey) {
  std::vector<Order> orders;
  std::vector<Payment> payments;
  std::vector<Paid> paid, again;
  std::vector<PaidIn> same_hour;
  for (std::uint64_t id = 0; id < 300; ++id) {
    const Duration when = std::chrono::seconds(30 * static_cast<std::int64_t>(id));
    orders.push_back({id, id % 3, at(when)});
    // Unpaid, at once, at the last moment, too late.
    const Duration delay = id % 4 == 1 ? 0s : id % 4 == 2 ? Duration(15min) : Duration(15min) + 1ms;
    const auto amount = static_cast<std::int64_t>(id);
    if (id % 4 != 0) {
      payments.push_back({id, amount, at(when + delay)});
      again.push_back({id, 0, amount});
    }
    if (id % 4 == 1 || id % 4 == 2)
      paid.push_back({id, id % 3, amount});
    else
      paid.push_back({id, id % 3, {}});
    const auto hour = when / 1h;
    if (id % 4 != 0 && hour == (when + delay) / 1h)
      same_hour.push_back({id, {at(std::chrono::hours(hour)), at(std::chrono::hours(hour + 1))}, amount});
  }
  ASSERT_GT(same_hour.size(), 100u);
  std::swap(orders[7], orders[20]);
  std::swap(payments[9], payments[13]);
  for (const int tasks : {1, 2, 4}) {
    JobHarness harness("payments_of_orders");
    harness.parallelism(tasks).feed("orders", orders).feed("payments", payments).finish();
    EXPECT_THAT(harness.output<Paid>("paid_out"), UnorderedElementsAreArray(paid));
    EXPECT_THAT(harness.output<Paid>("again_out"), UnorderedElementsAreArray(again));
    EXPECT_THAT(harness.output<PaidIn>("same_hour_out"), UnorderedElementsAreArray(same_hour));
    EXPECT_THAT(harness.output<Order>("late_orders"), IsEmpty());
    EXPECT_THAT(harness.output<Payment>("late_payments"), IsEmpty());
    EXPECT_THAT(harness.output<Paid>("late_unpaid"), IsEmpty());
    std::uint64_t unpaid = 0;
    for (const auto& each : harness.output<PerUser>("per_user_out")) unpaid += each.orders;
    EXPECT_EQ(unpaid, 150u);
  }
}

FRESHET_JOB(late_ones, "A join whose sources allow no disorder and tell their watermark behind each record")
{
  const auto joined =
      orders(job)
          .event_time(&Order::time, {.each_record = true})
          .key_by(&Order::id)
          .interval_join("joined",
                         payments(job).event_time(&Payment::time, {.each_record = true}).key_by(&Payment::order),
                         between(-1h, 1h), [](const Order& order, const Payment& payment) {
                           return Paid{order.id, order.user, payment.amount};
                         });
  joined.sink("out", nowhere());
  joined.late_left().sink("late_orders", nowhere());
  joined.late_right().sink("late_payments", nowhere());
}

/// A stream may run ahead of the other: what it says alone makes nothing late.
TEST(Joins, APaymentOfADisorderedStreamIsJoinedOrLateAndNoOrderIsLate) {
  JobHarness harness("late_ones");
  harness.feed("orders", std::vector<Order>{{1, 1, at(1min)}, {2, 1, at(9h)}})
      .feed("payments", std::vector<Payment>{{1, 10, at(0min)}, {2, 20, at(9h)}, {1, 30, at(30min)}});
  harness.finish();
  EXPECT_EQ(harness.output<Paid>("out").size() + harness.output<Payment>("late_payments").size(), 3u);
  EXPECT_THAT(harness.output<Order>("late_orders"), IsEmpty());
}

FRESHET_JOB(throwing_join, "")
{
  orders(job)
      .event_time(&Order::time)
      .key_by(&Order::user)
      .interval_join("joined", payments(job).event_time(&Payment::time).key_by(&Payment::order), between(-1h, 1h),
                     [](const Order& order, const Payment& payment) {
                       if (payment.amount == 13) throw std::runtime_error("thirteen");
                       return Paid{order.id, order.user, payment.amount};
                     })
      .on_error(dead_letter({.pause_above = 1}))
      .sink("out", nowhere());
  job.dead_letters().sink("dead", nowhere());
}

TEST(Joins, APairOnWhichTheFunctionThrowsIsADeadLetterOfItsOwn) {
  for (const int tasks : {1, 2}) {
    JobHarness harness("throwing_join");
    harness.parallelism(tasks)
        .feed("orders", std::vector<Order>{{1, 7, at(1min)}, {2, 7, at(2min)}})
        .feed("payments", std::vector<Payment>{{7, 12, at(1min)}, {7, 13, at(1min)}, {7, 14, at(3min)}});
    harness.finish();
    EXPECT_THAT(harness.output<Paid>("out"),
                UnorderedElementsAre(Paid{1, 7, 12}, Paid{1, 7, 14}, Paid{2, 7, 12}, Paid{2, 7, 14}));
    const auto letters = harness.dead_letters();
    ASSERT_EQ(letters.size(), 2u);
    for (const auto& letter : letters) {
      EXPECT_EQ(letter.operator_id, "joined");
      EXPECT_THAT(letter.record, HasSubstr(R"("amount":13)"));
    }
  }
}

const auto kAny = [](const Order& order, const Payment&) { return Paid{order.id, order.user, {}}; };
auto timed_orders(Job& job) { return orders(job).event_time(&Order::time).key_by(&Order::id); }
auto timed_payments(Job& job) { return payments(job).event_time(&Payment::time).key_by(&Payment::order); }
FRESHET_JOB(join_upside_down, "")
{ timed_orders(job).interval_join("j", timed_payments(job), between(5s, -3s), kAny).sink("out", nowhere()); }
FRESHET_JOB(join_too_far, "")
{
  timed_orders(job)
      .interval_join("j", timed_payments(job), between(0s, std::chrono::hours(24 * 366'000)), kAny)
      .sink("out", nowhere());
}
FRESHET_JOB(join_sessions, "")
{ timed_orders(job).window_join("j", timed_payments(job), session(1h), kAny).sink("out", nowhere()); }
FRESHET_JOB(join_no_length, "")
{ timed_orders(job).window_join("j", timed_payments(job), tumbling(0s), kAny).sink("out", nowhere()); }
FRESHET_JOB(join_untimed, "")
{
  timed_orders(job)
      .interval_join("j", payments(job).key_by(&Payment::order), between(-3s, 5s), kAny)
      .sink("out", nowhere());
}

TEST(Joins, WhatIsWrongIsSaidBeforeTheJobStarts) {
  struct Case {
    const char* job;
    const char* message;
  };
  for (const auto& [job, message] :
       {Case{"join_upside_down", "between 5s and -3s, which nothing does"},
        Case{"join_too_far", "bounds of more than a thousand years"}, Case{"join_sessions", "joins sessions, gap 1h"},
        Case{"join_no_length", "a window of no length"},
        Case{"join_untimed", "the records of source payments have none"}}) {
    try {
      JobHarness harness(job);
      harness.feed("orders", std::vector<Order>{}).feed("payments", std::vector<Payment>{}).finish();
      ADD_FAILURE() << job << " is not refused";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(message)) << job;
    }
  }
}

}  // namespace
}  // namespace freshet::joins_test
