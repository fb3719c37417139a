#pragma once

#include <freshet/freshet.h>

/// What users did. Other kinds of actions are other.
enum class Action : std::uint8_t { view, click, favorite, cart, order, cancel, rate, other };
FRESHET_ENUM(Action, view, click, favorite, cart, order, cancel, rate, other)

/// One thing that one user did with one item. Ids are texts: shops have numbers, logs have hosts and paths.
struct Event {
  std::string id{};
  std::string user{};  // empty: not known
  std::string item{};
  std::string category{};
  Action action = Action::other;
  freshet::Time time{};
  double amount = 0;  // price of one piece, or a rating
  std::int64_t quantity = 1;
  std::uint64_t line = 0;
  std::string file{};
  FRESHET_RECORD(id, user, item, category, action, time, amount, quantity, line, file)
};

/// What totals of items need of it: all that is sent for them.
struct ItemEvent {
  std::string item{};
  Action action = Action::other;
  freshet::Time time{};
  double amount = 0;
  std::int64_t quantity = 1;
  FRESHET_RECORD(item, action, time, amount, quantity)

  static ItemEvent of(const Event& event) {
    return {event.item, event.action, event.time, event.amount, event.quantity};
  }
};
