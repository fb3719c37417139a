#include <freshet/transforms.h>
#include <gmock/gmock.h>

#include <array>

#include "tests/support/stage_harness.h"

namespace freshet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Item {
  std::uint64_t number = 0;
  std::string text{};
  bool operator==(const Item&) const = default;
  FRESHET_RECORD(number, text)
};
struct Label {
  std::string text{};
  FRESHET_RECORD(text)
};

template <class Stage, class F>
auto maker(F function) {
  return [function]() -> std::unique_ptr<freshet::Stage> { return std::make_unique<Stage>(function); };
}

template <class Harness>
Harness& fill(Harness& harness, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) harness.add({i, "text " + std::to_string(i)});
  return harness;
}

TEST(MapStage, GivesOneForEach) {
  const auto label = [](const Item& item) { return Label{item.text + "!"}; };
  StageHarness<void, Item, Label> harness(maker<detail::MapStage<void, Item, Label, decltype(label)>>(label));
  EXPECT_THAT(fill(harness, 2).same_in_every_way(),
              ElementsAre(R"(out {"text":"text 0!"})", R"(out {"text":"text 1!"})"));
  EXPECT_THAT(fill(harness, 3000).same_in_every_way(), SizeIs(3002));
}

TEST(MapStage, ABadRecordGoesAside) {
  const auto fussy = [](const Item& item) {
    if (item.number % 3 == 1) throw RejectRecord("no ones", "one");
    return item;
  };
  StageHarness<void, Item, Item> harness(maker<detail::MapStage<void, Item, Item, decltype(fussy)>>(fussy));
  harness.set_aside();
  const auto rows = fill(harness, 3000).same_in_every_way();
  EXPECT_THAT(rows, SizeIs(3000));
  EXPECT_EQ(rows[0], R"(letter one no ones harness, record 2 {"number":1,"text":"text 1"})");
}

/// What a map, a filter and a map in a row make of records 0 to 99, each from the place of its number: the numbers that
/// come out, each with the place that it says it came from.
struct MapFilterMap {
  template <class Fussy, class Passes>
  MapFilterMap(Fussy fussy, Passes passes) {
    using Map = detail::MapStage<void, Item, Item, Fussy>;
    using Filter = detail::FilterStage<void, Item, Passes>;
    Map first(fussy), second(fussy);
    Filter filter(passes);
    const std::array<Stage*, 3> stages{&first, &filter, &second};
    host.sets_aside = true;
    detail::Batch<Item> batch;
    for (std::uint64_t i = 0; i < 100; ++i) {
      batch.records.add() = {i, ""};
      batch.metas.push_back({.event_time_ms = static_cast<std::int64_t>(i), .position = {1, i}});
    }
    for (Stage* stage : stages) stage->open(host);
    std::vector<detail::BatchView> views{batch};
    for (Stage* stage : stages) {
      EXPECT_EQ(stage->process(0, views.back(), 0), views.back().size);
      views.push_back(stage->outputs()[0].view());
    }
    const auto& out = static_cast<const detail::Batch<Item>&>(*views.back().batch);
    for (std::size_t i = 0; i < views.back().size; ++i) {
      numbers.push_back(out.records[views.back().index(i)].number);
      places.push_back(views.back().meta(i).position.offset);
      times.push_back(static_cast<std::uint64_t>(views.back().meta(i).event_time_ms));
    }
    for (Stage* stage : stages)
      for (auto& port : stage->outputs()) port.clear();
    EXPECT_EQ(second.outputs()[0].size(), 0u);
  }
  detail::HarnessHost host;
  std::vector<std::uint64_t> numbers{}, places{}, times{};
};

TEST(MapStage, RecordsKeepTimeAndPlaceOfThoseTheyCameFrom) {
  const MapFilterMap all([](const Item& item) { return item; }, [](const Item&) { return true; });
  ASSERT_THAT(all.numbers, SizeIs(100));
  EXPECT_EQ(all.places, all.numbers);
  EXPECT_EQ(all.times, all.numbers);
  const MapFilterMap some([](const Item& item) { return item; }, [](const Item& item) { return item.number % 7 != 3; });
  ASSERT_THAT(some.numbers, SizeIs(86));
  EXPECT_EQ(some.places, some.numbers);
  EXPECT_EQ(some.times, some.numbers);
}

TEST(MapStage, RecordsBehindABadOneKeepTimeAndPlaceToo) {
  const auto fussy = [](const Item& item) {
    if (item.number % 10 == 4) throw RejectRecord("no fours");
    return item;
  };
  const MapFilterMap some(fussy, [](const Item& item) { return item.number % 7 != 3; });
  ASSERT_THAT(some.numbers, SizeIs(78));
  EXPECT_EQ(some.places, some.numbers);
  EXPECT_EQ(some.times, some.numbers);
}

