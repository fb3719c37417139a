#include <freshet/keyed.h>
#include <gmock/gmock.h>

#include "runtime/base/random.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"
#include "tests/support/stage_harness.h"

namespace freshet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Sale {
  std::string customer{};
  std::uint64_t id = 0;
  std::int64_t amount = 0;
  FRESHET_RECORD(customer, id, amount)
};
struct Total {
  std::string customer{};
  std::int64_t sum = 0;
  FRESHET_RECORD(customer, sum)
};

const auto kAdd = [](Total& total, const Sale& sale) {
  total.customer = sale.customer;
  total.sum += sale.amount;
  if (sale.amount == 13) throw RejectRecord("unlucky");
};
using Fold = detail::FoldStage<std::string, Sale, Total, std::remove_const_t<decltype(kAdd)>>;

StageHarness<std::string, Sale, Total> fold(Emission emission, StateOptions options = {}) {
  return StageHarness<std::string, Sale, Total>(
      [=]() -> std::unique_ptr<Stage> { return std::make_unique<Fold>(kAdd, emission, options); });
}

template <class Harness>
Harness& fill(Harness& harness, std::uint64_t seed, int count) {
  base::Random random(seed);
  for (int i = 0; i < count; ++i) {
    const auto customer = "c" + std::to_string(random.below(40));
    harness.add({customer, random.below(200), static_cast<std::int64_t>(random.below(30))}, customer,
                {.event_time_ms = static_cast<std::int64_t>(random.below(1000))});
  }
  return harness;
}

TEST(FoldStage, EachChangeGoesOut) {
  FRESHET_SEEDED(seed);
  auto harness = fold(each_change());
  harness.add({"a", 1, 5}, "a").add({"b", 2, 1}, "b").add({"a", 3, -2}, "a");
  EXPECT_THAT(harness.same_in_every_way(),
              ElementsAre(R"(out {"customer":"a","sum":5})", R"(out {"customer":"b","sum":1})",
                          R"(out {"customer":"a","sum":3})"));
  auto more = fold(each_change());
  more.set_aside();
  EXPECT_THAT(fill(more, seed, 3000).same_in_every_way(), SizeIs(3000));
}

TEST(FoldStage, AtTheEndEachKeyGoesOutOnce) {
  FRESHET_SEEDED(seed);
  auto harness = fold(at_end());
  harness.set_aside();
  const auto rows = fill(harness, seed, 3000).same_in_every_way();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.starts_with("out"); }), 40);
}

TEST(FoldStage, ABadRecordLeavesTheTotalAsItWas) {
  auto harness = fold(each_change());
  harness.set_aside();
  harness.add({"a", 1, 5}, "a").add({"a", 2, 13}, "a").add({"b", 3, 13}, "b").add({"a", 4, 1}, "a");
  EXPECT_THAT(harness.same_in_every_way(),
              ElementsAre(testing::HasSubstr("letter rejected unlucky"), testing::HasSubstr("letter rejected unlucky"),
                          R"(out {"customer":"a","sum":5})", R"(out {"customer":"a","sum":6})"));
}

/// A fold under a clock that the test moves.
class TimedFold {
 public:
  TimedFold(Emission emission, StateOptions options) : stage_(kAdd, emission, options) { stage_.open(host_); }
  void add(const std::string& customer, std::int64_t amount) {
    detail::KeyedBatch<std::string, Sale> batch;
    batch.records.add() = {customer, 0, amount};
    batch.keys.add() = customer;
    batch.metas.push_back({.key_hash = key_hash(customer)});
    EXPECT_EQ(stage_.process(0, {batch, nullptr, 1}, 0), 1u);
  }
  void at(Duration time) { host_.now_value = Time(time); }
  std::size_t emitted() {
    const auto count = stage_.outputs()[0].size();
    stage_.outputs()[0].clear();
    return count;
  }
  Fold& stage() { return stage_; }

 private:
  detail::HarnessHost host_;
  Fold stage_;
};

