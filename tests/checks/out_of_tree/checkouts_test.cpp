#include "checkouts.h"

#include <freshet/testing.h>
#include <gmock/gmock.h>

using namespace freshet;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct CheckoutsTest : testing::Test {
  static Event event(Action action, std::uint64_t item) { return {.user = 7, .item = item, .action = action}; }
  OperatorHarness<Checkouts> harness{std::uint64_t{2}};
  CheckoutsTest() { harness.key_by(&Event::user); }
};

TEST_F(CheckoutsTest, CountsPiecesAcrossACrash) {
  harness.push(event(Action::cart, 42)).push(event(Action::cart, 42));
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.crash_and_restore().push(event(Action::order, 42));
  EXPECT_THAT(harness.take(), ElementsAre(Checkout{7, 42, 4}));
  EXPECT_EQ(harness.at_key(7).cart.size(), 0u);
  EXPECT_EQ(harness.at_key(7).sold.value(), 1u);
}

TEST_F(CheckoutsTest, WhatWasInNoCartGoesAside) {
  harness.push(event(Action::cart, 42)).push(event(Action::order, 43));
  EXPECT_THAT(harness.take(), IsEmpty());
  EXPECT_THAT(harness.take(&Checkouts::unseen), ElementsAre(event(Action::order, 43)));
}

TEST(CheckoutsJob, KeepsUsersApart) {
  JobHarness run("checkouts", {{"pack", "3"}});
  run.parallelism(2)
      .feed<Event>("events", {{.user = 1, .item = 5, .action = Action::cart},
                              {.user = 2, .item = 5, .action = Action::order},
                              {.user = 1, .item = 5, .action = Action::order}})
      .finish();
  EXPECT_THAT(run.output<Checkout>("orders"), ElementsAre(Checkout{1, 5, 3}));
  EXPECT_THAT(run.output<Event>("unseen"), UnorderedElementsAre(Event{.user = 2, .item = 5, .action = Action::order}));
}
