#include <freshet/lookup_stage.h>
#include <freshet/operator_harness.h>
#include <gmock/gmock.h>

#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::test::lookups {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Event {
  std::uint64_t item = 0;
  FRESHET_RECORD(item)
};
struct Price {
  std::string item{};
  std::int64_t price = 0;
  FRESHET_RECORD(item, price)
};
struct Priced {
  std::uint64_t item = 0;
  std::int64_t price = 0, sum = 0;
  FRESHET_RECORD(item, price, sum)
};

using Prices = RulesView<std::string, Price>;
/// The price of an item, and the sum of all; throws behind the first of two results where that is 13.
const auto kLookUp = [](const Event& event, const Prices& prices, Out<Priced>& out) {
  std::int64_t sum = 0;
  std::size_t all = 0;
  for (const Price& each : prices) {
    sum += each.price;
    ++all;
  }
  EXPECT_EQ(all, prices.size());
  const Price* price = prices.find("item " + std::to_string(event.item));
  out.emit({event.item, price == nullptr ? -1 : price->price, sum});
  if (sum == 13) throw std::runtime_error("thirteen");
};

/// A lookup by itself, under a key.
class Lookup {
  using Stage = detail::LookupStage<std::uint64_t, Event, std::string, Price, Priced, std::decay_t<decltype(kLookUp)>>;

 public:
  Lookup() { stage_.open(host); }
  Lookup& price(std::uint64_t item, std::int64_t price, std::int64_t time = RecordMeta::kNoTime,
                std::uint64_t place = 0) {
    detail::Batch<Price> batch;
    batch.records.add() = {"item " + std::to_string(item), price};
    batch.metas.push_back({.event_time_ms = time, .position = {1, place}});
    EXPECT_EQ(stage_.process(1, {batch, nullptr, 1}, 0), 1u);
    EXPECT_EQ(stage_.outputs()[0].size(), 0u);
    return *this;
  }
  /// Prices and sums for it.
  std::vector<std::pair<std::int64_t, std::int64_t>> event(std::uint64_t item) {
    detail::KeyedBatch<std::uint64_t, Event> batch;
    batch.records.add() = {item};
    batch.keys.add() = 7;
    batch.metas.push_back({.event_time_ms = 5, .key_hash = key_hash(std::uint64_t{7})});
    EXPECT_EQ(stage_.process(0, {batch, nullptr, 1}, 0), 1u);
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Priced>&>(stage_.outputs()[0].batch());
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out.keys[i], 7u);
      EXPECT_EQ(out.metas[i].event_time_ms, 5);
      found.emplace_back(out.records[i].price, out.records[i].sum);
    }
    out.clear();
    return found;
  }
  std::size_t letters() { return stage_.outputs()[1].size(); }
  StateTable& table() { return *stage_.states()[0].second; }
  detail::HarnessHost host;

 private:
  Stage stage_{&Price::item, kLookUp};
};
using Found = std::pair<std::int64_t, std::int64_t>;

TEST(Lookup, ARecordMeetsTheRulesThatCameBefore) {
  Lookup lookup;
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{-1, 0}));
  lookup.price(1, 10).price(2, 20);
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{10, 30}));
  EXPECT_THAT(lookup.event(3), ElementsAre(Found{-1, 30}));
}

TEST(Lookup, TheNewestRuleOfAnIdCounts) {
  Lookup lookup;
  lookup.price(1, 10, 100).price(1, 11, 200).price(1, 12, 150);
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{11, 11})) << "by event time";
  lookup.price(1, 14, 200, 9).price(1, 15, 200, 8);
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{14, 14})) << "then by place";
  lookup.price(2, 20).price(2, 21);
  EXPECT_THAT(lookup.event(2), ElementsAre(Found{21, 35})) << "where nothing else tells, by arrival";
}

TEST(Lookup, ACallThatThrowsLeavesNoEffect) {
  Lookup lookup;
  lookup.host.sets_aside = true;
  lookup.price(1, 13);
  EXPECT_THAT(lookup.event(1), IsEmpty());
  EXPECT_EQ(lookup.letters(), 1u);
  lookup.price(1, 14);
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{14, 14}));
}

TEST(Lookup, WhatSeveralTasksSavedIsOneInAnyOrder) {
  Lookup ahead, behind;
  ahead.price(1, 10, 100).price(2, 20, 100).price(1, 11, 200);
  behind.price(1, 10, 100).price(2, 20, 100);
  SavedTableChain from_ahead, from_behind;
  from_ahead.save(ahead.table(), true);
  from_behind.save(behind.table(), true);
  for (const bool ahead_first : {true, false}) {
    Lookup restored;
    (ahead_first ? from_ahead : from_behind).restore_to(restored.table());
    (ahead_first ? from_behind : from_ahead).restore_to(restored.table());
    EXPECT_THAT(restored.event(1), ElementsAre(Found{11, 31}));
    EXPECT_EQ(restored.table().entries(), 2u);
  }
}

TEST(Lookup, ACheckpointHoldsTheRulesThatChanged) {
  Lookup lookup;
  for (std::uint64_t item = 0; item < 100; ++item) lookup.price(item, 1, 100);
  SavedTableChain saved;
  saved.save(lookup.table(), true);
  lookup.price(5, 2, 200).price(6, 2, 50);
  saved.save(lookup.table(), false);
  EXPECT_EQ(saved.logs[1]->records.size(), 1u) << "one was older";
  Lookup restored;
  saved.restore_to(restored.table());
  EXPECT_THAT(restored.event(5), ElementsAre(Found{2, 101}));
}

TEST(Lookup, RulesStayInMemory) {
  Lookup lookup;
  MemorySpill store;
  lookup.table().spill_to(store, 1);
  lookup.price(1, 10);
  EXPECT_EQ(lookup.table().evict(1), 0u);
  EXPECT_EQ(lookup.table().resident_bytes(), 0u) << "others are asked to make room";
  EXPECT_THAT(lookup.event(1), ElementsAre(Found{10, 10}));
}

}  // namespace
}  // namespace freshet::test::lookups
