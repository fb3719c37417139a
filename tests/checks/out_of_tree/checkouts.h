#pragma once

#include <freshet/freshet.h>

enum class Action : std::uint8_t { view, cart, order };
FRESHET_ENUM(Action, view, cart, order)

struct Event {
  std::uint64_t user = 0, item = 0;
  Action action{};
  bool operator==(const Event&) const = default;
  FRESHET_RECORD(user, item, action)
};

struct Checkout {
  std::uint64_t user = 0, item = 0, pieces = 0;
  bool operator==(const Checkout&) const = default;
  FRESHET_RECORD(user, item, pieces)
};

/// Says how many pieces of an item lay in a user's cart when it was ordered, in packs of `pack`.
class Checkouts : public freshet::KeyedOperator<std::uint64_t, Event, Checkout> {
 public:
  explicit Checkouts(std::uint64_t pack) : pack_(pack) {}

  void process(const Event& event, freshet::Out<Checkout>& out) override {
    if (event.action == Action::cart) {
      cart[event.item] += pack_;
    } else if (event.action == Action::order) {
      if (const auto* pieces = cart.find(event.item)) {
        out.emit({key(), event.item, *pieces});
        cart.erase(event.item);
        sold.add();
      } else {
        unseen.emit(event);
      }
    }
  }

  freshet::MapState<std::uint64_t, std::uint64_t> cart{this, "cart", {.ttl = freshet::days(7), .queryable = true}};
  freshet::SideOutput<Event> unseen{this, "unseen"};
  freshet::Counter sold{this, "sold"};

 private:
  const std::uint64_t pack_;
};
