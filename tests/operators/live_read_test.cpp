#include <gtest/gtest.h>

#include <freshet/keyed.h>
#include <freshet/recent.h>

#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

/// Tables that are looked into while their tasks run.
namespace freshet::test {
namespace {

/// What a read of one key gives, as "MAP KEY|VALUE" in hexadecimal-free text: the bytes as they are.
class Reading final : public StateWriter {
 public:
  Reading(const StateTable& table, std::uint64_t key) {
    ByteBuffer bytes;
    encode_key(bytes, key);
    is_there = table.read(key_hash(key), bytes.view(), *this);
    std::sort(rows.begin(), rows.end());
  }
  void put(const StateEntry& entry) override {
    EXPECT_FALSE(entry.erased);
    rows.push_back(std::string(entry.map_key) + "|" + std::string(entry.value));
    written_ms = entry.written_ms;
  }
  bool is_there = false;
  std::vector<std::string> rows;
  std::int64_t written_ms = 0;
};

template <class V>
std::string row(const V& value, const std::string& map_key = {}) {
  ByteBuffer bytes;
  if (!map_key.empty()) encode_key(bytes, map_key);
  std::string text = std::string(bytes.view()) + "|";
  ByteBuffer packed;
  encode(packed, value);
  return text + std::string(packed.view());
}

void expect_keys(States& op, std::uint64_t keys) {
  const StateTable& values = *op.states[0].second;
  const StateTable& lists = *op.states[1].second;
  const StateTable& maps = *op.states[2].second;
  for (std::uint64_t key = 0; key < keys; ++key) {
    EXPECT_EQ(Reading(values, key).rows, std::vector{row("value " + std::to_string(key))}) << key;
    EXPECT_EQ(Reading(lists, key).rows, std::vector{row(std::vector<std::int64_t>{1, static_cast<std::int64_t>(key)})});
    auto expected = std::vector{row(std::int64_t{1}, "a"), row(static_cast<std::int64_t>(key), "b")};
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(Reading(maps, key).rows, expected);
  }
  for (const StateTable* table : {&values, &lists, &maps}) EXPECT_FALSE(Reading(*table, keys).is_there);
}

void fill(States& op, std::uint64_t keys) {
  for (std::uint64_t key = 0; key < keys; ++key) {
    op.enter(key);
    op.value.set("value " + std::to_string(key));
    op.list.push_back(1);
    op.list.push_back(static_cast<std::int64_t>(key));
    op.map["a"] = 1;
    op.map["b"] = static_cast<std::int64_t>(key);
  }
  op.commit();
}

/// Those that were touched lately stay for a few rounds.
void spill_all(StateTable& table) {
  for (int round = 0; round < 100 && table.resident_keys() != 0; ++round) (void)table.evict(10);
}

TEST(LiveRead, SeesWhatWasWritten) {
  States op;
  fill(op, 50);
  expect_keys(op, 50);
  op.enter(7);
  op.value.set("another");
  op.map.clear();
  op.commit();
  EXPECT_EQ(Reading(*op.states[0].second, 7).rows, std::vector{row(std::string("another"))});
  EXPECT_FALSE(Reading(*op.states[2].second, 7).is_there) << "a map without entries is none";
}

TEST(LiveRead, SeesWhatWasSpilledAndLeavesItThere) {
  States op;
  MemorySpill spill;
  for (std::uint32_t state = 0; auto& [name, table] : op.states) table->spill_to(spill, state++);
  fill(op, 50);
  for (auto& [name, table] : op.states) spill_all(*table);
  const std::uint64_t takes = spill.takes;
  for (auto& [name, table] : op.states) ASSERT_EQ(table->resident_keys(), 0u) << name;
  expect_keys(op, 50);
  EXPECT_EQ(spill.takes, takes);
  for (auto& [name, table] : op.states) EXPECT_EQ(table->resident_keys(), 0u) << name;
}

TEST(LiveRead, WhatCameBackFromDiskIsSeenOnce) {
  States op;
  MemorySpill spill;
  op.states[0].second->spill_to(spill, 1);
  fill(op, 20);
  spill_all(*op.states[0].second);
  op.enter(3);
  op.value.set("after");
  op.commit();
  EXPECT_EQ(Reading(*op.states[0].second, 3).rows, std::vector{row(std::string("after"))});
  EXPECT_EQ(Reading(*op.states[0].second, 4).rows, std::vector{row(std::string("value 4"))});
}

TEST(LiveRead, SaysWhenAnEntryWasWritten) {
  States op(Duration(100));
  op.at(1'000);
  op.enter(1);
  op.value.set("x");
  op.commit();
  op.at(5'000);
  const Reading reading(*op.states[0].second, 1);
  EXPECT_TRUE(reading.is_there) << "who reads decides by the time of the write";
  EXPECT_EQ(reading.written_ms, 1'000);
}

TEST(LiveRead, BytesThatAreNoKeyOfTheTableFindNothing) {
  States op;
  fill(op, 5);
  struct Nowhere final : StateWriter {
    void put(const StateEntry&) override { FAIL(); }
  } nowhere;
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(7, '\0'), std::string(9, '\0')})
    for (const auto& [name, table] : op.states) EXPECT_FALSE(table->read(0, bytes, nowhere));
}

TEST(LiveRead, DoesNotDisturbASaveInWork) {
  States op;
  fill(op, 30);
  SavedTableChain saved;
  StateTable& values = *op.states[0].second;
  saved.begin(values, true);
  (void)values.save_some(3);
  op.enter(9);
  op.value.set("behind the barrier");
  op.commit();
  EXPECT_EQ(Reading(values, 9).rows, std::vector{row(std::string("behind the barrier"))});
  while (!values.save_some(3)) continue;
  States restored;
  saved.restore_to(*restored.states[0].second);
  EXPECT_EQ(Reading(*restored.states[0].second, 9).rows, std::vector{row(std::string("value 9"))});
}

}  // namespace
}  // namespace freshet::test
