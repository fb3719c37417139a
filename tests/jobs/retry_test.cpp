#include <gmock/gmock.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/jobs/retry_support.h"
#include "tests/support/seed.h"

/// The retry lane in jobs that run, are saved at any moment, and go on with other parallelism: a record counts once,
/// whenever it gets through.
namespace freshet::retry_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void ask_each(Job& job, const RetryPolicy& policy) {
  job.source<Orders>("orders").map("ask", kAsk).on_error(retry(policy)).sink<Arrived>("arrived");
}
void total_each_user(Job& job, const RetryPolicy& policy) {
  job.source<Orders>("orders")
      .key_by(&Order::user)
      .fold("totals", kAdd)
      .emit(at_end())
      .on_error(retry(policy))
      .sink<Totals>("totals_sink");
}

constexpr std::uint64_t kAll = 300, kAsking = 30;  // orders in all; those that need the service

class Retry : public ::testing::Test {
 protected:
  Retry() { world = {}; }
};

TEST_F(Retry, WhatFailsIsTriedAgainWhileOthersGoOn) {
  world.is_down = true;
  JobRun run([](Job& job) { ask_each(job, {.attempts = 6, .first = 1s}); });
  ASSERT_THAT(run.problems, IsEmpty());
  run.start();
  run.settle();
  EXPECT_THAT(world.arrived, SizeIs(kAll - kAsking)) << "those that need no service did not wait";
  EXPECT_EQ(run.status("ask").retrying, kAsking);
  EXPECT_EQ(run.status("ask").errors, kAsking);
  EXPECT_EQ(run.status("ask").dead_letters, 0u);

  run.wait(790ms);
  EXPECT_EQ(run.status("ask").attempts, 0u) << "the first second has not passed, not even less a fifth";
  world.is_down = false;
  run.wait(420ms);
  EXPECT_THAT(world.arrived, SizeIs(kAll));
  EXPECT_EQ(run.status("ask").retrying, 0u);
  EXPECT_EQ(run.status("ask").records_in, kAll) << "each came in once";
  EXPECT_EQ(run.status("ask").records_out, kAll);
  EXPECT_TRUE(run.ends_within(1s));
  EXPECT_THAT(run->dead_letters(), IsEmpty());
}

TEST_F(Retry, AttemptsComeInTimesThatDoubleThenItIsADeadLetter) {
  world.is_down = true;
  world.orders_each = 2;  // order 3 is the only one that asks
  JobRun run([](Job& job) { ask_each(job, {.attempts = 5, .first = 1s, .limit = 1min}); });
  run.start();
  EXPECT_TRUE(run.ends_within(20s));
  const auto& times = world.attempts[3];
  ASSERT_THAT(times, SizeIs(5));
  for (std::size_t i = 1; i < times.size(); ++i) {
    const Duration wanted = 1s * (1 << (i - 1));  // and a step of the clock
    EXPECT_GE(times[i] - times[i - 1], wanted - wanted / 5 - 50ms);
    EXPECT_LE(times[i] - times[i - 1], wanted + wanted / 5 + 50ms);
  }
  ASSERT_THAT(run->dead_letters(), SizeIs(1));
  const DeadLetter& letter = run->dead_letters()[0];
  EXPECT_EQ(letter.attempts, 5u);
  EXPECT_EQ(letter.reason, "exception freshet::TryAgain");
  EXPECT_EQ(letter.message, "the service is down");
  EXPECT_THAT(letter.record, ::testing::StartsWith(R"({"id":3,)"));
}

TEST_F(Retry, TheLimitCutsAttemptsShort) {
  world.is_down = true;
  world.orders_each = 2;
  JobRun run([](Job& job) { ask_each(job, {.attempts = 100, .first = 1s, .limit = 5s}); });
  run.start();
  EXPECT_TRUE(run.ends_within(6s));
  const auto& times = world.attempts[3];
  ASSERT_GE(times.size(), 4u);
  EXPECT_GE(times.back() - times.front(), 5s) << "the last attempt is made at the limit";
  EXPECT_LE(times.back() - times.front(), 5s + 50ms);
  ASSERT_THAT(run->dead_letters(), SizeIs(1));
  EXPECT_EQ(run->dead_letters()[0].attempts, times.size());
}

TEST_F(Retry, WhatWasRejectedIsNotTriedAgain) {
  world.rejected = 13;
  JobRun run([](Job& job) { ask_each(job, {.attempts = 5, .first = 1s}); });
  run.start();
  EXPECT_TRUE(run.ends_within(0ms)) << "nothing waits";
  EXPECT_THAT(world.attempts[13], SizeIs(1));
  ASSERT_THAT(run->dead_letters(), SizeIs(1));
  EXPECT_EQ(run->dead_letters()[0].reason, "unknown");
  EXPECT_EQ(run->dead_letters()[0].attempts, 1u);
}

