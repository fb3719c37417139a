#include <freshet/operator_harness.h>
#include <freshet/window_stage.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"

/// Windows whose aggregates are sketches.
namespace freshet::test::sketched_windows {
namespace {

struct Call {
  std::uint64_t user = 0;
  std::string page{};
  double size = 0;
  Duration took{};
  FRESHET_RECORD(user, page, size, took)
};

struct Calls {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t calls = 0, pages = 0, about_pages = 0;
  double median = 0;
  Duration fast{}, slow{};
  FRESHET_RECORD(user, window, calls, pages, about_pages, median, fast, slow)
};

constexpr int kPrecision = 5;
constexpr double kError = 0.03;

auto summary(int precision = kPrecision, QuantileOptions options = {.relative_error = kError}) {
  const auto make = [](auto... columns) {
    return detail::ColumnSummary<std::uint64_t, Call, Calls, decltype(columns)...>(columns...);
  };
  return make(count().as(&Calls::calls), distinct_approx(&Call::page).as(&Calls::pages),
              distinct_approx(&Call::page, {.precision = precision}).as(&Calls::about_pages),
              quantile(&Call::size, 0.5).as(&Calls::median),
              quantiles(&Call::took, {0.1, 0.9}, options).as(&Calls::fast, &Calls::slow));
}
using Stage = detail::WindowStage<std::uint64_t, Call, decltype(summary())>;

struct Case {
  const char* name;
  WindowSpec spec;
  std::uint64_t windows_of_each;  ///< record
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class SketchedWindows : public testing::TestWithParam<Case> {
 protected:
  void start() {
    stage_ = std::make_unique<Stage>(GetParam().spec, Duration(0), summary());
    stage_->open(host_);
    store_ = std::make_unique<MemorySpill>();
    table().spill_to(*store_, 3);
  }
  StateTable& table() { return *stage_->states()[0].second; }
  void push(const Call& call, std::int64_t time_ms) {
    detail::KeyedBatch<std::uint64_t, Call> batch;
    batch.records.add() = call;
    batch.keys.add() = call.user;
    batch.metas.push_back({.event_time_ms = time_ms, .key_hash = key_hash(call.user)});
    ASSERT_EQ(stage_->process(0, {batch, nullptr, 1}, 0), 1u);
    collect();
  }
  void watermark(std::int64_t ms) {
    stage_->on_watermark(Time(Duration(ms)));
    while (stage_->next_due() <= host_.now() && !stage_->emit_due()) collect();
    collect();
  }
  void save_and_restore() {
    SavedTableChain saved;
    saved.save(table(), true);
    start();
    saved.restore_to(table());
  }
  void collect() {
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Calls>&>(stage_->outputs()[0].batch());
    for (std::size_t i = 0; i < out.size(); ++i) results_.push_back(out.records[i]);
    out.clear();
    ASSERT_EQ(stage_->outputs()[1].batch().size(), 0u) << "none is late";
  }

  detail::HarnessHost host_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Stage> stage_;
  std::vector<Calls> results_;
};

/// What the calls of a window come to, counted plainly; the estimate is that of a sketch of all of them at once.
void expect_of(const std::vector<Call>& calls, const Calls& result) {
  ASSERT_EQ(result.calls, calls.size());
  std::set<std::string> pages;
  std::vector<double> sizes;
  std::vector<Duration> took;
  HyperLogLog sketch;
  for (const auto& call : calls) {
    pages.insert(call.page);
    sketch.insert(key_hash(call.page), kPrecision);
    sizes.push_back(call.size);
    took.push_back(call.took);
  }
  std::sort(sizes.begin(), sizes.end());
  std::sort(took.begin(), took.end());
  const auto at = [&](const auto& sorted, double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(calls.size() - 1))];
  };
  EXPECT_EQ(result.pages, pages.size()) << "so few are exact";
  EXPECT_EQ(result.about_pages, static_cast<std::uint64_t>(std::round(sketch.estimate())));
  EXPECT_NEAR(result.median, at(sizes, 0.5), std::abs(at(sizes, 0.5)) * 0.01001);
  const auto ms = [](Duration duration) { return static_cast<double>(duration.count()); };
  for (const auto& [q, found] : {std::pair(0.1, result.fast), std::pair(0.9, result.slow)})
    EXPECT_NEAR(ms(found), ms(at(took, q)), std::abs(ms(at(took, q))) * (kError + 1e-9) + 0.5);
}

/// Calls one after the other; state is spilled, saved and restored between them.
TEST_P(SketchedWindows, HoldWhatTheirCallsComeTo) {
  FRESHET_SEEDED(first_seed);
  for (std::uint64_t seed = first_seed; seed < first_seed + 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    results_.clear();
    start();
    std::map<std::uint64_t, std::map<std::int64_t, Call>> all;
    std::int64_t now = 0;
    for (int i = 0; i < 2'000; ++i) {
      now += random.chance(0.02) ? 20 : 1;
      const Call call{random.below(3), "a page with a long name " + std::to_string(random.below(200)),
                      random.unit() * 1000 - 300, Duration(random.between(-10, 5'000))};
      all[call.user][now] = call;
      push(call, now);
      if (random.chance(0.1)) watermark(now - 5);
      if (random.chance(0.05)) (void)table().evict(random.below(4));
      if (random.chance(0.01)) save_and_restore();
    }
    watermark(std::numeric_limits<std::int64_t>::max());
    std::uint64_t told = 0;
    for (const auto& result : results_) {
      const auto& calls = all[result.user];
      std::vector<Call> in_window;
      for (auto call = calls.lower_bound(result.window.start.time_since_epoch().count());
           call != calls.lower_bound(result.window.end.time_since_epoch().count()); ++call)
        in_window.push_back(call->second);
      ASSERT_NO_FATAL_FAILURE(expect_of(in_window, result));
      told += result.calls;
    }
    std::uint64_t expected = 0;
    for (const auto& [user, calls] : all)
      expected += GetParam().spec.kind == WindowKind::counting ? calls.size() / 100 * 100
                                                               : calls.size() * GetParam().windows_of_each;
    EXPECT_EQ(told, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, SketchedWindows,
                         testing::Values(Case{"tumbling", tumbling(200ms), 1}, Case{"sliding", sliding(200ms, 50ms), 4},
                                         Case{"session", session(15ms), 1}, Case{"counting", counting(100), 1}),
                         [](const auto& each) { return each.param.name; });

TEST(SketchedState, SaysOfWhichSketchesItIs) {
  const auto kind = [](const auto& of) { return detail::kind_of_state(tumbling(1min), of); };
  EXPECT_EQ(kind(summary()),
            "windows of 1min, distinct_approx of precision 14, distinct_approx of precision 5, quantiles off by 0.01, "
            "quantiles off by 0.03");
  EXPECT_NE(kind(summary()), kind(summary(6)));
  EXPECT_NE(kind(summary()), kind(summary(5, {.relative_error = 0.031})));
  EXPECT_NE(kind(summary()), kind(summary(5, {.relative_error = kError, .most_buckets = 100})));
  const Stage stage(tumbling(1min), Duration(0), summary());
  EXPECT_EQ(const_cast<Stage&>(stage).states()[0].second->declaration().kind, kind(summary()));
}

TEST(SketchedState, OfOtherAggregatesSaysOnlyWhichWindows) {
  using Column = decltype(count().as(&Calls::calls));
  const detail::ColumnSummary<std::uint64_t, Call, Calls, Column> plain(count().as(&Calls::calls));
  EXPECT_EQ(detail::kind_of_state(tumbling(1min), plain), "windows of 1min");
}

TEST(SketchedState, OptionsThatCannotBeAreSaid) {
  std::vector<std::string> refused;
  const auto refuse = [&](const std::string& what, const std::string&) { refused.push_back(what); };
  distinct_approx(&Call::page, {.precision = 19}).check(refuse);
  distinct_approx(&Call::page, {.precision = 3}).check(refuse);
  distinct_approx(&Call::page, {.precision = 18}).check(refuse);
  quantile(&Call::size, 1.5).check(refuse);
  quantiles(&Call::size, {0.0, 1.0, std::nan("")}).check(refuse);
  quantile(&Call::size, 0.5, {.relative_error = 0}).check(refuse);
  quantile(&Call::size, 0.5, {.relative_error = std::nan("")}).check(refuse);
  quantile(&Call::size, 0.5, {.relative_error = 0.6}).check(refuse);
  quantile(&Call::size, 0.5, {.most_buckets = 1}).check(refuse);
  EXPECT_THAT(refused,
              testing::ElementsAre("distinct_approx has precision 19", "distinct_approx has precision 3",
                                   "there is no quantile 1.5", "there is no quantile nan",
                                   "quantile has a relative error of 0", "quantile has a relative error of nan",
                                   "quantile has a relative error of 0.6", "quantile has 1 buckets"));
}

}  // namespace
}  // namespace freshet::test::sketched_windows
