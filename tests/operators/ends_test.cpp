#include <freshet/endpoints.h>
#include <gmock/gmock.h>

#include "tests/support/stage_harness.h"

namespace freshet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Reading {
  std::uint64_t number = 0;
  Time at{};
  FRESHET_RECORD(number, at)
};

constexpr Time kStart{Duration(1'772'334'431'000)};

StageHarness<void, Reading, Reading> event_time(EventTimeOptions options = {}) {
  return StageHarness<void, Reading, Reading>([=]() -> std::unique_ptr<Stage> {
    return std::make_unique<detail::EventTimeStage<Reading>>(&Reading::at, options);
  });
}

TEST(EventTimeStage, StampsRecordsAndRefusesAncientOnes) {
  auto harness = event_time();
  harness.set_aside();
  harness.add({1, kStart}).add({2, Time(0ms)}).add({3, kStart + 5ms});
  EXPECT_THAT(harness.same_in_every_way(),
              ElementsAre(HasSubstr("malformed: event time event time 1970-01-01T00:00:00Z is before the earliest"),
                          HasSubstr("@1772334431000"), HasSubstr("@1772334431005")));
  for (std::uint64_t i = 0; i < 2000; ++i) harness.add({i, kStart});
  EXPECT_THAT(harness.same_in_every_way(), SizeIs(2003));
}

TEST(EventTimeStage, TheSlowestPartitionHoldsTheWatermark) {
  detail::EventTimeStage<Reading> stage(&Reading::at, {.max_disorder = 100ms});
  detail::HarnessHost host;
  stage.open(host);
  EXPECT_EQ(stage.made_watermark(), Time::min());
  const auto feed = [&](std::uint32_t partition, Time time) {
    detail::Batch<Reading> batch;
    batch.records.add() = {0, time};
    batch.metas.push_back({.position = {partition, 1}});
    EXPECT_EQ(stage.process(0, {&batch, nullptr, 1}, 0), 1u);
    return *stage.made_watermark();
  };
  EXPECT_EQ(feed(1, kStart + 1s), kStart + 900ms);
  EXPECT_EQ(feed(1, kStart), kStart + 900ms) << "a late record does not take it back";
  EXPECT_EQ(feed(2, kStart + 500ms), kStart + 400ms);
  EXPECT_EQ(feed(1, kStart + 9s), kStart + 400ms);
  EXPECT_EQ(feed(2, kStart + 2s), kStart + 1900ms);
}

/// Keeps what a stage saves.
struct Saved final : SnapshotOut {
  void begin(std::string_view, std::string_view kind, std::string_view) override {
    lists.push_back({std::string(kind), {}});
  }
  void put(std::string_view record) override { lists.back().second.emplace_back(record); }
  void ask_commit(std::string_view, std::string_view) override {}
  void before_done(std::function<Status()>) override {}
  void restore_to(Stage& stage, const RestoreScope& scope) const {
    for (const auto& [kind, records] : lists) {
      for (const auto& record : records) EXPECT_TRUE(stage.restore({.kind = kind, .bytes = record}, scope));
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;
};

TEST(EventTimeStage, RestoredWithMoreTasksEachWaitsForItsOwnPartitionsOnly) {
  detail::HarnessHost host;
  const auto stage = [] { return detail::EventTimeStage<Reading>(&Reading::at, {.max_disorder = 100ms}); };
  auto before = stage();
  before.open(host);
  detail::Batch<Reading> batch;
  for (const std::uint32_t partition : {1, 2}) {
    batch.records.add() = {0, kStart + std::chrono::seconds(partition)};
    batch.metas.push_back({.position = {partition, 1}});
  }
  EXPECT_EQ(before.process(0, {&batch, nullptr, 2}, 0), 2u);
  Saved saved;
  before.save(saved, "times");
  const auto watermark = [&](const RestoreScope& scope) {
    auto after = stage();
    saved.restore_to(after, scope);
    after.open(host);
    return *after.made_watermark();
  };
  EXPECT_EQ(watermark({.same_tasks = true}), kStart + 900ms);
  EXPECT_EQ(watermark({.task_index = 0, .parallelism = 2, .same_tasks = false}), kStart + 1900ms);
  EXPECT_EQ(watermark({.task_index = 1, .parallelism = 2, .same_tasks = false}), kStart + 900ms);
}

/// Gives the numbers of a split; throws on sevens, as a source does on a malformed line.
struct Counting final : Source<Reading> {
  std::vector<Split> discover() override { return {{.partition = "a", .end = 2000}, {.partition = "b", .end = 3000}}; }
  Progress read(Split& split, Out<Reading>& out) override {
    while (split.position < split.end && !out.full()) {
      ++split.position;
      auto& reading = out.add();
      reading.number = split.position;
      if (split.position % 10 == 7) {
        out.take_back();
        throw RejectRecord("a seven", "malformed: seven", "line " + std::to_string(split.position));
      }
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

/// Runs a source by itself.
struct SourceRun {
  SourceRun() : stage(std::make_unique<Counting>()) {
    stage.open(host);
    std::uint32_t number = 0;
    for (const auto& split : stage.discover()) stage.add_split({++number, split});
  }
  /// Partitions of the records of one read().
  std::set<std::uint32_t> read() {
    std::set<std::uint32_t> partitions;
    progress = stage.read();
    auto& out = static_cast<detail::Batch<Reading>&>(stage.outputs()[0].batch());
    EXPECT_EQ(out.records.size(), out.metas.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      partitions.insert(out.metas[i].position.partition);
      EXPECT_EQ(out.metas[i].position.offset, out.records[i].number);
      ++records;
    }
    out.clear();
    letters += stage.outputs()[1].size();
    stage.outputs()[1].clear();
    return partitions;
  }
  detail::HarnessHost host;
  detail::TypedSourceStage<Counting> stage;
  Progress progress = Progress::progress;
  std::size_t records = 0;
  std::size_t letters = 0;
};

TEST(SourceStage, EveryRecordHasItsPositionAndBadOnesGoAside) {
  SourceRun run;
  run.host.sets_aside = true;
  while (run.progress != Progress::done) run.read();
  EXPECT_EQ(run.records, 4500u);
  EXPECT_EQ(run.letters, 500u);
}

TEST(SourceStage, SplitsAreReadInTurn) {
  SourceRun run;
  run.host.sets_aside = true;
  std::set<std::uint32_t> seen = run.read();
  seen.merge(run.read());
  EXPECT_THAT(seen, ElementsAre(1u, 2u)) << "one split must not keep the others waiting until its end";
}

TEST(SourceStage, GoesOnAtASplitsPosition) {
  SourceRun run;
  run.host.sets_aside = true;
  detail::TypedSourceStage<Counting> stage(std::make_unique<Counting>());
  stage.open(run.host);
  stage.add_split({1, {.partition = "a", .start = 10, .end = 12, .position = 11}});
  EXPECT_EQ(stage.read(), Progress::progress);
  ASSERT_EQ(stage.outputs()[0].size(), 1u);
  EXPECT_EQ(stage.outputs()[0].batch().metas[0].position, (SourcePosition{1, 12}));
  stage.outputs()[0].clear();
  EXPECT_EQ(stage.read(), Progress::done);
  detail::TypedSourceStage<Counting> from_start(std::make_unique<Counting>());
  from_start.open(run.host);
  from_start.add_split({1, {.partition = "a", .start = 10, .end = 12}});
  EXPECT_EQ(from_start.read(), Progress::progress);
  EXPECT_EQ(from_start.outputs()[0].size(), 2u);
}

}  // namespace
}  // namespace freshet::test
