#include <freshet/operator_harness.h>
#include <freshet/window_stage.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::test::windows {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Visit {
  std::uint64_t user = 0;
  std::uint64_t page = 0;
  std::int64_t amount = 0;
  FRESHET_RECORD(user, page, amount)
};

struct Sum {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t visits = 0, pages = 0;
  std::int64_t amount = 0, least = 0;
  bool operator==(const Sum&) const = default;
  FRESHET_RECORD(user, window, visits, pages, amount, least)
};

void PrintTo(const Sum& sum, std::ostream* out) {
  *out << "{user " << sum.user << ", [" << sum.window.start.time_since_epoch().count() << ", "
       << sum.window.end.time_since_epoch().count() << "), visits " << sum.visits << ", pages " << sum.pages
       << ", amount " << sum.amount << ", least " << sum.least << "}";
}

Time at(std::int64_t ms) { return Time(Duration(ms)); }

auto summary() {
  const auto make = [](auto... columns) {
    return detail::ColumnSummary<std::uint64_t, Visit, Sum, decltype(columns)...>(columns...);
  };
  return make(count().as(&Sum::visits), distinct(&Visit::page).as(&Sum::pages),
              freshet::sum(&Visit::amount).as(&Sum::amount), freshet::min(&Visit::amount).as(&Sum::least));
}

/// A window step by itself, of sums per user.
class Windows {
  using Stage = detail::WindowStage<std::uint64_t, Visit, decltype(summary())>;

 public:
  explicit Windows(const WindowSpec& spec, Duration lateness = {}) : spec_(spec), lateness_(lateness) { start(); }

  void push(const Visit& visit, std::int64_t time_ms) {
    detail::KeyedBatch<std::uint64_t, Visit> batch;
    batch.records.add() = visit;
    batch.keys.add() = visit.user;
    batch.metas.push_back({.event_time_ms = time_ms, .key_hash = key_hash(visit.user)});
    EXPECT_EQ(stage_->process(0, {batch, nullptr, 1}, 0), 1u);
    emit_due();
  }
  void watermark(std::int64_t ms) {
    watermark_ = ms;
    stage_->on_watermark(at(ms));
    emit_due();
  }
  void spill() {
    store_ = std::make_unique<MemorySpill>();
    table().spill_to(*store_, 3);
  }
  void evict(std::size_t keys) { (void)table().evict(keys); }
  void save() { saved_.save(table(), saved_.logs.empty() || table().wants_everything()); }
  void crash_and_restore() {
    start();
    if (store_) spill();
    saved_.restore_to(table());
    saved_.logs.clear();
    if (watermark_) watermark(*watermark_);
  }
  StateTable& table() { return *stage_->states()[0].second; }
  std::vector<Sum> take() { return std::exchange(results_, {}); }
  std::vector<Visit> take_late() { return std::exchange(late_, {}); }

 private:
  void start() {
    stage_ = std::make_unique<Stage>(spec_, lateness_, summary());
    stage_->open(host_);
  }
  void emit_due() {
    while (stage_->next_due() <= host_.now() && !stage_->emit_due()) collect();
    collect();
  }
  void collect() {
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Sum>&>(stage_->outputs()[0].batch());
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out.keys[i], out.records[i].user);
      EXPECT_EQ(out.metas[i].key_hash, key_hash(out.keys[i]));
      results_.push_back(out.records[i]);
    }
    out.clear();
    auto& late = static_cast<detail::Batch<Visit>&>(stage_->outputs()[1].batch());
    for (std::size_t i = 0; i < late.size(); ++i) late_.push_back(late.records[i]);
    late.clear();
  }

  WindowSpec spec_;
  Duration lateness_;
  detail::HarnessHost host_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Stage> stage_;
  SavedTableChain saved_;
  std::optional<std::int64_t> watermark_;
  std::vector<Sum> results_;
  std::vector<Visit> late_;
};

