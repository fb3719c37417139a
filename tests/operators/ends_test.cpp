#include <freshet/endpoints.h>
#include <freshet/operator_harness.h>
#include <gmock/gmock.h>

namespace freshet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Reading {
  std::uint64_t number = 0;
  Time at{};
  FRESHET_RECORD(number, at)
};

constexpr Time kStart{Duration(1'772'334'431'000)};

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

/// Gives the readings of its partitions, named by their numbers, one a call.
struct Listed final : Source<Reading> {
  using Readings = std::map<std::string, std::vector<Reading>>;
  explicit Listed(Readings all) : readings(std::move(all)) {}
  std::vector<Split> discover() override { return {}; }
  Progress read(Split& split, Out<Reading>& out) override {
    const auto& all = readings.at(split.partition);
    if (split.position < all.size()) out.emit(all[split.position++]);
    return split.position == all.size() ? Progress::done : Progress::progress;
  }
  Readings readings;
};

/// A source of readings with event time.
struct TimedSource {
  explicit TimedSource(const Listed::Readings& readings, EventTimeOptions options = {.max_disorder = 100ms})
      : stage(std::make_unique<Listed>(readings)) {
    stage.set_event_time({&Reading::at, options});
    host.sets_aside = true;
  }
  void open(const std::vector<std::uint32_t>& partitions) {
    stage.open(host);
    for (const auto partition : partitions) stage.add_split({partition, {.partition = std::to_string(partition)}});
  }
  /// Reads once; answers the watermark.
  Time read() {
    (void)stage.read();
    return *stage.made_watermark();
  }
  std::vector<std::uint64_t> numbers() {
    auto& out = static_cast<detail::Batch<Reading>&>(stage.outputs()[0].batch());
    EXPECT_EQ(out.records.size(), out.metas.size());
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(Time(Duration(out.metas[i].event_time_ms)), out.records[i].at);
      all.push_back(out.records[i].number);
    }
    return all;
  }
  detail::HarnessHost host;
  detail::TypedSourceStage<Listed> stage;
};

TEST(EventTime, StampsRecordsAndRefusesAncientOnes) {
  TimedSource source(
      {{"1", {{1, kStart}, {2, Time(0ms)}, {3, kStart + 5ms}, {4, Time(1ms)}, {5, kStart}, {6, Time::max()}}}});
  source.open({1});
  while (source.stage.read() != Progress::done) continue;
  EXPECT_THAT(source.numbers(), ElementsAre(1, 3, 5));
  auto& letters = static_cast<detail::Batch<DeadLetter>&>(source.stage.outputs()[1].batch());
  ASSERT_EQ(letters.size(), 3u);
  EXPECT_THAT(letters.records[2].message, HasSubstr("is beyond the year 9999"));
  EXPECT_EQ(letters.records[0].reason, "malformed: event time");
  EXPECT_EQ(letters.records[0].message, "event time 1970-01-01T00:00:00Z is before the earliest allowed");
  EXPECT_THAT(letters.records[1].record, HasSubstr(R"("number":4)"));
  EXPECT_EQ(letters.records[1].origin, "harness, record 4");
}

TEST(EventTime, TheSlowestSplitHoldsTheWatermark) {
  TimedSource source({{"1", {{1, kStart + 1s}, {2, kStart}, {3, kStart + 9s}, {4, kStart + 9s}}},
                      {"2", {{5, kStart + 500ms}, {6, kStart + 2s}}}});
  source.open({1, 2});
  EXPECT_EQ(source.stage.made_watermark(), Time::min());
  EXPECT_EQ(source.read(), Time::min()) << "the other has not been read";
  EXPECT_EQ(source.read(), kStart + 400ms);
  EXPECT_EQ(source.read(), kStart + 400ms);
  EXPECT_EQ(source.read(), kStart + 900ms) << "the second was read to its end; a late record takes nothing back";
  EXPECT_EQ(source.read(), kStart + 8900ms);
  EXPECT_EQ(source.stage.read(), Progress::progress);
  EXPECT_EQ(source.stage.read(), Progress::done);
  EXPECT_EQ(source.stage.made_watermark(), kStart + 1900ms) << "of the chain's business: it never lets it go back";
}

/// Gives one reading a call, as long as it has some, and has no end.
struct Endless final : Source<Reading> {
  std::vector<Split> discover() override { return {}; }
  Progress read(Split& split, Out<Reading>& out) override {
    auto& waiting = readings[split.partition];
    if (waiting.empty()) return Progress::idle;
    ++split.position;
    out.emit(waiting.front());
    waiting.erase(waiting.begin());
    return Progress::progress;
  }
  std::map<std::string, std::vector<Reading>> readings;
};