TEST_F(Retry, ARecordThatIsRejectedInTheEndSaysHowOftenItWasTried) {
  world.is_down = true;
  world.orders_each = 2;
  JobRun run([](Job& job) { ask_each(job, {.attempts = 9, .first = 1s}); });
  run.start();
  run.settle();
  world.rejected = 3;
  EXPECT_TRUE(run.ends_within(2s));
  ASSERT_THAT(run->dead_letters(), SizeIs(1));
  EXPECT_EQ(run->dead_letters()[0].reason, "unknown");
  EXPECT_EQ(run->dead_letters()[0].attempts, 2u);
}

TEST_F(Retry, AStreamThatEndsWaitsForTheLane) {
  world.is_down = true;
  JobRun run([](Job& job) { total_each_user(job, {.attempts = 10, .first = 1s}); });
  run.start();
  EXPECT_FALSE(run.ends_within(5s));
  EXPECT_THAT(world.totals, IsEmpty()) << "what goes out at the end waits for all that belongs to it";
  world.is_down = false;
  EXPECT_TRUE(run.ends_within(10s));
  std::uint64_t orders = 0;
  for (const auto& [user, total] : world.totals) orders += total.orders;
  EXPECT_EQ(orders, kAll) << "what an attempt that threw had added is undone";
}

TEST_F(Retry, TheEndOfTheDataDoesNotCloseWindowsBeforeTheLaneIsThrough) {
  world.is_down = true;
  JobRun run([](Job& job) {
    job.source<Orders>("orders")
        .event_time(&Order::at, {.max_disorder = 1h})  // so that only the end closes windows
        .map("ask", kAsk)
        .on_error(retry({.attempts = 10, .first = 1s}))
        .key_by(&Order::user)
        .window(tumbling(10s))
        .aggregate<Count>("windows", count().as(&Count::orders))
        .sink<Counts>("counts");
  });
  ASSERT_THAT(run.problems, IsEmpty());
  run.start();
  EXPECT_FALSE(run.ends_within(5s));
  EXPECT_EQ(world.in_windows, 0u);
  world.is_down = false;
  EXPECT_TRUE(run.ends_within(10s));
  EXPECT_EQ(world.in_windows, kAll);
  EXPECT_EQ(run.status("windows").dead_letters, 0u);
}

TEST_F(Retry, InOrderTheRecordsOfAKeyWaitForTheOneThatFailed) {
  world.is_down = true;
  JobRun run(
      [](Job& job) {
        job.source<Orders>("orders")
            .key_by(&Order::user)
            .map("ask", kAsk)
            .on_error(retry({.attempts = 10, .first = 1s, .keep_order = true}))
            .sink<Arrived>("arrived");
      },
      2);
  ASSERT_THAT(run.problems, IsEmpty());
  run.start();
  run.settle();
  std::map<std::uint64_t, std::uint64_t> last;
  for (const Order& order : world.arrived) {
    EXPECT_FALSE(needs_service(order));
    last[order.user] = order.id;
  }
  EXPECT_EQ(world.arrived.size() + run.status("ask").retrying, kAll);
  EXPECT_GT(run.status("ask").retrying, kAsking) << "those behind them wait, too";
  EXPECT_LE(run.status("ask").errors, 21u) << "one of each user is tried";
  world.is_down = false;
  EXPECT_TRUE(run.ends_within(10s));
  EXPECT_THAT(world.arrived, SizeIs(kAll));
  last.clear();
  for (const Order& order : world.arrived) {
    const auto [before, is_first] = last.emplace(order.user, order.id);
    EXPECT_TRUE(is_first || before->second < order.id) << "user " << order.user;
    before->second = order.id;
  }
}

TEST_F(Retry, InOrderADeadLetterLetsTheNextThrough) {
  world.is_down = true;
  JobRun run([](Job& job) {
    job.source<Orders>("orders")
        .key_by(&Order::user)
        .map("ask", kAsk)
        .on_error(retry({.attempts = 2, .first = 1s, .keep_order = true}))
        .sink<Arrived>("arrived");
  });
  run.start();
  EXPECT_TRUE(run.ends_within(1min));
  EXPECT_THAT(world.arrived, SizeIs(kAll - kAsking));
  EXPECT_THAT(run->dead_letters(), SizeIs(kAsking));
}