TEST(MapStage, TwoMapsBehindAFilterKeepThemToo) {
  const auto same = [](const Item& item) { return item; };
  const auto odd = [](const Item& item) { return item.number % 2 == 1; };
  detail::FilterStage<void, Item, decltype(odd)> first(odd);
  detail::MapStage<void, Item, Item, decltype(same)> map(same), again(same);
  const auto sparse = [](const Item& item) { return item.number % 3 != 0; };
  detail::FilterStage<void, Item, decltype(sparse)> second(sparse);
  const std::array<Stage*, 4> stages{&first, &map, &second, &again};
  detail::HarnessHost host;
  detail::Batch<Item> batch;
  for (std::uint64_t i = 0; i < 20; ++i) {
    batch.records.add() = {i, ""};
    batch.metas.push_back({.position = {1, i}});
  }
  detail::BatchView view(batch);
  for (Stage* stage : stages) {
    stage->open(host);
    ASSERT_EQ(stage->process(0, view, 0), view.size);
    view = stage->outputs()[0].view();
  }
  std::vector<std::uint64_t> places;
  for (std::size_t i = 0; i < view.size; ++i) places.push_back(view.meta(i).position.offset);
  EXPECT_THAT(places, ElementsAre(1, 5, 7, 11, 13, 17, 19));
}

TEST(FilterStage, PassesWhatThePredicateSays) {
  const auto odd = [](const Item& item) { return item.number % 2 == 1; };
  StageHarness<void, Item, Item> harness(maker<detail::FilterStage<void, Item, decltype(odd)>>(odd));
  const auto rows = fill(harness, 5000).same_in_every_way();
  EXPECT_THAT(rows, SizeIs(2500));
  EXPECT_EQ(rows[0], R"(out {"number":1,"text":"text 1"})");
}

TEST(FilterStage, AThrowingPredicateSetsAside) {
  const auto fussy = [](const Item& item) {
    if (item.number == 7) throw std::out_of_range("seven");
    return item.number < 10;
  };
  StageHarness<void, Item, Item> harness(maker<detail::FilterStage<void, Item, decltype(fussy)>>(fussy));
  harness.set_aside();
  const auto rows = fill(harness, 2000).same_in_every_way();
  EXPECT_THAT(rows, SizeIs(10));
}

TEST(FlatMapStage, GivesAnyNumber) {
  const auto repeat = [](const Item& item, Out<Label>& out) {
    for (std::uint64_t i = 0; i < item.number % 5; ++i) out.emit({item.text});
  };
  StageHarness<void, Item, Label> harness(maker<detail::FlatMapStage<void, Item, Label, decltype(repeat)>>(repeat));
  EXPECT_THAT(fill(harness, 3000).same_in_every_way(), SizeIs(6000));
}

TEST(FlatMapStage, WhatAFailedCallEmittedIsTakenBack) {
  const auto halfway = [](const Item& item, Out<Label>& out) {
    out.emit({"first of " + item.text});
    if (item.number % 2 == 0) throw std::runtime_error("even");
    out.add().text = "second of " + item.text;
  };
  StageHarness<void, Item, Label> harness(maker<detail::FlatMapStage<void, Item, Label, decltype(halfway)>>(halfway));
  harness.set_aside();
  const auto rows = fill(harness, 2000).same_in_every_way();
  EXPECT_THAT(rows, SizeIs(3000));
  for (const auto& row : rows) EXPECT_THAT(row, ::testing::Not(::testing::HasSubstr("first of text 2\"")));
}

TEST(FlatMapStage, OneCallMayGiveAMillion) {
  const auto many = [](const Item& item, Out<Item>& out) {
    for (std::uint64_t i = 0; i < item.number; ++i) out.add().number = i;
  };
  detail::FlatMapStage<void, Item, Item, decltype(many)> stage(many);
  detail::HarnessHost host;
  stage.open(host);
  detail::Batch<Item> batch;
  batch.records.add() = {1'000'000, ""};
  batch.metas.emplace_back();
  EXPECT_EQ(stage.process(0, {batch, nullptr, 1}, 0), 1u);
  EXPECT_EQ(stage.outputs()[0].size(), 1'000'000u);
  const auto weight = stage.outputs()[0].batch().weight();
  EXPECT_GE(weight, 1'000'000 * sizeof(Item));
  stage.outputs()[0].clear();
  EXPECT_EQ(stage.outputs()[0].size(), 0u);
}

