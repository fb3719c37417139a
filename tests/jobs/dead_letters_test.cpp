#include <gmock/gmock.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/jobs/retry_support.h"
#include "tests/support/seed.h"

/// Dead letters that are kept, in jobs that run, are saved at any moment, and go on with other parallelism: replayed, a
/// record counts once.
namespace freshet::retry_test::dead_letters {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kAll = 300, kAsking = 30;  // orders in all; those that need the service

void ask_each(Job& job, const ErrorPolicy& policy) {
  job.source<Orders>("orders").map("ask", kAsk).on_error(policy).sink<Arrived>("arrived");
}
void total_each_user(Job& job) {
  job.source<Orders>("orders")
      .key_by(&Order::user)
      .fold("totals", kAdd)
      .emit(at_end())
      .on_error(dead_letter({.pause_above = 1, .keep = 1'000}))
      .sink<Totals>("totals_sink");
}
/// Each order in a window that closes when a later one comes.
void count_windows(Job& job, bool wants_late) {
  auto windows = job.source<Orders>("orders")
                     .event_time(&Order::at)
                     .map("ask", kAsk)
                     .on_error(dead_letter({.pause_above = 1, .keep = 1'000}))
                     .key_by(&Order::user)
                     .window(tumbling(1s))
                     .aggregate<Count>("windows", count().as(&Count::orders));
  windows.sink<Counts>("counts");
  if (wants_late) windows.late().sink<Arrived>("late_sink");
}

class DeadLetters : public ::testing::Test {
 protected:
  DeadLetters() {
    world = {};
    world.is_down = true;
    world.goes_on = true;
  }
};

TEST_F(DeadLetters, ThatAreReplayedCountAsIfTheyHadJustCome) {
  JobRun run([](Job& job) { ask_each(job, dead_letter({.pause_above = 1, .keep = 1'000})); });
  ASSERT_THAT(run.problems, IsEmpty());
  run.start();
  run.settle();
  EXPECT_THAT(world.arrived, SizeIs(kAll - kAsking));
  EXPECT_EQ(run.status("ask").letters_kept, kAsking);
  EXPECT_EQ(run.status("ask").retrying, 0u);
  world.is_down = false;
  EXPECT_EQ(run.change_letters({.operator_id = "ask"}).changed, kAsking);
  run.settle();
  EXPECT_THAT(world.arrived, SizeIs(kAll));
  std::set<std::uint64_t> ids;
  for (const Order& order : world.arrived) ids.insert(order.id);
  EXPECT_THAT(ids, SizeIs(kAll));
  EXPECT_EQ(run.status("ask").letters_kept, 0u);
  EXPECT_EQ(run.status("ask").records_in, kAll) << "each came in once";
}

TEST_F(DeadLetters, AreTriedAsOftenAsTheirPolicySaysBeforeAndAfterAReplay) {
  world.orders_each = 2;  // order 3 is the only one that asks
  JobRun run([](Job& job) { ask_each(job, retry({.attempts = 3, .first = 1s, .pause_above = 1})); });
  run.start();
  run.settle().wait(2s).wait(3s);
  EXPECT_THAT(world.attempts[3], SizeIs(3));
  EXPECT_EQ(run.status("ask").letters_kept, 1u);
  EXPECT_EQ(run.change_letters({}).changed, 1u);
  run.settle();
  EXPECT_THAT(world.attempts[3], SizeIs(4));
  EXPECT_EQ(run.status("ask").retrying, 1u) << "it has all its attempts again";
  run.wait(2s).wait(3s);
  EXPECT_THAT(world.attempts[3], SizeIs(6));
  EXPECT_EQ(run.status("ask").letters_kept, 1u);
  EXPECT_THAT(run->dead_letters(), SizeIs(2));
}

TEST_F(DeadLetters, OfAReasonOrANumberAreReplayedOrDroppedAlone) {
  JobRun run([](Job& job) { ask_each(job, dead_letter({.pause_above = 1, .keep = 1'000})); });
  world.rejected = 13;
  run.start();
  run.settle();
  EXPECT_EQ(run.change_letters({.reason = "no such reason"}).changed, 0u);
  EXPECT_EQ(run.change_letters({.operator_id = "arrived"}).changed, 0u);
  EXPECT_EQ(run.change_letters({.reason = "unknown", .replays = false}).changed, 1u);
  const std::uint64_t first = run->dead_letters()[0].id;
  world.is_down = false;
  EXPECT_EQ(run.change_letters({.ids = {first, first, 7}}).changed, 1u);
  run.settle();
  EXPECT_THAT(world.arrived, SizeIs(kAll - kAsking + 1));
  EXPECT_EQ(run.status("ask").letters_kept, kAsking - 2);
}

TEST_F(DeadLetters, InOrderAReplayedOneGoesBehindThoseThatWait) {
  world.orders_each = 40;
  JobRun run([](Job& job) {
    job.source<Orders>("orders")
        .key_by("all", [](const Order&) { return 1; })
        .map("ask", kAsk)
        .on_error(retry({.attempts = 2, .first = 1s, .keep_order = true, .pause_above = 1}))
        .sink<Arrived>("arrived");
  });
  run.start();
  run.settle().wait(2s);  // the first is a letter now, and the next that asks waits, with all behind it
  ASSERT_GE(run.status("ask").letters_kept, 1u);
  ASSERT_GE(run.status("ask").retrying, 2u);
  const auto letters = run.status("ask").letters_kept;
  EXPECT_EQ(run.change_letters({}).changed, letters);
  world.is_down = false;
  for (int i = 0; i < 1'000 && world.arrived.size() < 120; ++i) run.wait(20ms);
  EXPECT_THAT(world.arrived, SizeIs(120));
  EXPECT_TRUE(needs_service(world.arrived.back())) << "it came last";
}

TEST_F(DeadLetters, AreNotReplayedWhereNothingGoesAnyMore) {
  world.goes_on = false;
  JobRun run([](Job& job) { ask_each(job, dead_letter({.pause_above = 1, .keep = 1'000})); });
  run.start();
  run.settle();
  const auto done = run.change_letters({});
  EXPECT_TRUE(done.is_refused);
  EXPECT_EQ(done.changed, 0u);
  EXPECT_EQ(run.status("ask").letters_kept, kAsking) << "they are where they were";
  EXPECT_TRUE(run.ends_within(0ms));
}

/// What was counted in the windows and what was booked as late after a retry make up the whole.
TEST_F(DeadLetters, ThatCameTooLateForTheirWindowAreBookedApart) {
  for (const bool wants_late : {false, true}) {  // with and without local pre-aggregation
    world = {};
    world.is_down = true;
    world.goes_on = true;
    JobRun run([&](Job& job) { count_windows(job, wants_late); });
    ASSERT_THAT(run.problems, IsEmpty());
    run.start();
    run.settle();
    world.is_down = false;
    EXPECT_EQ(run.change_letters({}).changed, kAsking);
    run.settle();
    world.goes_on = false;
    EXPECT_TRUE(run.ends_within(1s));
    const auto late = run.counter("windows", "late_after_retry");
    EXPECT_GT(late, 0u);
    EXPECT_EQ(run.status("windows").late, late) << "nothing else was late";
    EXPECT_EQ(world.in_windows + late, kAll) << "the windows lack exactly these";
    EXPECT_EQ(world.arrived.size(), wants_late ? late : 0u);
  }
}

/// Saved somewhere, restored with other parallelism, replayed now and then: each order counts once.
TEST_F(DeadLetters, OutliveFailuresAndMoveWithTheirKeys) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  world.is_down = world.goes_on = false;
  const auto wanted = totals_of_clean_run(total_each_user);
  bool replayed_some = false;
  for (int round = 0; round < 20; ++round) {
    world = {};
    world.goes_on = true;
    std::shared_ptr<const worker::JobSnapshot> from;
    for (std::uint64_t checkpoint = 1; checkpoint < 6; ++checkpoint) {
      JobRun run(total_each_user, static_cast<std::int64_t>(1 + random.below(3)));
      world.is_down = random.below(3) != 0;
      run.start(from.get());
      run->run(random.below(60));
      if (random.chance(0.5)) replayed_some = run.change_letters({}).changed != 0 || replayed_some;
      run->run(random.below(20));
      from = run.save(checkpoint);
      ASSERT_NE(from, nullptr);
      (void)run.change_letters({.replays = random.chance(0.5)});  // what comes of it is lost
      run->run(random.below(40));
    }
    world.is_down = false;
    JobRun last(total_each_user, static_cast<std::int64_t>(1 + random.below(3)));
    last.start(from.get());
    last.settle();
    (void)last.change_letters({});
    last.settle();
    EXPECT_EQ(last.status("totals").letters_kept, 0u);
    world.totals.clear();
    world.goes_on = false;
    ASSERT_TRUE(last.ends_within(1min));
    SCOPED_TRACE("round " + std::to_string(round));
    expect_totals(wanted);
  }
  EXPECT_TRUE(replayed_some) << "nothing was ever replayed: this shows nothing";
}

/// Ids go on behind those that were given out, so that one names one letter.
TEST_F(DeadLetters, HaveNumbersThatAreTheirOwnAlsoAfterARescale) {
  std::uint64_t letters = 0, checkpoint = 0;
  std::shared_ptr<const worker::JobSnapshot> from;
  for (const std::int64_t parallelism : {1, 3, 2, 2, 1}) {
    world.orders_each += 100;
    JobRun run([](Job& job) { ask_each(job, dead_letter({.pause_above = 1, .keep = 1'000})); }, parallelism);
    run.start(from.get());
    run->run(400);
    from = run.save(++checkpoint);
    ASSERT_NE(from, nullptr);
    EXPECT_GT(run.status("ask").dead_letters, std::exchange(letters, run.status("ask").dead_letters));
    EXPECT_EQ(run.status("ask").letters_kept, letters) << "none took the place of another";
  }
}

TEST_F(DeadLetters, ThatAreKeptStandInTheWayOfAPolicyThatKeepsNone) {
  JobRun run([](Job& job) { ask_each(job, dead_letter({.pause_above = 1, .keep = 1'000})); });
  run.start();
  run.settle();
  const auto from = run.save(1);
  ASSERT_NE(from, nullptr);
  JobRun next([](Job& job) { ask_each(job, dead_letter({.pause_above = 1})); });
  try {
    next.start(from.get());
    ADD_FAILURE() << "they are lost";
  } catch (const task::TaskFailure& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("freshet dead-letters"));
  }
}

TEST_F(DeadLetters, CannotBeKeptEverywhere) {
  const auto problems_of = [](const JobRun::Build& build) { return JobRun(build).problems; };
  EXPECT_THAT(problems_of([](Job& job) {
                job.source<Orders>("orders").on_error(dead_letter({.keep = 5})).sink<Arrived>("arrived");
              }),
              ElementsAre(HasSubstr("a source cannot keep dead letters")));
  EXPECT_THAT(problems_of([](Job& job) { ask_each(job, dead_letter({.keep = 10'000'000})); }),
              ElementsAre(HasSubstr("keep = 10000000: at most 1000000")));
  EXPECT_THAT(problems_of([](Job& job) {
                job.source<Orders>("orders")
                    .event_time(&Order::at)
                    .key_by(&Order::user)
                    .window(tumbling(10s))
                    .aggregate<Count>("windows", count().as(&Count::orders))
                    .on_error(dead_letter({.keep = 5}))
                    .sink<Counts>("counts");
              }),
              ElementsAre(HasSubstr("cannot take back a record")));
  EXPECT_THAT(problems_of([](Job& job) { ask_each(job, retry({.keep = 0})); }), IsEmpty());
}

}  // namespace
}  // namespace freshet::retry_test::dead_letters
