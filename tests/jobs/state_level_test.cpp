#include <gmock/gmock.h>

#include "tests/jobs/retry_support.h"

/// State that nothing can change any more goes: after a burst a job is as large as before.
namespace freshet::retry_test::state_level {
namespace {

void keep_state(Job& job) {
  const auto orders = job.source<Orders>("orders").event_time(&Order::at).key_by(&Order::user);
  orders.window(tumbling(1s)).aggregate<Count>("windows", count().as(&Count::orders)).sink<Counts>("counts");
  orders.window(sliding(10s, 1s)).aggregate<Count>("slices", count().as(&Count::orders)).sink<Counts>("more_counts");
  orders.window(session(2s)).aggregate<Count>("sessions", count().as(&Count::orders)).sink<Counts>("session_counts");
  orders
      .interval_join("pairs", orders, {.lower = -1s, .upper = 1s},
                     [](const Order& left, const Order& right) {
                       return Total{left.user, 1, right.amount};
                     })
      .sink<Totals>("pairs_sink");
}

constexpr const char* kSteps[] = {"windows", "slices", "sessions", "pairs"};

class StateLevel : public ::testing::Test {
 protected:
  StateLevel() { run.start(); }
  /// So many orders more of each partition.
  void take(std::uint64_t orders_each) {
    for (std::uint64_t part = 0; part < 10; ++part) {
      world.orders_each += orders_each / 10;
      run.settle();
    }
    run.wait(2min);
  }
  std::map<std::string, std::uint64_t> entries() {
    std::map<std::string, std::uint64_t> found;
    for (const char* step : kSteps) found[step] = run.status(step).state_entries;
    return found;
  }
  /// As a checkpoint saves it all.
  std::size_t saved_bytes() {
    const auto snapshot = run.save(++checkpoint);
    std::size_t bytes = 0;
    for (const auto& [task, saved] : *snapshot) bytes += saved->bytes();
    return bytes;
  }

  struct FreshWorld {
    FreshWorld() {
      world = {};
      world.goes_on = true;
      world.orders_each = 0;
    }
  } fresh;
  JobRun run{keep_state};
  std::uint64_t checkpoint = 0;
};

TEST_F(StateLevel, ReturnsToWhatItWasWhenWindowsAreOver) {
  ASSERT_THAT(run.problems, ::testing::IsEmpty());
  take(1'000);
  take(1'000);
  const auto before = entries();
  const std::size_t bytes_before = saved_bytes();
  for (const auto& [step, count] : before) EXPECT_GT(count, 0u) << step;
  take(40'000);
  for (int i = 0; i < 3; ++i) take(1'000);
  for (const auto& [step, count] : entries()) EXPECT_LE(count, before.at(step) + before.at(step) / 4) << step;
  EXPECT_LE(saved_bytes(), bytes_before + bytes_before / 4);
}

}  // namespace
}  // namespace freshet::retry_test::state_level
