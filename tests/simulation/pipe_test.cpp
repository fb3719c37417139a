#include <gmock/gmock.h>

#include "tests/simulation/network.h"
#include "tests/support/seed.h"

namespace freshet::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// A pipe between machines 1 and 2 that tells what arrived, and how it was lost.
struct OnePipe {
  explicit OnePipe(std::uint64_t seed)
      : scheduler(clock, base::Random(seed)), network(scheduler, base::Random(seed + 1), {.straggler_share = 0.3}) {}
  void send(int number) {
    pipe.send([this, number] { arrived.push_back(number); });
  }
  void run_for(Nanoseconds time) {
    bool over = false;
    scheduler.after(time, "over", [&] { over = true; });
    while (!over && scheduler.run_one()) {
    }
  }

  base::ManualClock clock;
  Scheduler scheduler;
  Network network;
  std::vector<int> arrived;
  std::vector<std::string> lost;
  Pipe& pipe = network.open(1, 2, [this](const std::string& why) { lost.push_back(why); });
};

TEST(Pipe, KeepsOrderWhateverTheDelays) {
  FRESHET_SEEDED(seed);
  OnePipe one(seed);
  std::vector<int> sent;
  for (int i = 0; i < 200; ++i) sent.push_back(i), one.send(i);
  one.run_for(100s);
  EXPECT_EQ(one.arrived, sent);
  EXPECT_THAT(one.lost, IsEmpty());
}

TEST(Pipe, WhatIsUnderWayWhenItBreaksIsLostAndTheSenderHearsOfIt) {
  FRESHET_SEEDED(seed);
  OnePipe one(seed);
  one.send(1);
  one.run_for(1s);
  one.send(2);
  one.pipe.cut("a cable was pulled");
  one.send(3);
  one.run_for(10s);
  EXPECT_THAT(one.arrived, ElementsAre(1));
  EXPECT_THAT(one.lost, ElementsAre("a cable was pulled"));
}

TEST(Pipe, APartitionHoldsMessagesBackAndALongOneBreaksIt) {
  FRESHET_SEEDED(seed);
  OnePipe one(seed);
  one.network.partition(2, 1, 5s);
  one.send(1);
  one.run_for(4s);
  EXPECT_THAT(one.arrived, IsEmpty());
  one.run_for(3s);
  EXPECT_THAT(one.arrived, ElementsAre(1));
  one.network.partition(1, 2, 30s);
  one.send(2);
  one.run_for(40s);
  EXPECT_THAT(one.arrived, ElementsAre(1));
  EXPECT_EQ(one.lost.size(), 1u);
}

TEST(Scheduler, TheSeedPicksTheOrderOfWhatIsDueAtOnce) {
  const auto order = [](std::uint64_t seed) {
    base::ManualClock clock;
    Scheduler scheduler(clock, base::Random(seed));
    std::vector<int> happened;
    for (int i = 0; i < 20; ++i) scheduler.after(1ms, "event", [&happened, i] { happened.push_back(i); });
    while (scheduler.run_one()) {
    }
    return happened;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

}  // namespace
}  // namespace freshet::sim
