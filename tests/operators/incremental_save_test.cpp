#include <gmock/gmock.h>

#include <freshet/keyed.h>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"

/// Tables that are saved step by step while they change: what is restored is what they held when the save began.
namespace freshet::test {
namespace {

void change_something(States& op, base::Random& random, std::int64_t& now) {
  op.at(now += random.between(0, 4));
  op.enter(static_cast<std::uint64_t>(random.between(0, 30)));
  for (std::int64_t steps = random.between(1, 4); steps != 0; --steps) {
    const std::string map_key = "m" + std::to_string(random.between(0, 90));
    switch (random.between(0, 9)) {
      case 0:
        op.value.get() += "x";
        break;
      case 1:
        op.value.set(std::to_string(now));
        break;
      case 2:
        op.value.clear();
        break;
      case 3:
        op.list.push_back(now);
        break;
      case 4:
        op.list.clear();
        break;
      case 5:
        op.map.erase(map_key);
        break;
      case 6:
        if (random.chance(0.1)) op.map.clear();
        break;
      default:
        op.map[map_key] = now;
    }
  }
  if (random.chance(0.2))
    op.roll_back();
  else
    op.commit();
  if (random.chance(0.1))
    for (auto& [name, table] : op.states) table->sweep(static_cast<std::size_t>(random.between(1, 200)), now);
}

/// Tables that give entries to a spill store all the time; now and then it has no room.
void spill_something(States& op, base::Random& random, MemorySpill& spill) {
  spill.is_full = random.chance(0.3);
  for (auto& [name, table] : op.states)
    if (random.chance(0.3)) (void)table->evict(static_cast<std::size_t>(random.between(1, 20)));
}

void save_while_changing(Duration ttl, std::uint64_t seed, bool spills) {
  base::Random random(seed);
  MemorySpill spill;
  States op(ttl);
  if (spills)
    for (std::uint32_t i = 0; i < op.states.size(); ++i) op.states[i].second->spill_to(spill, i);
  std::vector<SavedTableChain> chains(op.states.size());
  std::int64_t now = 0;
  std::size_t saves = 0;
  for (; saves < 25; ++saves) {
    for (std::int64_t i = random.between(0, 60); i != 0; --i) change_something(op, random, now);
    const auto expected = all_rows(op);
    const bool everything = saves == 0 || random.chance(0.1);
    for (std::size_t i = 0; i < chains.size(); ++i) chains[i].begin(*op.states[i].second, everything);
    for (auto& [name, table] : op.states) {
      while (!table->save_some(static_cast<std::size_t>(random.between(1, 5)))) {
        change_something(op, random, now);
        if (spills) spill_something(op, random, spill);
      }
    }
    if (spills) spill_something(op, random, spill);
    MemorySpill spill_of_other;
    States other(ttl);
    for (std::uint32_t i = 0; i < chains.size(); ++i) {
      if (spills) other.states[i].second->spill_to(spill_of_other, i);
      for (const auto& log : chains[i].logs) {
        restore(log->records, *other.states[i].second);
        if (spills) (void)other.states[i].second->evict(10);
      }
    }
    ASSERT_EQ(all_rows(other), expected) << "save " << saves;
  }
  EXPECT_EQ(spill.takes > 100, spills);
}

TEST(IncrementalSave, WhatIsRestoredIsWhatWasThereWhenTheSaveBegan) {
  FRESHET_SEEDED(seed);
  for (std::uint64_t i = 0; i < 20; ++i) save_while_changing(Duration::max(), seed + i, false);
}

TEST(IncrementalSave, TheSameHoldsWhileEntriesExpire) {
  FRESHET_SEEDED(seed);
  for (std::uint64_t i = 0; i < 20; ++i) save_while_changing(Duration(100), seed + i, false);
}

TEST(IncrementalSave, TheSameHoldsWhileEntriesAreSpilledAndComeBack) {
  FRESHET_SEEDED(seed);
  for (std::uint64_t i = 0; i < 20; ++i)
    save_while_changing(i % 2 == 0 ? Duration::max() : Duration(100), seed + i, true);
}

TEST(IncrementalSave, HoldsOnlyWhatChanged) {
  States op;
  SavedTableChain chain;
  StateTable& map = *op.states[2].second;
  op.enter(1);
  for (int i = 0; i < 1000; ++i) op.map[std::to_string(i)] = i;
  op.commit();
  chain.begin(map, false);
  ASSERT_TRUE(map.save_some(SIZE_MAX));
  EXPECT_EQ(chain.logs[0]->records.size(), 1000u);  // the first holds everything, asked for or not
  op.enter(1);
  op.map["7"] = 0;
  op.map.erase("8");
  op.commit();
  chain.begin(map, false);
  ASSERT_TRUE(map.save_some(SIZE_MAX));
  EXPECT_EQ(chain.logs[1]->records.size(), 2u);
  chain.begin(map, false);
  ASSERT_TRUE(map.save_some(SIZE_MAX));
  EXPECT_EQ(chain.logs[2]->records.size(), 0u);
}

TEST(IncrementalSave, WhenItCannotRememberAllThatWasErasedTheNextHoldsEverything) {
  States op;
  SavedTableChain chain;
  StateTable& values = *op.states[0].second;
  chain.begin(values, true);
  ASSERT_TRUE(values.save_some(SIZE_MAX));
  EXPECT_FALSE(values.wants_everything());
  op.enter(1);
  op.value.set("stays");
  std::size_t erased = 0;
  for (; !values.wants_everything(); ++erased) {
    ASSERT_LT(erased, detail::IncrementalSave::kMostNotedBytes);
    op.enter(1000 + erased);
    op.value.set("goes");
    op.value.clear();
  }
  EXPECT_LT(values.bytes(), detail::IncrementalSave::kMostNotedBytes) << "what it remembered is given up";
  op.commit();
  chain.begin(values, false);
  ASSERT_TRUE(values.save_some(SIZE_MAX));
  EXPECT_EQ(chain.logs.back()->records.size(), 1u);
  EXPECT_FALSE(values.wants_everything());
}

TEST(IncrementalSave, AChangeDoesNotOvertakeWhatLeftMemoryEarlier) {
  MemorySpill spill;  // outlives the table
  States op;
  SavedTableChain chain;
  StateTable& values = *op.states[0].second;
  values.spill_to(spill, 0);
  const auto set = [&](std::uint64_t key, const std::string& value) {
    op.enter(key);
    op.value.set(value);
    op.commit();
  };
  chain.begin(values, true);
  ASSERT_TRUE(values.save_some(SIZE_MAX));
  for (std::uint64_t key = 0; key < 100; ++key) set(key, "old" + std::string(5000, ' '));
  while (values.resident_keys() != 0) (void)values.evict(100);
  for (std::uint64_t key = 0; key < 100; ++key) set(key, "at the barrier");
  chain.begin(values, false);
  EXPECT_FALSE(values.save_some(10)) << "what left memory is still to be saved";
  for (std::uint64_t key = 0; key < 100; ++key) set(key, "later");
  ASSERT_TRUE(values.save_some(SIZE_MAX));
  EXPECT_EQ(chain.logs[1]->records.size(), 200u);
  std::map<std::string, std::string> newest;
  for (const std::string& record : chain.logs[1]->records) {
    StateEntry entry;
    ASSERT_TRUE(read_state_entry(record, entry));
    newest[std::string(entry.key)] = entry.value;
  }
  EXPECT_EQ(newest.size(), 100u);
  for (const auto& [key, value] : newest) EXPECT_NE(value.find("at the barrier"), std::string::npos);
}

TEST(IncrementalSave, ATaskGoesOnBetweenTheSteps) {
  States op;
  SavedTableChain chain;
  StateTable& values = *op.states[0].second;
  for (std::uint64_t key = 0; key < 10; ++key) {
    op.enter(key);
    op.value.set("before");
  }
  op.commit();
  chain.begin(values, true);
  EXPECT_FALSE(values.save_some(3));
  EXPECT_EQ(chain.logs[0]->records.size(), 3u);
  EXPECT_FALSE(values.save_some(3));
  EXPECT_TRUE(values.save_some(4));
  EXPECT_TRUE(values.save_some(1));
}

TEST(IncrementalSave, IdsThatWereSeenAreSavedLikeEverythingElse) {
  FRESHET_SEEDED(seed);
  using Seen = detail::SeenTable<std::uint64_t, std::uint64_t>;
  base::Random random(seed);
  const StateOptions options{.ttl = Duration(50)};
  MemorySpill spill;
  Seen seen(options);
  seen.spill_to(spill, 0);
  SavedTableChain chain;
  std::int64_t now = 0;
  const auto change = [&] {
    now += random.between(0, 3);
    const std::pair<std::uint64_t, std::uint64_t> key{random.between(0, 9), random.between(0, 9)};
    (void)seen.is_new(key, Seen::hash_of(key_hash(key.first), key.second), now, now - 50);
    if (random.chance(0.3)) seen.sweep(4, now);
    spill.is_full = random.chance(0.3);
    if (random.chance(0.3)) (void)seen.evict(3);
  };
  for (std::size_t saves = 0; saves < 100; ++saves) {
    for (std::int64_t i = random.between(0, 20); i != 0; --i) change();
    const auto expected = Listing(seen).rows;
    chain.begin(seen, random.chance(0.05));
    while (!seen.save_some(2)) change();
    Seen other(options);
    chain.restore_to(other);
    ASSERT_EQ(Listing(other).rows, expected) << "save " << saves;
  }
}

}  // namespace
}  // namespace freshet::test
