#include <freshet/recent.h>
#include <gmock/gmock.h>

#include <deque>
#include <map>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"
#include "tests/support/stage_harness.h"

/// The newest records of each key, held against a plain list of all of them.
namespace freshet::test::recent {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Visit {
  std::string user{};
  std::uint64_t number = 0;
  FRESHET_RECORD(user, number)
};

StageHarness<std::string, Visit, Visit> recent(std::size_t count, Emission emission) {
  return StageHarness<std::string, Visit, Visit>([=]() -> std::unique_ptr<Stage> {
    return std::make_unique<detail::RecentStage<std::string, Visit>>(count, emission, StateOptions{});
  });
}

template <class Harness>
Harness& fill(Harness& harness, std::uint64_t seed, int count) {
  base::Random random(seed);
  for (int i = 0; i < count; ++i) {
    const auto user = "u" + std::to_string(random.below(40));
    harness.add({user, random.below(200)}, user, {.event_time_ms = static_cast<std::int64_t>(random.below(1000))});
  }
  return harness;
}

TEST(RecentStage, KeepsTheNewestByEventTimeThenArrival) {
  auto harness = recent(2, at_end());
  harness.add({"a", 1}, "a", {.event_time_ms = 50})
      .add({"a", 2}, "a", {.event_time_ms = 90})
      .add({"a", 3}, "a", {.event_time_ms = 10})
      .add({"a", 4}, "a", {.event_time_ms = 50});
  EXPECT_THAT(harness.same_in_every_way(),
              ElementsAre(R"(out {"user":"a","number":2} @90)", R"(out {"user":"a","number":4} @50)"));
}

TEST(RecentStage, AllWaysGiveTheSame) {
  FRESHET_SEEDED(seed);
  for (const std::size_t count : {1, 5, 100}) {
    auto harness = recent(count, at_end());
    fill(harness, seed, 2000).same_in_every_way();
    auto each = recent(count, each_change());
    fill(each, seed, 700).same_in_every_way();
  }
}

using Cells = detail::RecentCells<std::uint64_t, std::string>;

/// The table of one operator, used from outside.
struct Table {
  explicit Table(StateOptions options) : cells(options, &scope) {}
  void enter(std::uint64_t key) {
    current = key;
    scope.key = &current;
    scope.hash = key_hash(key);
    ++scope.call;
  }
  /// Its records, newest first, by key; all of them come back from the spill store.
  std::map<std::uint64_t, std::vector<std::string>> all(std::uint64_t keys) {
    std::map<std::uint64_t, std::vector<std::string>> found;
    for (std::uint64_t key = 0; key < keys; ++key) {
      const auto slot = cells.look_up(key, key_hash(key));
      if (slot == Cells::Cells::kNone || !cells.is_live(slot)) continue;
      auto& recent = cells.cells().at(slot).value;
      recent.order();
      for (std::size_t age = recent.size(); age-- != 0;) found[key].push_back(recent.by_age(age).record);
    }
    return found;
  }
  detail::KeyScope<std::uint64_t> scope;
  std::uint64_t current = 0;
  Cells cells;
};

/// The same by looking through everything that ever came.
class PlainRecent {
 public:
  PlainRecent(std::size_t most, std::int64_t ttl_ms) : most_(most), ttl_ms_(ttl_ms) {}
  void insert(std::uint64_t key, std::string text, const RecordMeta& meta, std::int64_t now_ms) {
    auto& list = lists_[key];
    if (is_over(list, now_ms)) list.events.clear();
    list.written_ms = now_ms;
    list.events.push_back({meta.event_time_ms, meta.position, std::move(text)});
  }
  std::map<std::uint64_t, std::vector<std::string>> all(std::int64_t now_ms) const {
    std::map<std::uint64_t, std::vector<std::string>> found;
    for (const auto& [key, list] : lists_) {
      if (list.events.empty() || is_over(list, now_ms)) continue;
      auto events = list.events;
      std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
        return std::tie(a.time_ms, a.position) < std::tie(b.time_ms, b.position);
      });
      for (std::size_t i = 0; i < std::min(most_, events.size()); ++i)
        found[key].push_back(events[events.size() - 1 - i].text);
    }
    return found;
  }

 private:
  struct Event {
    std::int64_t time_ms;
    SourcePosition position;
    std::string text;
  };
  struct List {
    std::int64_t written_ms = 0;
    std::vector<Event> events;
  };
  bool is_over(const List& list, std::int64_t now_ms) const { return list.written_ms + ttl_ms_ <= now_ms; }
  std::size_t most_;
  std::int64_t ttl_ms_;
  std::map<std::uint64_t, List> lists_;
};