TEST(FlatMapStage, MoreThanTheOverflowHoldsFailsTheRecord) {
  const auto many = [](const Item& item, Out<Item>& out) {
    for (std::uint64_t i = 0; i < item.number; ++i) out.add().number = i;
  };
  detail::FlatMapStage<void, Item, Item, decltype(many)> stage(many);
  detail::HarnessHost host;
  host.sets_aside = true;
  stage.open(host);
  const std::size_t limit = 2000 * (sizeof(Item) + sizeof(RecordMeta));
  stage.outputs()[0].batch().limit_bytes(limit);
  detail::Batch<Item> batch;
  for (const std::uint64_t count : {2000, 2001, 5}) {
    batch.records.add() = {count, ""};
    batch.metas.emplace_back();
  }
  for (std::size_t from = 0; from < 3;) {
    from = stage.process(0, {batch, nullptr, 3}, from);
    if (from != 1) continue;
    EXPECT_EQ(stage.outputs()[0].size(), 2000u);
    EXPECT_LE(stage.outputs()[0].batch().weight(), limit);
    stage.outputs()[0].clear();
  }
  EXPECT_EQ(stage.outputs()[0].size(), 5u);
  EXPECT_EQ(stage.outputs()[1].size(), 1u);
}

TEST(SplitStage, GivesEachOutputItsOwn) {
  const auto parity = [](const Item& item, Out<Item>& even, Out<Label, "odd">& odd) {
    if (item.number % 2 == 0)
      even.emit(item);
    else
      odd.emit({item.text});
    if (item.number == 4) throw std::runtime_error("four");
  };
  using Split = detail::SplitStage<Item, decltype(parity), Out<Item>, Out<Label, "odd">>;
  StageHarness<void, Item, Item, Label> harness(maker<Split>(parity));
  harness.set_aside();
  for (std::uint64_t i = 0; i < 5; ++i) harness.add({i, std::to_string(i)});
  EXPECT_THAT(harness.one_by_one(),
              ElementsAre(testing::HasSubstr("letter exception std::runtime_error four"), R"(odd {"text":"1"})",
                          R"(odd {"text":"3"})", R"(out {"number":0,"text":"0"})", R"(out {"number":2,"text":"2"})"));
  EXPECT_EQ(harness.spread_over(2), harness.spread_over(1));
}

/// Numbers its records; keeps those divisible by five on a side output.
struct Numberer : Operator<Item, Item> {
  SideOutput<Label> fives{this, "fives"};
  Counter seen{this, "seen"};
  void process(const Item& item, Out<Item>& out) override {
    seen.add();
    if (item.number % 5 == 0) fives.emit({item.text});
    out.emit(item);
    if (item.number % 10 == 0) throw RejectRecord("ten");
  }
  void finish(Out<Item>& out) override { out.emit({seen.value(), "end"}); }
};

TEST(OperatorStage, SideOutputsAreTakenBackWithTheRest) {
  OperatorHarness<Numberer> harness;
  harness.set_aside();
  for (std::uint64_t i = 0; i < 20; ++i) harness.push({i, "t" + std::to_string(i)});
  EXPECT_THAT(harness.take(&Numberer::fives), SizeIs(2));
  EXPECT_THAT(harness.take(), SizeIs(18));
  EXPECT_THAT(harness.dead_letters(), SizeIs(2));
  const auto end = harness.finish().take();
  EXPECT_EQ(end[0].text, "end");
  EXPECT_EQ(end[0].number, 18u) << "calls that threw are not counted";
}

TEST(OperatorStage, AllWaysGiveTheSame) {
  StageHarness<void, Item, Item, Label> harness([]() -> std::unique_ptr<Stage> {
    return std::make_unique<detail::OperatorStage<void, Numberer>>(std::make_unique<Numberer>());
  });
  harness.set_aside();
  fill(harness, 3000);
  const auto rows = harness.one_by_one();
  EXPECT_EQ(harness.all_at_once(), rows);
  EXPECT_EQ(harness.with_full_outputs(), rows);
}

TEST(UserCodeStage, UnderTheFailPolicyTheThrowComesThrough) {
  const auto bad = [](const Item&) -> Item { throw std::runtime_error("bad"); };
  StageHarness<void, Item, Item> harness(maker<detail::MapStage<void, Item, Item, decltype(bad)>>(bad));
  harness.add({1, "x"});
  EXPECT_THROW(harness.one_by_one(), std::runtime_error);
}

}  // namespace
}  // namespace freshet::test