TEST(FoldStage, EveryIntervalTheChangedKeysGoOut) {
  TimedFold fold_stage(every(1s), {});
  fold_stage.add("a", 1);
  fold_stage.add("a", 2);
  fold_stage.add("b", 2);
  EXPECT_EQ(fold_stage.stage().next_due(), Time(1s));
  fold_stage.at(1s);
  EXPECT_TRUE(fold_stage.stage().emit_due());
  EXPECT_EQ(fold_stage.emitted(), 2u);
  EXPECT_EQ(fold_stage.stage().next_due(), Time::max()) << "nothing changed since";
  fold_stage.add("b", 2);
  EXPECT_EQ(fold_stage.stage().next_due(), Time(2s));
  EXPECT_TRUE(fold_stage.stage().finish());
  EXPECT_EQ(fold_stage.emitted(), 1u);
}

TEST(FoldStage, WithoutRoomEmissionGoesOnLater) {
  TimedFold fold_stage(every(1s), {});
  constexpr std::size_t kKeys = 4 * kBatchRecords;
  for (std::size_t i = 0; i < kKeys; ++i) fold_stage.add("c" + std::to_string(i), 1);
  fold_stage.at(1s);
  std::size_t emitted = 0;
  int calls = 0;
  for (bool all = false; !all; ++calls) {
    all = fold_stage.stage().emit_due();
    const auto now = fold_stage.emitted();
    EXPECT_LE(now, kBatchRecords);
    emitted += now;
  }
  EXPECT_EQ(emitted, kKeys);
  EXPECT_GE(calls, 4);
}

TEST(FoldStage, WhatWaitsToGoOutDoesNotHoldMemoryThatIsNeeded) {
  constexpr int kKeys = 1000;
  MemorySpill spill;  // outlives the table
  TimedFold fold_stage(every(1h), {});
  StateTable& table = *fold_stage.stage().states()[0].second;
  table.spill_to(spill, 0);
  for (int i = 0; i < kKeys; ++i) fold_stage.add("c" + std::to_string(i), 1);
  EXPECT_EQ(fold_stage.stage().next_due(), Time(1h)) << "nobody asked for memory";
  EXPECT_EQ(table.evict(100), 0u) << "a value that has not gone out has left memory";
  ASSERT_EQ(fold_stage.stage().next_due(), Time::min());
  std::size_t emitted = 0;
  for (bool all = false; !all; emitted += fold_stage.emitted()) all = fold_stage.stage().emit_due();
  EXPECT_EQ(emitted, static_cast<std::size_t>(kKeys));
  std::size_t evicted = 0;
  for (int rounds = 0; rounds < 4; ++rounds) evicted += table.evict(100);  // each entry has a second chance
  EXPECT_GE(evicted, 200u);
  fold_stage.add("more", 1);
  EXPECT_EQ(fold_stage.stage().next_due(), Time(1h)) << "there is memory again";
  EXPECT_EQ(table.evict(100), 100u);
  EXPECT_EQ(fold_stage.stage().next_due(), Time(1h)) << "one value is in nobody's way";
}

TEST(FoldStage, WhatOutlivedItsTimeIsSweptAndDoesNotGoOut) {
  TimedFold fold_stage(at_end(), {.ttl = 10s});
  for (int i = 0; i < 100; ++i) fold_stage.add("old" + std::to_string(i), 1);
  fold_stage.at(10s);
  fold_stage.add("new", 1);
  EXPECT_TRUE(fold_stage.stage().finish());
  EXPECT_EQ(fold_stage.emitted(), 1u);
  for (int i = 0; i < 100; ++i) fold_stage.add("new", 1);
  EXPECT_EQ(fold_stage.stage().states()[0].second->entries(), 1u);
}