/// Records come, expire, are spilled and saved step by step; what is restored is what was there at the barrier.
void keep_while_saving(std::size_t most, std::int64_t ttl_ms, std::uint64_t seed) {
  constexpr std::uint64_t kKeys = 12;
  base::Random random(seed);
  const StateOptions options{.ttl = ttl_ms == 0 ? Duration::max() : Duration(ttl_ms)};
  MemorySpill spill;
  Table table(options);
  table.cells.spill_to(spill, 0);
  PlainRecent plain(most, ttl_ms == 0 ? std::int64_t{1} << 60 : ttl_ms);
  SavedTableChain chain;
  std::uint64_t number = 0;
  const auto change = [&] {
    table.scope.now_ms += random.between(0, 5);
    const auto key = static_cast<std::uint64_t>(random.below(kKeys));
    // Few times and no positions, now and then: then arrival decides.
    RecordMeta meta{.event_time_ms = static_cast<std::int64_t>(random.below(30) + number / 10)};
    if (random.chance(0.5)) meta.position = {1, random.below(4)};
    const std::string text = "r" + std::to_string(++number);
    table.enter(key);
    (void)table.cells.insert(text, meta, most);
    plain.insert(key, text, meta, table.scope.now_ms);
    if (random.chance(0.2)) table.cells.sweep(static_cast<std::size_t>(random.between(1, 20)), table.scope.now_ms);
    spill.is_full = random.chance(0.3);
    if (random.chance(0.3)) (void)table.cells.evict(static_cast<std::size_t>(random.between(1, 4)));
  };
  for (std::size_t saves = 0; saves < 60; ++saves) {
    for (std::int64_t i = random.between(0, 40); i != 0; --i) change();
    const std::int64_t barrier_ms = table.scope.now_ms;
    const auto expected = plain.all(barrier_ms);
    chain.begin(table.cells, random.chance(0.05));
    while (!table.cells.save_some(static_cast<std::size_t>(random.between(1, 5)))) change();
    Table other(options);
    other.scope.now_ms = barrier_ms;
    MemorySpill spill_of_other;
    other.cells.spill_to(spill_of_other, 0);
    for (const auto& log : chain.logs) {
      restore(log->records, other.cells);
      (void)other.cells.evict(3);
    }
    std::size_t records = 0;
    for (const auto& [key, texts] : expected) records += texts.size();
    if (ttl_ms == 0) {
      ASSERT_EQ(other.cells.entries(), records) << "save " << saves;
    }
    ASSERT_EQ(other.all(kKeys), expected) << "save " << saves;
    if (random.chance(0.2)) {
      ASSERT_EQ(table.all(kKeys), plain.all(table.scope.now_ms)) << "save " << saves;
    }
  }
  EXPECT_GT(spill.takes, 20u);
}

TEST(RecentCells, WhatIsRestoredIsWhatWasThereWhenTheSaveBegan) {
  FRESHET_SEEDED(seed);
  for (std::uint64_t i = 0; i < 10; ++i)
    for (const std::size_t most : {1, 3, 20})
      for (const std::int64_t ttl_ms : {0, 100}) {
        keep_while_saving(most, ttl_ms, seed + i);
        if (testing::Test::HasFatalFailure()) return;
      }
}

TEST(RecentCells, ASaveHoldsOnlyTheRecordsThatCame) {
  Table table({});
  SavedTableChain chain;
  const auto insert = [&](const char* text, std::int64_t time_ms) {
    table.enter(1);
    (void)table.cells.insert(text, {.event_time_ms = time_ms}, 50);
  };
  for (std::int64_t i = 0; i < 80; ++i) insert("first", i);
  chain.save(table.cells, false);
  EXPECT_THAT(chain.logs[0]->records, SizeIs(50));
  insert("new", 100);
  insert("newer", 101);
  insert("too old", 3);
  chain.save(table.cells, false);
  EXPECT_THAT(chain.logs[1]->records, SizeIs(2));
  chain.save(table.cells, false);
  EXPECT_THAT(chain.logs[2]->records, SizeIs(0));
}

TEST(RecentOfKey, APlaceThatWasGivenUpIsUsedAgain) {
  // A key that expired and came back leaves tombstones of its places among the entries of those that it has now.
  detail::RecentOfKey<std::uint64_t> recent;
  for (std::uint64_t i = 0; i < 4; ++i) (void)recent.insert(i, {.event_time_ms = static_cast<std::int64_t>(i)}, 4);
  recent.free(1);
  recent.free(1);
  recent.free(9);
  EXPECT_EQ(recent.size(), 3u);
  EXPECT_EQ(recent.insert(7, {.event_time_ms = 2}, 4), 1u);
  EXPECT_EQ(recent.places(), 4u);
  std::vector<std::uint64_t> oldest_first;
  for (std::size_t age = 0; age < recent.size(); ++age) oldest_first.push_back(recent.by_age(age).record);
  EXPECT_THAT(oldest_first, ElementsAre(0, 2, 7, 3));
}

TEST(RecentOfKey, RefusesWhatNeverWasSaved) {
  detail::RecentOfKey<std::string> recent;
  ByteBuffer kept;
  encode(kept, detail::Kept<std::string>{.time_ms = 5, .record = "x"});
  EXPECT_FALSE(recent.put_back(1u << 30, kept.view()));
  EXPECT_FALSE(recent.put_back(0, "x"));
  EXPECT_TRUE(recent.put_back(3, kept.view()));
}

TEST(RecentStage, OfOneThatKeptMoreOnlyTheNewestGoOut) {
  detail::RecentStage<std::string, Visit> before(5, at_end(), StateOptions{});
  detail::RecentStage<std::string, Visit> after(2, at_end(), StateOptions{});
  detail::HarnessHost host;
  before.open(host);
  detail::KeyedBatch<std::string, Visit> batch;
  for (std::uint64_t i = 0; i < 5; ++i) {
    batch.records.add() = {"a", i};
    batch.keys.add() = "a";
    batch.metas.push_back({.event_time_ms = static_cast<std::int64_t>(i), .key_hash = key_hash(std::string("a"))});
  }
  ASSERT_EQ(before.process(0, {batch, nullptr, 5}, 0), 5u);
  SavedTableChain chain;
  chain.save(*before.states()[0].second, true);
  chain.restore_to(*after.states()[0].second);
  after.open(host);
  ASSERT_TRUE(after.finish());
  const auto& out = static_cast<detail::KeyedBatch<std::string, Visit>&>(after.outputs()[0].batch());
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out.records[0].number, 4u);
  EXPECT_EQ(out.records[1].number, 3u);
}

}  // namespace
}  // namespace freshet::test::recent