TEST_F(Retry, AFullLaneHoldsTheSourceUntilThereIsRoom) {
  world.is_down = true;
  world.orders_each = 20'000;
  JobRun run([](Job& job) { ask_each(job, {.attempts = 3, .first = 1s, .max_waiting = 50}); });
  run.start();
  run.settle();
  const auto taken = run.status("ask").records_in;
  EXPECT_LT(taken, 60'000u);
  EXPECT_GE(run.status("ask").retrying, 50u);
  EXPECT_LE(run.status("ask").retrying, 50u + kBatchRecords / 10 + 1) << "what one batch adds";
  run.wait(100ms);
  EXPECT_EQ(run.status("ask").records_in, taken);
  ASSERT_NE(run.save(1), nullptr) << "barriers pass while it waits";
  world.is_down = false;
  EXPECT_TRUE(run.ends_within(1min));
  EXPECT_THAT(world.arrived, SizeIs(60'000));
}

/// Goes on from a snapshot for some steps and some time, the service down or not, and is saved then.
std::shared_ptr<const worker::JobSnapshot> run_a_while(JobRun& run, const worker::JobSnapshot* from,
                                                       std::uint64_t checkpoint, base::Random& random) {
  world.is_down = random.below(3) != 0;
  run.start(from);
  run->run(random.below(60));
  run->clock().advance(Duration(static_cast<std::int64_t>(random.below(300))));
  return run.save(checkpoint);
}

/// Saved somewhere, restored with other parallelism, some time down and some up: each order counts once.
TEST_F(Retry, WhatWaitsOutlivesFailuresAndMovesWithItsKeys) {
  const auto build = [](Job& job) { total_each_user(job, {.attempts = 100, .first = 100ms}); };
  const auto wanted = totals_of_clean_run(build);
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  bool waited = false;
  for (int round = 0; round < 20; ++round) {
    world = {};
    std::map<std::uint64_t, Total> committed;
    std::shared_ptr<const worker::JobSnapshot> from;
    for (std::uint64_t checkpoint = 1; checkpoint < 6; ++checkpoint) {
      JobRun run(build, static_cast<std::int64_t>(1 + random.below(3)));
      from = run_a_while(run, from.get(), checkpoint, random);
      ASSERT_NE(from, nullptr);
      committed = world.totals;
      waited = waited || run.status("totals").retrying != 0;
      run->run(random.below(40));  // what comes of it is lost
      world.totals = committed;
    }
    world.is_down = false;
    JobRun last(build, static_cast<std::int64_t>(1 + random.below(3)));
    last.start(from.get());
    ASSERT_TRUE(last.ends_within(1min));
    SCOPED_TRACE("round " + std::to_string(round));
    expect_totals(wanted);
  }
  EXPECT_TRUE(waited) << "nothing was ever saved while it waited: this shows nothing";
}

/// In order, the same: and of each user nothing overtakes.
TEST_F(Retry, OrderIsKeptAcrossFailures) {
  const auto build = [](Job& job) {
    job.source<Orders>("orders")
        .key_by(&Order::user)
        .map("ask", kAsk)
        .on_error(retry({.attempts = 100, .first = 100ms, .keep_order = true}))
        .fold("last",
              [](Total& total, const Order& order) {
                if (total.orders != 0 && total.amount >= order.id) throw RejectRecord("out of order");
                total.user = order.user;
                total.amount = order.id;
                ++total.orders;
              })
        .emit(at_end())
        .sink<Totals>("totals_sink");
  };
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  bool waited = false;
  for (int round = 0; round < 10; ++round) {
    world = {};
    std::shared_ptr<const worker::JobSnapshot> from;
    for (std::uint64_t checkpoint = 1; checkpoint < 5; ++checkpoint) {
      JobRun run(build, static_cast<std::int64_t>(1 + random.below(3)));
      from = run_a_while(run, from.get(), checkpoint, random);
      ASSERT_NE(from, nullptr);
      waited = waited || run.status("ask").retrying != 0;
    }
    world.is_down = false;
    JobRun last(build, static_cast<std::int64_t>(1 + random.below(3)));
    last.start(from.get());
    ASSERT_TRUE(last.ends_within(1min));
    std::uint64_t orders = 0;
    for (const auto& [user, total] : world.totals) orders += total.orders;
    EXPECT_EQ(orders, kAll) << "round " << round;
  }
  EXPECT_TRUE(waited) << "nothing was ever saved while it waited: this shows nothing";
}

/// Without a key, records that wait are dealt out anew: none may take the place of another.
TEST_F(Retry, WithoutAKeyTheyMoveToo) {
  const auto build = [](Job& job) { ask_each(job, {.attempts = 100, .first = 1s}); };
  world.is_down = true;
  std::shared_ptr<const worker::JobSnapshot> from;
  std::uint64_t checkpoint = 0;
  for (const std::int64_t parallelism : {1, 2, 3, 1, 3}) {
    JobRun run(build, parallelism);
    run.start(from.get());
    run->run(30);
    from = run.save(++checkpoint);
    ASSERT_NE(from, nullptr);
  }
  world.is_down = false;
  world.arrived.clear();
  world.attempts.clear();
  JobRun last(build);
  last.start(from.get());
  ASSERT_TRUE(last.ends_within(1min));
  std::set<std::uint64_t> asked;
  for (const Order& order : world.arrived)
    if (needs_service(order)) asked.insert(order.id);
  EXPECT_EQ(asked.size(), kAsking) << "all of them waited, wherever they were, or came then";
}

TEST_F(Retry, ThePolicyMayBeTakenOffWhenNothingWaits) {
  const auto without = [](Job& job) {
    job.source<Orders>("orders").map("ask", kAsk).on_error(dead_letter({.pause_above = 1})).sink<Arrived>("arrived");
  };
  for (const bool is_down : {false, true}) {
    world = {};
    world.is_down = is_down;
    JobRun run([](Job& job) { ask_each(job, {.attempts = 100, .first = 1s}); });
    run.start();
    run.settle();
    const auto from = run.save(1);
    ASSERT_NE(from, nullptr);
    JobRun next(without);
    if (!is_down) {
      next.start(from.get());
      EXPECT_TRUE(next.ends_within(0ms));
      continue;
    }
    try {
      next.start(from.get());
      ADD_FAILURE() << "what waits is lost";
    } catch (const task::TaskFailure& refused) {
      EXPECT_THAT(refused.what(), ::testing::HasSubstr("records wait there to be tried again"));
    }
  }
}

TEST_F(Retry, ThatMayOutlastAWindowBehindIsWarnedOf) {
  const auto warnings_of = [](Duration limit, Duration lateness) {
    return JobRun([&](Job& job) {
             job.source<Orders>("orders")
                 .event_time(&Order::at)
                 .map("ask", kAsk)
                 .on_error(retry({.first = 1s, .limit = limit}))
                 .map("pass", [](const Order& order) { return order; })
                 .key_by(&Order::user)
                 .window(tumbling(10s))
                 .allow_late(lateness)
                 .aggregate<Count>("windows", count().as(&Count::orders))
                 .sink<Counts>("counts");
           })
        .warnings;
  };
  EXPECT_THAT(
      warnings_of(5min, 1min),
      ElementsAre("operator ask: a record may be tried again for 5min, and windows behind it takes what is late "
                  "for 1min: what gets through later is booked there as late"));
  EXPECT_THAT(warnings_of(1min, 1min), IsEmpty());
  EXPECT_THAT(JobRun([](Job& job) { ask_each(job, {}); }).warnings, IsEmpty());
}

TEST_F(Retry, WhatCannotBeTriedAgainIsRefusedBeforeTheStart) {
  const auto problems_of = [](const JobRun::Build& build) { return JobRun(build).problems; };
  const auto refused = [&](const RetryPolicy& policy) { return problems_of([&](Job& job) { ask_each(job, policy); }); };
  using ::testing::HasSubstr;
  EXPECT_THAT(refused({.attempts = 1}), ElementsAre(HasSubstr("attempts = 1: 2 to 1000")));
  EXPECT_THAT(refused({.attempts = 5000}), ElementsAre(HasSubstr("attempts = 5000")));
  EXPECT_THAT(refused({.first = 0ms}), ElementsAre(HasSubstr("first = 0")));
  EXPECT_THAT(refused({.first = 1min, .limit = 1s}), ElementsAre(HasSubstr("limit = 1s")));
  EXPECT_THAT(refused({.limit = days(365)}), ElementsAre(HasSubstr("at most 30d")));
  EXPECT_THAT(refused({.keep_order = true}), ElementsAre(HasSubstr("without a key")));
  EXPECT_THAT(refused({.max_waiting = 0}), ElementsAre(HasSubstr("max_waiting = 0")));
  EXPECT_THAT(problems_of([](Job& job) { job.source<Orders>("orders").on_error(retry()).sink<Arrived>("arrived"); }),
              ElementsAre(HasSubstr("a source cannot retry")));
  EXPECT_THAT(problems_of([](Job& job) {
                job.source<Orders>("orders")
                    .event_time(&Order::at)
                    .key_by(&Order::user)
                    .window(tumbling(10s))
                    .aggregate<Count>("windows", count().as(&Count::orders))
                    .on_error(retry())
                    .sink<Counts>("counts");
              }),
              ElementsAre(HasSubstr("cannot take back a record")));
  EXPECT_THAT(refused({}), IsEmpty());
}

}  // namespace
}  // namespace freshet::retry_test
