#include <freshet/key.h>
#include <freshet/table.h>
#include <gtest/gtest.h>

#include <unordered_map>

#include "runtime/base/random.h"
#include "tests/support/seed.h"

namespace freshet::detail {
namespace {

using Numbers = Table<std::uint64_t, std::uint64_t>;
using HashedNumbers = Table<std::uint64_t, std::uint64_t, true>;  // keeps hashes, so that a test may make them up

/// The hash of a key, made worse by `bits`: only so many low bits differ, so probes are long and wrap around.
std::uint64_t poor_hash(std::uint64_t key, int bits) {
  const std::uint64_t good = key_hash(key);
  return bits == 64 ? good : (good & ((1ULL << bits) - 1)) | (~0ULL << bits);
}

template <class Numbers>
void compare_with_model(std::uint64_t seed, int bits) {
  base::Random random(seed);
  Numbers table;
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  std::unordered_map<std::uint64_t, const std::uint64_t*> places;
  const std::uint64_t keys = bits == 64 ? 5000 : 300;
  for (int step = 0; step < 60'000; ++step) {
    const std::uint64_t key = random.below(keys);
    const auto hash = poor_hash(key, bits);
    const double add = step / 10'000 % 2 == 0 ? 0.6 : 0.3;  // grows and shrinks in turn
    if (random.chance(add)) {
      bool made = false;
      auto& value = table.at(table.find_or_add(key, hash, made)).value;
      ASSERT_EQ(made, !model.contains(key));
      if (made) {
        ASSERT_EQ(value, 0u) << "a reused slot begins empty";
        places[key] = &value;
      }
      value = model[key] = random.next();
    } else if (const auto slot = table.find(key, hash); slot != Numbers::kNone) {
      ASSERT_EQ(model.at(key), table.at(slot).value);
      ASSERT_EQ(&table.at(slot).value, places.at(key)) << "values stay where they are";
      table.erase(slot);
      model.erase(key);
    } else {
      ASSERT_FALSE(model.contains(key));
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::size_t walked = 0;
  for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
    if (!table.is_used(slot)) continue;
    ++walked;
    ASSERT_EQ(model.at(table.at(slot).key), table.at(slot).value);
  }
  EXPECT_EQ(walked, model.size());
}

TEST(Table, BehavesAsAMapDoes) {
  FRESHET_SEEDED(seed);
  compare_with_model<Numbers>(seed, 64);
  compare_with_model<HashedNumbers>(seed, 64);
}

TEST(Table, BehavesAsAMapDoesWhenHashesCollide) {
  FRESHET_SEEDED(seed);
  for (const int bits : {0, 1, 4, 9}) compare_with_model<HashedNumbers>(seed, bits);
}

TEST(Table, ReferencesOutliveGrowth) {
  Numbers table;
  bool made = false;
  auto& first = table.at(table.find_or_add(0, key_hash(std::uint64_t{0}), made)).value;
  first = 42;
  for (std::uint64_t key = 1; key < 100'000; ++key) table.find_or_add(key, key_hash(key), made);
  first = 43;
  EXPECT_EQ(table.at(table.find(0, key_hash(std::uint64_t{0}))).value, 43u);
}

TEST(Table, ErasedSlotsAreUsedAgain) {
  Numbers table;
  bool made = false;
  for (std::uint64_t round = 0; round < 10'000; ++round) {
    const auto slot = table.find_or_add(round, key_hash(round), made);
    table.erase(slot);
  }
  EXPECT_EQ(table.slots(), 1u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(Table, AnErasedSlotHoldsNoKeyNotEvenTheOneThatKeysBeginWith) {
  Numbers table;
  bool made = false;
  const std::uint64_t zero = 0;
  const auto slot = table.find_or_add(zero, key_hash(zero), made);
  EXPECT_TRUE(table.holds(slot, zero, key_hash(zero)));
  table.erase(slot);
  EXPECT_FALSE(table.holds(slot, zero, key_hash(zero)));
}

TEST(Table, ANumberAndItsCountTakeSixteenBytes) { EXPECT_EQ(sizeof(Numbers::Entry), 16u); }

TEST(Table, ErasingGivesTheValuesMemoryBack) {
  Table<std::string, std::vector<int>> table;
  bool made = false;
  const auto slot = table.find_or_add("key", 1, made);
  table.at(slot).value.assign(1000, 1);
  table.erase(slot);
  EXPECT_EQ(table.at(slot).value.capacity(), 0u);
}

TEST(Table, ASmallTableIsSmall) {
  // A MapState has one table per key: a map of three entries must not weigh tens of kilobytes.
  Numbers table;
  bool made = false;
  for (std::uint64_t key = 0; key < 3; ++key) table.find_or_add(key, key_hash(key), made);
  EXPECT_LE(table.table_bytes(), 1024u);
}

}  // namespace
}  // namespace freshet::detail
