#pragma once

#include "jobs/user_behavior/event.h"

/// What windows of events come to.

/// A user's events without a long pause.
struct Session {
  std::string user{};
  freshet::Window window{};
  std::uint64_t events = 0, items = 0, orders = 0;
  FRESHET_RECORD(user, window, events, items, orders)
};

/// Events and distinct users of an action.
struct Visits {
  Action action = Action::other;
  freshet::Window window{};
  std::uint64_t events = 0, users = 0;
  FRESHET_RECORD(action, window, events, users)
};

/// What one user did. Counted first, it makes users distinct: each counts once for each action, so that no set of them
/// has to be kept, and nearly nothing is sent.
struct UserVisits {
  std::string user{};
  freshet::Window window{};
  std::uint64_t views = 0, clicks = 0, favorites = 0, carts = 0, orders = 0, cancels = 0, rates = 0, others = 0;
  FRESHET_RECORD(user, window, views, clicks, favorites, carts, orders, cancels, rates, others)

  void each_action(freshet::Out<Visits>& out) const {
    const auto put = [&](Action action, std::uint64_t events) {
      if (events != 0) out.emit({action, window, events, 1});
    };
    put(Action::view, views);
    put(Action::click, clicks);
    put(Action::favorite, favorites);
    put(Action::cart, carts);
    put(Action::order, orders);
    put(Action::cancel, cancels);
    put(Action::rate, rates);
    put(Action::other, others);
  }
};

/// Views of an item.
struct ItemViews {
  std::string category{}, item{};
  freshet::Window window{};
  std::uint64_t views = 0, visitors = 0;
  FRESHET_RECORD(category, item, window, views, visitors)
};

/// One of the items viewed most in a category.
struct HotItem {
  std::string category{};
  freshet::Window window{};
  std::uint32_t rank = 0;
  std::string item{};
  std::uint64_t views = 0, visitors = 0;
  FRESHET_RECORD(category, window, rank, item, views, visitors)

  static HotItem of(const freshet::Ranked<ItemViews>& place) {
    const ItemViews& item = place.record;
    return {item.category, item.window, place.rank, item.item, item.views, item.visitors};
  }
};