TEST(ProcessStage, KeepsStateAndEmitsFreely) {
  FRESHET_SEEDED(seed);
  const auto every_third = [](std::vector<std::int64_t>& seen, const Sale& sale, Out<Total>& out) {
    seen.push_back(sale.amount);
    if (seen.size() == 3) {
      out.emit({sale.customer, seen[0] + seen[1] + seen[2]});
      seen.clear();
    }
    if (sale.amount == 13) throw RejectRecord("unlucky");
  };
  using Process = detail::ProcessStage<std::string, Sale, std::vector<std::int64_t>, Total, decltype(every_third)>;
  StageHarness<std::string, Sale, Total> harness(
      [=]() -> std::unique_ptr<Stage> { return std::make_unique<Process>(every_third, StateOptions{}); });
  harness.set_aside();
  for (const std::int64_t amount : {1, 2, 13, 3, 4}) harness.add({"a", 0, amount}, "a");
  EXPECT_THAT(harness.same_in_every_way(),
              ElementsAre(testing::HasSubstr("unlucky"), R"(out {"customer":"a","sum":6})"));
  fill(harness, seed, 3000).same_in_every_way();
}

StageHarness<std::string, Sale, Sale> dedupe(StateOptions options = {}) {
  return StageHarness<std::string, Sale, Sale>([=]() -> std::unique_ptr<Stage> {
    return std::make_unique<detail::DedupeStage<std::string, Sale, std::uint64_t>>(&Sale::id, options);
  });
}

TEST(DedupeStage, TheFirstOfEachIdPasses) {
  FRESHET_SEEDED(seed);
  auto harness = dedupe();
  harness.add({"a", 1, 1}, "a").add({"a", 1, 2}, "a").add({"b", 1, 3}, "b").add({"a", 2, 4}, "a").add({"b", 1, 5}, "b");
  const auto rows = harness.same_in_every_way();
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[1], R"(out {"customer":"b","id":1,"amount":3})");
  fill(harness, seed, 1500).same_in_every_way();  // its restores make this quadratic
}

/// A spill store whose disk can no longer be read.
struct UnreadableSpill final : SpillStore {
  void put(std::string_view, std::string_view) override {}
  bool flush() override { return true; }
  const SpillTrouble* trouble() const override { return nullptr; }
  bool take(std::string_view, std::string&) override { throw std::runtime_error("input/output error"); }
  std::unique_ptr<Walk> walk(std::string_view, std::string_view) override { return nullptr; }
  std::unique_ptr<Queue> open_queue() override { return nullptr; }
};

TEST(FoldStage, StateThatIsLostOnDiskFailsTheTaskAndIsNoRecordsFault) {
  UnreadableSpill spill;
  Fold stage(kAdd, at_end(), {});
  detail::HarnessHost host;
  host.sets_aside = true;
  stage.open(host);
  StateTable& table = *stage.states()[0].second;
  table.spill_to(spill, 0);
  detail::KeyedBatch<std::string, Sale> batch;
  batch.records.add() = {"a", 1, 5};
  batch.keys.add() = "a";
  batch.metas.push_back({.key_hash = key_hash(std::string("a"))});
  const detail::BatchView view(batch);
  ASSERT_EQ(stage.process(0, view, 0), 1u);
  while (table.resident_keys() != 0) ASSERT_EQ(table.evict(1) + table.evict(1), 1u);
  EXPECT_THROW((void)stage.process(0, view, 0), StateLost);
  EXPECT_EQ(stage.outputs().back().size(), 0u) << "a dead letter";
}

TEST(DedupeStage, AKeyThatIsTheIdHashesAsWellAsAnyOther) {
  // key_by(&Sale::id).dedupe("…", &Sale::id) is the usual case: its entries must not all fall into one place.
  using Seen = detail::SeenTable<std::uint64_t, std::uint64_t>;
  std::set<std::uint64_t> hashes;
  for (std::uint64_t id = 0; id < 1000; ++id) hashes.insert(Seen::hash_of(key_hash(id), id));
  EXPECT_THAT(hashes, SizeIs(1000));
}

}  // namespace
}  // namespace freshet::test
