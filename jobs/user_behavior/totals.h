#pragma once

#include <algorithm>
#include <cmath>

#include "jobs/user_behavior/event.h"

/// What a user did, or was done with an item; state and output alike. Sums are whole numbers, so that no order of
/// adding up changes a result.
struct Totals {
  std::uint64_t events = 0, views = 0, clicks = 0, favorites = 0, carts = 0, orders = 0, cancels = 0, rates = 0,
                others = 0;
  std::int64_t quantity = 0;
  std::int64_t revenue_mills = 0;  // quantity times amount of orders and cancellations, in thousandths
  freshet::Time first_seen{}, last_seen{};
  FRESHET_RECORD(events, views, clicks, favorites, carts, orders, cancels, rates, others, quantity, revenue_mills,
                 first_seen, last_seen)

  /// An Event or an ItemEvent.
  void add(const auto& event) {
    first_seen = events == 0 ? event.time : std::min(first_seen, event.time);
    last_seen = events == 0 ? event.time : std::max(last_seen, event.time);
    ++events;
    ++count_of(event.action);
    quantity += event.quantity;
    if (event.action == Action::order || event.action == Action::cancel)
      revenue_mills += std::llround(event.amount * 1000) * event.quantity;
  }
  std::uint64_t& count_of(Action action) {
    switch (action) {
      case Action::view:
        return views;
      case Action::click:
        return clicks;
      case Action::favorite:
        return favorites;
      case Action::cart:
        return carts;
      case Action::order:
        return orders;
      case Action::cancel:
        return cancels;
      case Action::rate:
        return rates;
      case Action::other:
        break;
    }
    return others;
  }
};

/// Events and distinct users of one action, or of `all`; also what one event adds to them.
struct ActionTotals {
  std::string action{};
  std::uint64_t events = 0, users = 0;
  FRESHET_RECORD(action, events, users)

  void add(const ActionTotals& more) {
    events += more.events;
    users += more.users;
  }
};

/// The actions a user has been seen with, a bit each.
struct Seen {
  std::uint32_t actions = 0;
  FRESHET_RECORD(actions)
};

/// How often a step of the funnel was reached, and by how many users; also what one time adds to that.
struct StepTotals {
  std::uint32_t number = 0;
  std::string step{};
  std::uint64_t times = 0, users = 0;
  FRESHET_RECORD(number, step, times, users)

  void add(const StepTotals& more) {
    times += more.times;
    users += more.users;
  }
};

/// The steps a user has reached before, a bit each.
struct StepsReached {
  std::uint32_t steps = 0;
  FRESHET_RECORD(steps)
};