TEST(Window, TumblingHoldsItsStartAndNotItsEnd) {
  Windows windows(tumbling(10ms));
  windows.push({1, 5, 3}, 10);
  windows.push({1, 5, 4}, 19);
  windows.push({1, 6, 1}, 20);
  windows.watermark(19);
  EXPECT_THAT(windows.take(), IsEmpty()) << "a record of 19 may still come";
  windows.watermark(20);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(10), at(20)}, 2, 1, 7, 3}));
  windows.watermark(30);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(20), at(30)}, 1, 1, 1, 1}));
  EXPECT_EQ(windows.table().entries(), 0u) << "nothing is kept of what is over";
}

TEST(Window, LiesAtItsOffsetAlsoBeforeTheEpoch) {
  Windows windows(tumbling(10ms, 3ms));
  windows.push({1, 5, 3}, 2);
  windows.push({1, 5, 4}, 3);
  windows.push({1, 5, 4}, -8);
  windows.watermark(100);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(-17), at(-7)}, 1, 1, 4, 4}, Sum{1, {at(-7), at(3)}, 1, 1, 3, 3},
                                          Sum{1, {at(3), at(13)}, 1, 1, 4, 4}));
}

TEST(Window, SlidingWindowsShareTheirSlices) {
  Windows windows(sliding(30ms, 10ms));
  windows.push({1, 5, 3}, 25);
  windows.push({1, 6, 4}, 41);
  windows.watermark(1000);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(0), at(30)}, 1, 1, 3, 3}, Sum{1, {at(10), at(40)}, 1, 1, 3, 3},
                                          Sum{1, {at(20), at(50)}, 2, 2, 7, 3}, Sum{1, {at(30), at(60)}, 1, 1, 4, 4},
                                          Sum{1, {at(40), at(70)}, 1, 1, 4, 4}));
  EXPECT_EQ(windows.table().entries(), 0u);
}

TEST(Window, ASessionEndsBehindAGapThatIsLonger) {
  Windows windows(session(10ms));
  windows.push({1, 5, 1}, 0);
  windows.push({1, 5, 1}, 10);
  windows.push({1, 5, 1}, 21);
  windows.watermark(20);
  EXPECT_THAT(windows.take(), IsEmpty()) << "a record of 20 would belong to it";
  windows.watermark(21);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(0), at(20)}, 2, 1, 2, 1}));
  windows.watermark(100);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(21), at(31)}, 1, 1, 1, 1}));
}

TEST(Window, ARecordBetweenTwoSessionsMakesThemOne) {
  Windows windows(session(10ms));
  windows.push({1, 5, 1}, 0);
  windows.push({1, 6, 2}, 20);
  windows.push({1, 7, 4}, 10);
  windows.watermark(100);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(0), at(30)}, 3, 3, 7, 1}));
}

TEST(Window, CountsRecordsWhateverTheirTimes) {
  Windows windows(counting(3));
  for (const std::int64_t time : {5, 3, 9, 1, 2}) windows.push({1, 5, time}, time);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(3), at(10)}, 3, 1, 17, 3}));
  windows.watermark(std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(windows.take(), IsEmpty()) << "what is left is no window";
  windows.push({1, 5, 7}, 7);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(1), at(8)}, 3, 1, 10, 1}));
}

TEST(Window, WhatComesWhenItsWindowIsOverIsLate) {
  Windows windows(tumbling(10ms));
  windows.watermark(20);
  windows.push({1, 5, 3}, 19);
  windows.push({1, 6, 3}, 20);
  const auto late = windows.take_late();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].page, 5u);
}

TEST(Window, WhileLateRecordsAreAllowedTheResultGoesOutAgain) {
  Windows windows(tumbling(10ms), 5ms);
  windows.push({1, 5, 1}, 11);
  windows.watermark(20);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(10), at(20)}, 1, 1, 1, 1}));
  windows.push({1, 5, 2}, 12);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(10), at(20)}, 2, 1, 3, 1}));
  windows.watermark(24);
  EXPECT_EQ(windows.table().entries(), 1u);
  windows.push({1, 5, 4}, 13);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(10), at(20)}, 3, 1, 7, 1}));
  windows.watermark(25);
  EXPECT_EQ(windows.table().entries(), 0u);
  EXPECT_THAT(windows.take_late(), IsEmpty());
  windows.push({1, 5, 8}, 14);
  EXPECT_EQ(windows.take_late().size(), 1u);
  EXPECT_THAT(windows.take(), IsEmpty());
}

