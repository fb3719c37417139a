#include "tests/operators/state_support.h"

#include <freshet/operator_harness.h>
#include <gmock/gmock.h>

#include "tests/support/golden.h"

namespace freshet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(State, EachKeyHasItsOwn) {
  States op;
  op.enter(1);
  op.value.set("one");
  op.list.push_back(1);
  op.map["a"] = 1;
  op.enter(2);
  EXPECT_EQ(op.value.find(), nullptr);
  EXPECT_THAT(op.list.get(), IsEmpty());
  EXPECT_EQ(op.map.find("a"), nullptr);
  EXPECT_EQ(op.map.size(), 0u);
  op.value.get() += "two";
  op.enter(1);
  EXPECT_EQ(*op.value.find(), "one");
  EXPECT_THAT(op.list.get(), ElementsAre(1));
  EXPECT_EQ(*op.map.find("a"), 1);
}

TEST(State, AMapIsWalkedAndErased) {
  States op;
  op.enter(1);
  for (std::int64_t i = 0; i < 100; ++i) op.map[std::to_string(i)] = i;
  for (std::int64_t i = 0; i < 100; i += 2) EXPECT_TRUE(op.map.erase(std::to_string(i)));
  EXPECT_FALSE(op.map.erase("0"));
  std::int64_t sum = 0;
  for (const auto& [key, value] : op.map) sum += value;
  EXPECT_EQ(sum, 2500);
  EXPECT_EQ(op.map.size(), 50u);
  EXPECT_EQ(op.states[2].second->entries(), 50u);
  op.map.clear();
  EXPECT_EQ(op.map.size(), 0u);
  EXPECT_EQ(op.states[2].second->entries(), 0u);
  for ([[maybe_unused]] const auto& entry : op.map) ADD_FAILURE();
}

TEST(State, OutlivesItsTimeAsAbsent) {
  States op(10s);
  op.at(0);
  op.enter(1);
  op.value.set("old");
  op.list.push_back(1);
  op.map["a"] = 1;
  op.map["b"] = 2;
  op.at(9'999);
  op.enter(1);
  EXPECT_NE(op.value.find(), nullptr);
  op.at(10'000);
  op.enter(1);
  EXPECT_EQ(op.value.find(), nullptr);
  EXPECT_THAT(op.list.get(), IsEmpty());
  EXPECT_EQ(op.map.find("a"), nullptr);
  for (const auto& [name, table] : op.states) EXPECT_EQ(table->entries(), 0u) << name;
  op.map["a"] += 5;
  EXPECT_EQ(*op.map.find("a"), 5);
  EXPECT_EQ(op.value.get(), "");
}

TEST(State, AWriteBeginsItsTimeAnewAndAReadDoesNot) {
  States op(10s);
  op.at(0);
  op.enter(1);
  op.value.set("v");
  op.list.push_back(1);
  op.at(6'000);
  op.enter(1);
  EXPECT_NE(op.value.find(), nullptr);
  op.list.push_back(2);
  op.at(12'000);
  op.enter(1);
  EXPECT_EQ(op.value.find(), nullptr);
  EXPECT_THAT(op.list.get(), ElementsAre(1, 2));
}

TEST(State, IsWrittenAndRestoredWhole) {
  States op(1h);
  for (std::uint64_t key = 0; key < 3000; ++key) {
    op.at(static_cast<std::int64_t>(key));
    op.enter(key);
    op.value.set(std::string(key % 50, 'x'));
    op.list.push_back(static_cast<std::int64_t>(key));
    op.list.push_back(-1);
    if (key % 3 == 0) op.map[std::string("m\0", 2) + std::to_string(key)] = 7;
  }
  op.commit();
  States other(1h);
  for (std::size_t i = 0; i < op.states.size(); ++i) {
    detail::SavedTable saved;
    op.states[i].second->write(saved);
    ASSERT_TRUE(saved.restore_to(*other.states[i].second));
  }
  EXPECT_EQ(all_rows(other), all_rows(op));
  other.at(5000);
  other.enter(2999);
  EXPECT_THAT(other.list.get(), ElementsAre(2999, -1));
}

TEST(State, BytesThatAreNoEntryAreRefused) {
  States op;
  ByteBuffer key, value;
  encode_key(key, std::uint64_t{1});
  encode(value, std::string("v"));
  auto& table = *op.states[0].second;
  EXPECT_FALSE(table.restore({1, "short", {}, value.view(), 0}));
  EXPECT_FALSE(table.restore({1, key.view(), {}, "\xff", 0}));
  EXPECT_FALSE(op.states[2].second->restore({1, key.view(), "no end", "\x01", 0}));
  EXPECT_TRUE(table.restore({1, key.view(), {}, value.view(), 0}));
}

TEST(State, AnEntryIsARecordOfASnapshotAndBack) {
  const StateEntry entry{0x1122334455667788, "key", "map key", "value", -7};
  ByteBuffer record;
  append_state_entry(record, entry);
  EXPECT_EQ(golden("operators/state_entry.txt", to_hex(record.view()) + "\n"), to_hex(record.view()) + "\n");
  StateEntry back;
  ASSERT_TRUE(read_state_entry(record.view(), back));
  EXPECT_EQ(std::tie(back.key_hash, back.key, back.map_key, back.value, back.written_ms),
            std::tie(entry.key_hash, entry.key, entry.map_key, entry.value, entry.written_ms));
  const std::size_t least = record.size() - entry.value.size();
  for (std::size_t length = 0; length < least; ++length)
    EXPECT_FALSE(read_state_entry(record.view().substr(0, length), back)) << length << " bytes";
}

TEST(State, DeclaresItself) {
  States op(10s);
  const auto map = op.states[2].second->declaration();
  EXPECT_EQ(map.name, "map");
  EXPECT_EQ(map.kind, "map");
  EXPECT_EQ(to_text(map.key), "u64");
  EXPECT_EQ(to_text(map.map_key), "string");
  EXPECT_EQ(to_text(map.value), "i64");
  EXPECT_EQ(map.ttl, 10s);
  EXPECT_EQ(to_text(op.states[1].second->declaration().value), "[i64]");
}

TEST(State, AddressesAreFrozen) {
  ByteBuffer key, map_key, address;
  encode_key(key, std::string("customer-17"));
  encode_key(map_key, std::uint64_t{5});
  append_state_address(address, 300, state_id("totals", "state"), key.view(), {});
  std::string text = "totals.state customer-17 " + to_hex(address.view()) + "\n";
  address.clear();
  append_state_address(address, 32767, state_id("dedupe", "seen"), key.view(), map_key.view());
  text += "dedupe.seen customer-17 5 " + to_hex(address.view()) + "\n";
  EXPECT_EQ(golden("operators/state_address.txt", text), text);
}

TEST(State, AddressesOfOneGroupSortByStateThenKey) {
  const auto address = [](std::uint32_t group, std::uint32_t id, const std::string& key) {
    ByteBuffer bytes, out;
    encode_key(bytes, key);
    append_state_address(out, group, id, bytes.view(), {});
    return std::string(out.view());
  };
  EXPECT_LT(address(1, 9, "z"), address(2, 1, "a"));
  EXPECT_LT(address(255, 9, "z"), address(256, 1, "a"));
  EXPECT_LT(address(1, 1, "z"), address(1, 2, "a"));
  EXPECT_LT(address(1, 1, "a"), address(1, 1, "aa"));
}

}  // namespace
}  // namespace freshet::test
