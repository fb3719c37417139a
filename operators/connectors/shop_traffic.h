#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <freshet/result.h>

#include "operators/connectors/random.h"
#include "operators/connectors/zipf.h"

namespace freshet::shop {

enum class ShopAction : std::uint8_t { view, click, favorite, cart, order };

/// What a visitor of the shop did.
struct ShopEvent {
  std::string id{};                                // "<partition>-<position>": unique over all partitions
  std::uint64_t user = 0, item = 0, category = 0;  // from 1; user 1 and item 1 are the busiest
  ShopAction action = ShopAction::view;
  std::int64_t time_ms = 0;  // since 1970
  double amount = 0;         // of an order, with two decimals; else 0
  bool operator==(const ShopEvent&) const = default;
};

struct ShopOptions {
  std::uint64_t seed = 1;
  std::uint32_t partition = 0;
  std::uint64_t users = 100'000;
  std::uint64_t items = 20'000;
  std::uint64_t categories = 200;
  double user_skew = 0.8;  // Zipf exponents; 0: all the same
  double item_skew = 1.0;
  std::uint64_t rate = 10'000;                // events per second of event time, in this partition
  std::int64_t start_ms = 1'772'334'000'000;  // 2026-03-01T03:00:00Z
  std::int64_t disorder_ms = 0;               // how much earlier than its position's time an event may be
  // What a visitor does next.
  double click_after_view = 0.30;
  double favorite_after_click = 0.10;
  double cart_after_click = 0.35;
  double order_after_cart = 0.40;
  double another_item = 0.50;  // when nothing of the above: look at another item instead of leaving
};

/// The endless traffic of a shop, for demonstrations, tests and benchmarks: visitors go from view to click, cart and
/// order, and drop off on the way. The events depend on the options alone: two objects with the same ones give the
/// same. next() allocates nothing once the event's id has its capacity. One thread.
class ShopTraffic {
 public:
  /// Visits under way at once; their events alternate at random.
  static constexpr std::size_t kVisits = 1024;
  /// The traffic consists of blocks, each with visitors and random numbers of its own: seek() generates at most one.
  static constexpr std::uint64_t kBlockEvents = 65'536;
  static constexpr std::int64_t kMaxDisorderMs = 86'400'000;

  /// Refuses options that make no sense, all at once.
  static Status check(const ShopOptions& options);

  /// `options` have passed check().
  explicit ShopTraffic(const ShopOptions& options);

  /// The event at position(); moves on by one.
  void next(ShopEvent& event);

  /// Makes `position` the next one, as if all before it had been taken.
  void seek(std::uint64_t position);

  std::uint64_t position() const { return position_; }

 private:
  enum class Step : std::uint8_t { view, click, favorite, cart, order, leave };  // the actions, and none
  struct Visit {
    std::uint64_t user = 0, item = 0;
    Step step = Step::leave;  // the last one
  };

  void begin_block();
  Visit& advance();  // one visit by one event; its `step` is then what happened
  Step step_after(Step step);
  std::int64_t time_of(std::uint64_t position);
  double price_of(std::uint64_t item) const;

  // Set once in the constructor.
  const ShopOptions options_;
  const files::Zipf users_;
  const files::Zipf items_;

  // Where it is; together with the options they decide all further events.
  std::uint64_t position_ = 0;
  files::Random random_{0};
  std::array<Visit, kVisits> visits_{};
};

}  // namespace freshet::shop
