#pragma once

#include "tests/bench/keyed_count/record.h"

/// What the pipeline does with each record: the same functions for the engine and for the plain loop.
namespace freshet::bench {

struct Price {
  std::uint64_t item = 0;
  std::uint32_t category = 0;
  std::int64_t cents = 0;
  FRESHET_RECORD(item, category, cents)
};

struct Amount {
  std::uint32_t category = 0;
  std::int64_t cents = 0;
  FRESHET_RECORD(category, cents)
};

inline Price price_of(const Click& click) {
  return {click.item, click.category, static_cast<std::int64_t>(click.item * 7 % 10'000)};
}
/// Three of four pass.
inline bool is_sold(const Price& price) { return (price.item & 3) != 0; }
inline Amount with_tax(const Price& price) { return {price.category, price.cents + price.cents * 19 / 100}; }

/// What comes of all of them.
struct Sum {
  std::uint64_t records = 0;
  std::int64_t cents = 0;
  void add(const Amount& amount) {
    ++records;
    cents += amount.category + amount.cents;
  }
};

}  // namespace freshet::bench
