// Counts what was bought, then goes on running without anything to do: its state can be read, and stays as it is.

#include <freshet/files.h>

using namespace freshet;

namespace {

struct Purchase {
  std::string user{};
  std::uint64_t item = 0, number = 0;
  FRESHET_RECORD(user, item, number)
};

struct Spent {
  std::uint64_t purchases = 0, sum = 0;
  FRESHET_RECORD(purchases, sum)
};

constexpr int kSplits = 4;

/// Numbers from 0, dealt out to the splits; has no end.
class Purchases : public Source<Purchase> {
 public:
  Purchases(std::uint64_t count, std::uint64_t users) : count_(count), users_(users) {}
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (int split = 0; split < kSplits; ++split) splits.push_back({.partition = std::to_string(split)});
    return splits;
  }
  Progress read(Split& split, Out<Purchase>& out) override {
    const std::uint64_t first = std::stoull(split.partition);
    if (split.position * kSplits + first >= count_) return Progress::idle;
    while (!out.full()) {
      const std::uint64_t number = split.position * kSplits + first;
      if (number >= count_) break;
      ++split.position;
      out.emit({"user " + std::to_string(number % users_), number % 13, number});
    }
    return Progress::progress;
  }

 private:
  std::uint64_t count_, users_;
};

class Basket : public KeyedOperator<std::string, Purchase, Purchase> {
 public:
  void process(const Purchase& bought, Out<Purchase>&) override {
    ++items[bought.item];
    newest.set(bought.number);
  }
  MapState<std::uint64_t, std::uint64_t> items{this, "items", {.queryable = true}};
  ValueState<std::uint64_t> newest{this, "newest"};
};

}  // namespace

FRESHET_JOB(baskets, "Counts made-up purchases by user")
{
  const auto count = job.param("count", std::int64_t{1'000}, "purchases");
  const auto users = job.param("users", std::int64_t{10}, "users");
  const auto output = job.param("output", "out", "folder of the results");
  const auto by_user =
      job.source<Purchases>("purchases", static_cast<std::uint64_t>(count), static_cast<std::uint64_t>(users))
          .key_by(&Purchase::user);
  by_user
      .fold("spent",
            [](Spent& spent, const Purchase& bought) {
              ++spent.purchases;
              spent.sum += bought.number;
            })
      .queryable()
      .emit(at_end())
      .sink("spent_file", files::csv(output + "/spent"));
  by_user.recent("last", 3).queryable().emit(at_end()).sink("last_file", files::csv(output + "/last"));
  by_user.process<Basket>("basket").sink("basket_file", files::csv(output + "/basket"));
}