class IdleSplits : public testing::Test {
 protected:
  IdleSplits() : source_(*endless_), stage_(std::move(endless_)) {
    stage_.set_event_time({&Reading::at, {.idle_after = 10s}});
    host_.now_value = kStart;
    stage_.open(host_);
    for (const std::uint32_t partition : {1, 2})
      stage_.add_split({partition, {.partition = std::to_string(partition)}});
  }
  /// Asks again and again for so long; answers the watermark.
  Time poll_for(Duration time, Duration step = 500ms) {
    for (const Time end = host_.now_value + time; host_.now_value < end;) {
      host_.now_value += step;
      (void)stage_.read();
      stage_.outputs()[0].clear();
    }
    return *stage_.made_watermark();
  }
  std::unique_ptr<Endless> endless_ = std::make_unique<Endless>();
  Endless& source_;
  detail::HarnessHost host_;
  detail::TypedSourceStage<Endless> stage_;
};

TEST_F(IdleSplits, HoldNothingUpUntilTheyHaveSomethingAgain) {
  source_.readings["1"] = {{1, kStart + 5s}};
  EXPECT_EQ(poll_for(9s), Time::min());
  EXPECT_FALSE(stage_.is_idle());
  source_.readings["1"] = {{2, kStart + 6s}};
  EXPECT_EQ(poll_for(4s), kStart + 6s) << "the second has had nothing for ten seconds, the first has";
  EXPECT_FALSE(stage_.is_idle());
  source_.readings["2"] = {{3, kStart + 3s}};
  EXPECT_EQ(poll_for(1s), kStart + 3s) << "the chain never lets it go back";
  (void)poll_for(15s);
  EXPECT_TRUE(stage_.is_idle()) << "both";
  EXPECT_EQ(*stage_.made_watermark(), Time::min()) << "says nothing more";
  source_.readings["2"] = {{4, kStart + 20s}};
  (void)poll_for(500ms);
  EXPECT_FALSE(stage_.is_idle());
  EXPECT_EQ(*stage_.made_watermark(), kStart + 20s);
}

TEST_F(IdleSplits, TimeInWhichNobodyAskedDoesNotCount) {
  source_.readings["1"] = {{1, kStart + 5s}};
  (void)poll_for(8s);
  host_.now_value += 100s;  // the process was stopped, or waited for room
  EXPECT_EQ(poll_for(500ms), Time::min());
  host_.now_value -= 1000s;  // the clock was set
  source_.readings["1"] = {{2, kStart + 6s}};
  EXPECT_EQ(poll_for(500ms), Time::min());
  source_.readings["1"] = {{3, kStart + 7s}};
  EXPECT_EQ(poll_for(5s), kStart + 7s);
}

TEST_F(IdleSplits, AStopOfTheProcessMakesNoneOfThemHoweverShortTheTime) {
  stage_.set_event_time({&Reading::at, {.idle_after = 200ms}});
  source_.readings["1"] = {{1, kStart + 5s}};
  EXPECT_EQ(poll_for(50ms, 10ms), Time::min());
  host_.now_value += 100s;
  source_.readings["1"] = {{2, kStart + 6s}};
  EXPECT_EQ(poll_for(10ms, 10ms), Time::min()) << "the second was asked once since";
  source_.readings["1"] = {{3, kStart + 7s}};
  EXPECT_EQ(poll_for(190ms, 10ms), kStart + 7s);
}

TEST_F(IdleSplits, OneWithAnEndIsNever) {
  stage_.add_split({3, {.partition = "3", .end = 100}});
  source_.readings["1"] = {{1, kStart + 5s}};
  source_.readings["2"] = {{2, kStart + 5s}};
  EXPECT_EQ(poll_for(100s), Time::min());
  EXPECT_FALSE(stage_.is_idle());
}

TEST(EventTime, RestoredWithMoreTasksEachWaitsForItsOwnSplitsOnly) {
  const Listed::Readings readings{{"1", {{1, kStart + 1s}, {2, kStart + 50s}}},
                                  {"2", {{3, kStart + 2s}, {4, kStart + 50s}}}};
  TimedSource before(readings);
  before.open({1, 2});
  before.read();
  EXPECT_EQ(before.read(), kStart + 900ms);
  Saved saved;
  before.stage.save(saved, "times");
  const auto watermark = [&](const RestoreScope& scope) {
    TimedSource after(readings);
    saved.restore_to(after.stage, scope);
    after.open({});
    return *after.stage.made_watermark();
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
