#include <freshet/operator_harness.h>
#include <freshet/window_stage.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"

/// Results of windows that are not over.
namespace freshet::test::early_windows {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Visit {
  std::uint64_t user = 0;
  FRESHET_RECORD(user)
};

struct Visits {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t visits = 0;
  bool operator==(const Visits&) const = default;
  auto operator<=>(const Visits& other) const {
    return std::tuple(user, window.start, window.end, visits) <=>
           std::tuple(other.user, other.window.start, other.window.end, other.visits);
  }
  FRESHET_RECORD(user, window, visits)
};

void PrintTo(const Visits& of, std::ostream* out) {
  *out << "{user " << of.user << ", [" << of.window.start.time_since_epoch().count() << ", "
       << of.window.end.time_since_epoch().count() << "), " << of.visits << "}";
}

Time at(std::int64_t ms) { return Time(Duration(ms)); }

auto summary() {
  const auto column = count().as(&Visits::visits);
  return detail::ColumnSummary<std::uint64_t, Visit, Visits, std::remove_const_t<decltype(column)>>(column);
}
using Stage = detail::WindowStage<std::uint64_t, Visit, decltype(summary())>;

struct Changed final : SnapshotOut {
  void begin(std::string_view, std::string_view of, std::string_view) override { kind = of; }
  void put(std::string_view record) override { records.emplace_back(record); }
  void ask_commit(std::string_view, std::string_view) override {}
  void before_done(std::function<Status()>) override {}
  std::string kind;
  std::vector<std::string> records;
};

/// A window step with a clock, which emits each second.
class EarlyWindows {
 public:
  explicit EarlyWindows(const WindowSpec& spec, Duration lateness = {}) : spec_(spec), lateness_(lateness) { make(); }

  void push(std::uint64_t user, std::int64_t time_ms) {
    detail::KeyedBatch<std::uint64_t, Visit> batch;
    batch.records.add() = {user};
    batch.keys.add() = user;
    batch.metas.push_back({.event_time_ms = time_ms, .key_hash = key_hash(user)});
    EXPECT_EQ(stage_->process(0, {batch, nullptr, 1}, 0), 1u);
    emit_due();
  }
  void watermark(std::int64_t ms) {
    watermark_ = ms;
    stage_->on_watermark(at(ms));
    emit_due();
  }
  void pass(Duration time) {
    host_.now_value += time;
    emit_due();
  }
  void evict(std::size_t keys) { (void)table().evict(keys); }
  void save_and_restore() {
    Changed changed;
    stage_->save(changed, "windows");
    SavedTableChain saved;
    saved.save(table(), true);
    make();
    saved.restore_to(table());
    for (const auto& record : changed.records)
      EXPECT_TRUE(stage_->restore({.kind = changed.kind, .bytes = record}, {}));
    if (watermark_) watermark(*watermark_);
  }
  StateTable& table() { return *stage_->states()[0].second; }
  Time next_due() const { return stage_->next_due(); }
  std::vector<Visits> take() {
    std::sort(results_.begin(), results_.end());
    return std::exchange(results_, {});
  }

 private:
  void make() {
    stage_ = std::make_unique<Stage>(spec_, lateness_, summary(), false, every(1s));
    stage_->open(host_);
    store_ = std::make_unique<MemorySpill>();
    table().spill_to(*store_, 3);
  }
  void emit_due() {
    while (stage_->next_due() <= host_.now() && !stage_->emit_due()) collect();
    collect();
  }
  void collect() {
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Visits>&>(stage_->outputs()[0].batch());
    for (std::size_t i = 0; i < out.size(); ++i) results_.push_back(out.records[i]);
    out.clear();
  }
  const WindowSpec spec_;
  const Duration lateness_;
  detail::HarnessHost host_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Stage> stage_;
  std::optional<std::int64_t> watermark_;
  std::vector<Visits> results_;
};

TEST(EarlyWindow, GoesOutEachIntervalInWhichItChangedAndWhenItIsOver) {
  EarlyWindows windows(tumbling(10ms));
  windows.push(1, 3);
  windows.push(2, 4);
  EXPECT_THAT(windows.take(), IsEmpty());
  windows.pass(999ms);
  EXPECT_THAT(windows.take(), IsEmpty());
  windows.pass(1ms);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(0), at(10)}, 1}, Visits{2, {at(0), at(10)}, 1}));
  EXPECT_EQ(windows.next_due(), Time::max()) << "nothing has changed since";
  windows.push(2, 5);
  windows.pass(1s);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{2, {at(0), at(10)}, 2}));
  windows.watermark(10);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(0), at(10)}, 1}, Visits{2, {at(0), at(10)}, 2}));
  windows.pass(1h);
  EXPECT_THAT(windows.take(), IsEmpty());
  EXPECT_EQ(windows.table().entries(), 0u);
}

TEST(EarlyWindow, ThatIsOverBeforeItsTimeGoesOutOnce) {
  EarlyWindows windows(tumbling(10ms));
  windows.push(1, 3);
  windows.watermark(10);
  EXPECT_EQ(windows.take().size(), 1u);
  windows.pass(1s);
  EXPECT_THAT(windows.take(), IsEmpty());
}

TEST(EarlyWindow, AfterItsEndALateRecordSendsItOutAtOnceAndNotAgain) {
  EarlyWindows windows(tumbling(10ms), 50ms);
  windows.push(1, 3);
  windows.watermark(20);
  windows.take();
  windows.push(1, 4);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(0), at(10)}, 2}));
  windows.push(1, 25);
  windows.pass(1s);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(20), at(30)}, 1})) << "the one before has said all";
}

