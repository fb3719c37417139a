// Entries that have outlived their TTL are not read, and go by themselves: from memory, from disk, and from
// checkpoints.

#include <freshet/operator_harness.h>
#include <gmock/gmock.h>

#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::test {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

constexpr int kKeys = 1000;

/// Every kind of state of 1,000 keys; the lower half was written at 0, the upper half at 50 ms.
struct Expiring : States {
  Expiring() : States(Duration(100)) {
    for (std::uint32_t i = 0; i < states.size(); ++i) states[i].second->spill_to(spill, i);
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      at(key < kKeys / 2 ? 0 : 50);
      enter(key);
      value.set("v");
      list.push_back(1);
      map["a"] = 1;
    }
    commit();
  }
  void sweep_for_long(std::int64_t now_ms) const {
    for (int batches = 0; batches < 20; ++batches)
      for (const auto& [name, table] : states) table->sweep(kKeys, now_ms);
  }
  void spill_all() const {
    for (const auto& [name, table] : states)
      while (table->resident_keys() != 0) (void)table->evict(kKeys);
  }
  std::vector<std::size_t> entries() const {
    std::vector<std::size_t> all;
    for (const auto& [name, table] : states) all.push_back(table->entries());
    return all;
  }
  MemorySpill spill;
};

TEST(StateTtl, WhatIsOverLeavesMemoryWithoutBeingAskedFor) {
  Expiring op;
  op.sweep_for_long(99);
  EXPECT_THAT(op.entries(), Each(kKeys));
  op.sweep_for_long(100);
  EXPECT_THAT(op.entries(), Each(kKeys / 2));
  op.sweep_for_long(150);
  EXPECT_THAT(op.entries(), Each(0));
}

TEST(StateTtl, WhatIsOverLeavesTheDiskWithoutBeingAskedFor) {
  Expiring op;
  op.spill_all();
  op.sweep_for_long(99);
  EXPECT_THAT(op.spill.entries, SizeIs(3 * kKeys));
  op.sweep_for_long(120);
  EXPECT_THAT(op.spill.entries, SizeIs(3 * kKeys / 2));
  EXPECT_THAT(op.entries(), Each(kKeys / 2));
  op.sweep_for_long(200);
  EXPECT_THAT(op.spill.entries, SizeIs(0));
  EXPECT_THAT(op.entries(), Each(0));
}

TEST(StateTtl, TheDiskIsNotWalkedAllTheTime) {
  Expiring op;
  op.spill_all();
  for (int i = 0; i < 100; ++i) op.sweep_for_long(99);
  EXPECT_LE(op.spill.walks, 3u * (2 * kKeys / 256 + 2)) << "one round of each table";
}

TEST(StateTtl, WhatHasLeftTheDiskIsErasedInTheNextIncrement) {
  Expiring op;
  StateTable& values = *op.states[0].second;
  SavedTableChain chain;
  chain.save(values, true);
  op.spill_all();
  op.sweep_for_long(120);
  chain.save(values, false);
  States other(Duration(100));
  chain.restore_to(*other.states[0].second);
  EXPECT_EQ(other.states[0].second->entries(), kKeys / 2);
}

TEST(StateTtl, AnOperatorsStateIsSweptWhileItWorksOnOtherKeys) {
  struct Remember : KeyedOperator<std::uint64_t, Nothing, Nothing> {
    ValueState<std::int64_t> seen{this, "seen", {.ttl = Duration(100)}};
    void process(const Nothing&, Out<Nothing>&) override { seen.set(1); }
  };
  detail::OperatorStage<std::uint64_t, Remember> stage(std::make_unique<Remember>());
  detail::HarnessHost host;
  stage.open(host);
  const auto run = [&](std::uint64_t from, std::uint64_t to) {
    for (; from < to; ++from) {
      detail::KeyedBatch<std::uint64_t, Nothing> batch;
      batch.records.add();
      batch.keys.add() = from;
      batch.metas.push_back({.key_hash = key_hash(from)});
      ASSERT_EQ(stage.process(0, {batch, nullptr, 1}, 0), 1u);
    }
  };
  run(0, kKeys);
  host.now_value = Time(Duration(100));
  run(kKeys, 2 * kKeys);
  EXPECT_LE(stage.states()[0].second->entries(), kKeys + kKeys / 2);
}

}  // namespace
}  // namespace freshet::test