TEST(Window, OnlySlidingWindowsThatALateRecordTouchesGoOutAgain) {
  Windows windows(sliding(20ms, 10ms), 100ms);
  windows.push({1, 5, 1}, 5);
  windows.push({1, 5, 1}, 25);
  windows.push({1, 5, 1}, 45);
  windows.watermark(45);
  EXPECT_EQ(windows.take().size(), 4u);  // ends 10, 20, 30, 40
  windows.push({1, 5, 4}, 6);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(-10), at(10)}, 2, 1, 5, 1}, Sum{1, {at(0), at(20)}, 2, 1, 5, 1}));
}

TEST(Window, TheResultOfASessionIsNotLateForItsOwnWindow) {
  const detail::PaneRules<int> sessions(session(10ms), Duration(0)), same(same_window(), Duration(0));
  detail::Panes<int> panes;
  auto& pane = sessions.pane_of(panes, 0, {}, [](int&, const int&) {});
  sessions.note_change(panes, pane, detail::kNoWatermark);
  bool is_told = false;
  const auto tell = [&](const freshet::Window& window, std::int64_t last, const auto*, const auto*) {
    is_told = true;
    // When it goes out at 11, the watermark that was passed on before is 10 at most.
    EXPECT_FALSE(same.is_late(nullptr, last, window, 10));
  };
  sessions.go_on(panes, 9, tell);
  EXPECT_FALSE(is_told);
  sessions.go_on(panes, 10, tell);
  EXPECT_TRUE(is_told);
}

TEST(Window, LateForEverIsNoOverflow) {
  Windows windows(tumbling(10ms), std::min(Duration::max(), detail::kLongestWindow));
  windows.push({1, 5, 1}, 11);
  windows.watermark(1'000'000);
  windows.push({1, 5, 2}, 12);
  EXPECT_THAT(windows.take(), ElementsAre(Sum{1, {at(10), at(20)}, 1, 1, 1, 1}, Sum{1, {at(10), at(20)}, 2, 1, 3, 1}));
}