TEST(EarlyWindow, OfSlidingOnesEachThatIsNotOverGoesOut) {
  EarlyWindows windows(sliding(30ms, 10ms));
  windows.push(1, 15);
  windows.watermark(25);
  windows.take();
  windows.push(1, 31);
  windows.pass(1s);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(0), at(30)}, 1}, Visits{1, {at(10), at(40)}, 2},
                                          Visits{1, {at(20), at(50)}, 1}, Visits{1, {at(30), at(60)}, 1}));
}

TEST(EarlyWindow, GoesOutSoonerWhenItHoldsMemoryThatIsNeeded) {
  EarlyWindows windows(tumbling(10ms));
  for (std::uint64_t user = 0; user < 100; ++user) windows.push(user, 3);
  windows.evict(50);
  EXPECT_THAT(windows.take(), IsEmpty());
  EXPECT_EQ(windows.next_due(), Time::min());
  windows.pass(1ms);
  EXPECT_EQ(windows.take().size(), 100u);
  windows.evict(50);
  EXPECT_EQ(windows.next_due(), Time::max());
  windows.push(1, 4);
  windows.pass(1s);
  EXPECT_THAT(windows.take(), ElementsAre(Visits{1, {at(0), at(10)}, 2}));
  windows.watermark(10);
  EXPECT_EQ(windows.take().size(), 100u);
}

struct Case {
  const char* name;
  WindowSpec spec;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

/// What windows of a user's visits there are, in order of time, by plain means.
std::vector<Visits> windows_of(const WindowSpec& spec, std::uint64_t user, const std::vector<std::int64_t>& times) {
  std::map<std::int64_t, Visits> windows;
  const std::int64_t size = spec.size.count(), slide = spec.slide.count();
  std::int64_t start = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const std::int64_t time = times[i];
    const auto add = [&](std::int64_t from, std::int64_t to) {
      auto& window = windows[from];
      window = {user, {at(from), at(to)}, window.visits + 1};
    };
    if (spec.kind == WindowKind::session) {
      if (i == 0 || time > times[i - 1] + size) start = time;
      add(start, time + size);
    } else if (spec.kind == WindowKind::counting) {
      if (i % spec.count == 0) start = time;
      add(start, time + 1);
    } else {
      for (std::int64_t from = time / slide * slide; from > time - size; from -= slide) add(from, from + size);
    }
  }
  std::vector<Visits> all;
  for (const auto& [from, window] : windows) all.push_back(window);
  return all;
}

class AnyEarlyWindow : public testing::TestWithParam<Case> {};

/// Each second what changed; what is over when it is. State is spilled, saved and restored between them.
TEST_P(AnyEarlyWindow, SaysWhatAPlainCountSays) {
  const auto& spec = GetParam().spec;
  FRESHET_SEEDED(first_seed);
  std::size_t surplus = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    EarlyWindows windows(spec);
    std::map<std::uint64_t, std::vector<std::int64_t>> visits;
    std::set<std::uint64_t> changed;
    std::set<std::pair<std::uint64_t, Time>> over;
    std::int64_t now = 100, watermark = 0;
    const auto is_over = [&](const Visits& window) {
      if (spec.kind == WindowKind::counting) return window.visits == spec.count;
      return window.window.end < at(watermark) + (spec.kind == WindowKind::session ? 0ms : 1ms);
    };
    const auto expect_over = [&] {
      std::vector<Visits> expected;
      for (const auto& [user, times] : visits)
        for (const auto& window : windows_of(spec, user, times))
          if (is_over(window) && over.emplace(user, window.window.start).second) expected.push_back(window);
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(windows.take(), expected) << "over at " << watermark;
    };
    for (int step = 0; step < 300; ++step) {
      now += random.between(1, random.chance(0.1) ? 30 : 4);
      const std::uint64_t user = random.below(5);
      visits[user].push_back(now);
      changed.insert(user);
      windows.push(user, now);
      ASSERT_NO_FATAL_FAILURE(expect_over());
      if (random.chance(0.3)) windows.watermark(watermark = now - 10);
      ASSERT_NO_FATAL_FAILURE(expect_over());
      if (random.chance(0.05)) windows.save_and_restore();
      ASSERT_THAT(windows.take(), IsEmpty());
      if (!random.chance(0.2)) continue;
      if (windows.next_due() == Time::max()) {  // the next change after a pause goes out at once
        ASSERT_EQ(spec.kind, WindowKind::counting) << "only those may be full";
        changed.clear();
        continue;
      }
      windows.pass(1s);
      // Of others at most what is true, too: a key that comes back from the spill store may get the slot of one that
      // changed and went.
      const auto told = windows.take();
      std::vector<Visits> expected, may_be;
      for (const auto& [each, times] : visits)
        for (const auto& window : windows_of(spec, each, times)) {
          if (is_over(window)) continue;
          may_be.push_back(window);
          if (changed.contains(each)) expected.push_back(window);
        }
      changed.clear();
      ASSERT_TRUE(std::includes(told.begin(), told.end(), expected.begin(), expected.end()));
      ASSERT_TRUE(std::includes(may_be.begin(), may_be.end(), told.begin(), told.end()));
      surplus += told.size() - expected.size();
      if (random.chance(0.5)) windows.evict(random.below(4));
    }
  }
  EXPECT_LT(surplus, 100u);
}

INSTANTIATE_TEST_SUITE_P(Each, AnyEarlyWindow,
                         testing::Values(Case{"tumbling", tumbling(20ms)}, Case{"sliding", sliding(40ms, 10ms)},
                                         Case{"session", session(9ms)}, Case{"counting", counting(5)}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace freshet::test::early_windows
