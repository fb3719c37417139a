#include <freshet/freshet.h>
#include <gtest/gtest.h>

#include "runtime/worker/local_engine.h"

/// Rules that all tasks have, in jobs that run, are saved, and go on with other parallelism.
namespace freshet::lookup_test {
namespace {

struct Click {
  std::uint64_t user = 0, item = 0;
  FRESHET_RECORD(user, item)
};
struct Price {
  std::uint64_t item = 0;
  std::int64_t price = 0;
  FRESHET_RECORD(item, price)
};
struct Priced {
  std::uint64_t user = 0, item = 0;
  std::int64_t price = 0;
  FRESHET_RECORD(user, item, price)
};

constexpr std::uint64_t kItems = 40, kClicks = 400;
bool clicks_may_come = false;
std::vector<Priced> arrived;

/// Nothing until it may.
class Clicks final : public Source<Click> {
 public:
  std::vector<Split> discover() override { return {{"one", 0, kClicks, 0}, {"other", 0, kClicks, 0}}; }
  Progress read(Split& split, Out<Click>& out) override {
    if (!clicks_may_come) return Progress::idle;
    for (; !out.full() && split.position < split.end; ++split.position)
      out.emit({split.position % 17, split.position % kItems});
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};
/// Each item three times; the last price counts: item + 200.
class PriceList final : public Source<Price> {
 public:
  std::vector<Split> discover() override { return {{"prices", 0, 3 * kItems, 0}}; }
  Progress read(Split& split, Out<Price>& out) override {
    for (; !out.full() && split.position < split.end; ++split.position)
      out.emit({split.position % kItems,
                static_cast<std::int64_t>(split.position % kItems + split.position / kItems * 100)});
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};
class Arrived final : public Sink<Priced> {
 public:
  void write(const Priced& record) override { arrived.push_back(record); }
};

using Prices = RulesView<std::uint64_t, Price>;
const auto kLookUp = [](const Click& click, const Prices& prices, Out<Priced>& out) {
  const Price* price = prices.find(click.item);
  out.emit({click.user, click.item, price == nullptr || prices.size() != kItems ? -1 : price->price});
};

struct JobRun {
  explicit JobRun(std::int64_t parallelism, const worker::JobSnapshot* from = nullptr) {
    const auto clicks = job.source<Clicks>("clicks");
    const auto prices = job.source<PriceList>("prices");
    clicks.lookup("plain", prices, &Price::item, kLookUp).sink<Arrived>("plain_out");
    // Behind the lookup it is under its key still: no two tasks have the same user.
    clicks.key_by(&Click::user)
        .lookup("keyed", prices, &Price::item, kLookUp)
        .fold("counts", [](Priced& last, const Priced& next) { last = next; })
        .sink<Arrived>("keyed_out");
    job.finish();
    engine = std::make_unique<worker::LocalEngine>(
        job, worker::LocalEngine::Options{.parallelism = parallelism, .snapshots = true});
    for (const auto& problem : engine->problems()) ADD_FAILURE() << problem.where << ": " << problem.message;
    engine->start(from);
  }
  void go_on() {
    for (int i = 0; i < 1000; ++i) {
      engine->run(1000);
      engine->clock().advance(5ms);
      ASSERT_FALSE(engine->failure()) << engine->failure()->what();
    }
  }
  Job job;
  std::unique_ptr<worker::LocalEngine> engine;
};

TEST(LookupJobs, AllTasksHaveAllRulesAlsoOfACheckpointOfMoreOrFewer) {
  for (const auto& [before, behind] : {std::pair(2, 2), std::pair(1, 3), std::pair(4, 2)}) {
    SCOPED_TRACE(std::to_string(before) + " to " + std::to_string(behind));
    clicks_may_come = false;
    arrived.clear();
    JobRun first(before);
    first.go_on();
    first.engine->inject_barrier(1);
    first.go_on();
    ASSERT_NE(first.engine->snapshot(1), nullptr);
    JobRun second(behind, first.engine->snapshot(1));
    clicks_may_come = true;
    second.go_on();
    EXPECT_EQ(arrived.size(), 4 * kClicks);
    for (const auto& each : arrived) ASSERT_EQ(each.price, static_cast<std::int64_t>(each.item) + 200);
  }
}

}  // namespace
}  // namespace freshet::lookup_test