struct Case {
  const char* name;
  WindowSpec spec;
  Duration lateness;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

/// A visit that was not late.
struct Taken {
  std::int64_t time = 0;
  Visit visit{};
  std::int64_t over = std::numeric_limits<std::int64_t>::min();  ///< windows that end here or before took no more
};

/// All windows that records make up, by means that are slow and plain.
std::map<std::pair<std::uint64_t, std::int64_t>, Sum> plain_windows(const WindowSpec& spec, std::vector<Taken> all) {
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  std::map<std::pair<std::uint64_t, std::int64_t>, Sum> windows;
  std::map<std::pair<std::uint64_t, std::int64_t>, std::set<std::uint64_t>> pages;
  std::map<std::uint64_t, std::pair<std::int64_t, std::int64_t>> sessions;  // start and last, by user
  const auto add = [&](std::int64_t start, std::int64_t end, const Visit& visit) {
    const std::pair key(visit.user, start);
    const bool is_new = !windows.contains(key);
    Sum& sum = windows[key];
    sum.user = visit.user;
    sum.window = {at(start), at(end)};
    ++sum.visits;
    sum.amount += visit.amount;
    sum.least = is_new ? visit.amount : std::min(sum.least, visit.amount);
    pages[key].insert(visit.page);
    sum.pages = pages[key].size();
  };
  for (const auto& [time, visit, over] : all) {
    if (spec.kind == WindowKind::session) {
      auto [session, is_new] = sessions.try_emplace(visit.user, time, time);
      if (!is_new && time > session->second.second + spec.size.count()) session->second = {time, time};
      session->second.second = time;
      add(session->second.first, time + spec.size.count(), visit);
      continue;
    }
    const std::int64_t size = spec.size.count(), slide = spec.slide.count(), offset = spec.offset.count();
    for (std::int64_t start = -2000; start <= time; ++start)
      if (((start - offset) % slide + slide) % slide == 0 && time < start + size && start + size > over)
        add(start, start + size, visit);
  }
  return windows;
}

class AnyWindow : public testing::TestWithParam<Case> {};

/// Records in disorder, some of them late; crashes, saves and evictions between them. What is not late makes up the
/// same windows as by the plain means, and each went out with its last result last.
TEST_P(AnyWindow, HoldsWhatAPlainCountSays) {
  const auto& [name, spec, lateness] = GetParam();
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    Windows windows(spec, lateness);
    const bool spills = seed % 2 == 0;
    if (spills) windows.spill();
    std::vector<Taken> taken;
    std::vector<Sum> told;
    std::int64_t now = 0, watermark = std::numeric_limits<std::int64_t>::min();
    struct Saved {
      std::vector<Taken> taken;
      std::size_t told = 0;
      bool is_there = false;
    } saved;
    const auto collect = [&] {
      for (const auto& sum : windows.take()) told.push_back(sum);
    };
    for (int step = 0; step < 300; ++step) {
      now += random.between(0, 12);
      const bool has_watermark = watermark != std::numeric_limits<std::int64_t>::min();
      const std::int64_t over = has_watermark ? watermark - lateness.count() : watermark;
      std::int64_t time = now - random.between(0, random.chance(0.1) ? 150 : 30);
      // A session that is gone would have been longer.
      if (spec.kind == WindowKind::session) time = std::max(time, over);
      const Visit visit{random.below(4), random.below(6), random.between(-9, 9)};
      windows.push(visit, time);
      if (windows.take_late().empty())
        taken.push_back({time, visit, over});
      else
        ASSERT_LT(time, over) << "not late";
      collect();
      if (random.chance(0.3) && now - 30 > watermark) windows.watermark(watermark = now - 30);
      collect();
      if (spills && random.chance(0.3)) windows.evict(random.below(4));
      if (random.chance(0.1)) {
        windows.save();
        saved = {taken, told.size(), true};
      }
      if (saved.is_there && random.chance(0.03)) {
        taken = saved.taken;
        told.resize(saved.told);
        saved.is_there = false;
        windows.crash_and_restore();  // the watermark of now: what was late stays late
        collect();
      }
    }
    windows.watermark(std::numeric_limits<std::int64_t>::max());
    collect();
    EXPECT_EQ(windows.table().entries(), 0u);
    std::map<std::pair<std::uint64_t, std::int64_t>, Sum> found;
    for (const auto& sum : told) {
      const std::pair key(sum.user, sum.window.start.time_since_epoch().count());
      ASSERT_TRUE(lateness != Duration(0) || !found.contains(key)) << "went out twice";
      // A session that grew takes the place of what it was.
      if (spec.kind == WindowKind::session)
        std::erase_if(found, [&](const auto& other) {
          return other.second.user == sum.user && other.second.window.start >= sum.window.start &&
                 other.second.window.end <= sum.window.end;
        });
      found[key] = sum;
    }
    const auto expected = plain_windows(spec, taken);
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [key, sum] : expected) ASSERT_EQ(found[key], sum);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, AnyWindow,
                         testing::Values(Case{"tumbling", tumbling(20ms), {}},
                                         Case{"at_offset", tumbling(20ms, 7ms), {}},
                                         Case{"tumbling_late", tumbling(20ms), 40ms},
                                         Case{"sliding", sliding(40ms, 10ms), {}},
                                         Case{"sliding_uneven", sliding(50ms, 20ms, 3ms), {}},
                                         Case{"sliding_late", sliding(40ms, 10ms), 40ms},
                                         Case{"session", session(9ms), {}}, Case{"session_late", session(9ms), 40ms}),
                         [](const auto& each) { return each.param.name; });

TEST(Aggregate, DistinctValuesAreCountedOnceHoweverMany) {
  base::Random random(3);
  detail::DistinctValues<std::string> values;
  std::set<std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string value = std::to_string(random.below(5'000));
    values.insert(value);
    model.insert(value);
    if (i % 1000 != 0) continue;
    ASSERT_EQ(values.values.size(), model.size());
    ByteBuffer bytes;
    encode(bytes, values);
    detail::DistinctValues<std::string> restored;
    ASSERT_TRUE(decode_all(bytes.view(), restored));
    values = restored;  // goes on without what was not saved
  }
  EXPECT_EQ(values.values.size(), model.size());
}

}  // namespace
}  // namespace freshet::test::windows
