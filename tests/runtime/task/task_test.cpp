#include "runtime/task/task.h"

#include <gmock/gmock.h>

#include <freshet/endpoints.h>

#include "runtime/task/frame_mix.h"
#include "tests/runtime/task/chain_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::task {

namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Reads what a lever lets it: `allowed` visits, then nothing until there are more, or the end.
class LeverSource final : public Source<Visit> {
 public:
  struct Lever {
    std::uint64_t allowed = 0;
    bool ends = false;
  };
  explicit LeverSource(const Lever& lever) : lever_(lever) {}
  std::vector<Split> discover() override { return {{.partition = "p"}}; }
  Progress read(Split& split, Out<Visit>& out) override {
    if (split.position >= lever_.allowed) return lever_.ends ? Progress::done : Progress::idle;
    while (split.position < lever_.allowed && !out.full()) {
      ++split.position;
      out.emit(visit(split.position));
    }
    return Progress::progress;
  }

 private:
  const Lever& lever_;
};

/// source ─▶ edge 0
class SourceTask {
 public:
  explicit SourceTask(std::uint64_t window = 1u << 20) : fixture(window) {
    auto stage = std::make_unique<detail::TypedSourceStage<LeverSource>>(std::make_unique<LeverSource>(lever));
    stage->add_split({1, {.partition = "p"}});
    fixture.add(std::move(stage));
    fixture.to_edge(0);
    auto made = fixture.make();
    chain = made.get();
    task = std::make_unique<Task>(TaskSetup{.id = {0, 0}, .inputs = {}}, std::move(made), fixture.carrier,
                                  fixture.clock, fixture.listener);
  }
  std::vector<std::string> arrived() {
    fixture.flush(*chain);
    return fixture.arrived(0);
  }
  void grant() {
    fixture.flush(*chain);
    task->mailbox().post(GrantReceived{{0, 0, 0, 0}, fixture.granted(0)});
  }

  LeverSource::Lever lever;
  ChainFixture fixture;
  Chain* chain = nullptr;
  std::unique_ptr<Task> task;
};

TEST(Task, SaysWhatAStepDid) {
  SourceTask source(2048);
  EXPECT_EQ(source.task->step(), Progress::idle);
  source.lever.allowed = 3;
  EXPECT_EQ(source.task->step(), Progress::progress);
  EXPECT_EQ(source.task->step(), Progress::idle);
  EXPECT_THAT(source.arrived(), ElementsAre("1", "2", "3"));
  source.lever.allowed = 500;
  EXPECT_EQ(source.task->step(), Progress::blocked);
  EXPECT_EQ(source.task->step(), Progress::blocked) << "until a grant comes";
  source.lever.ends = true;
  for (int i = 0; i < 1000 && source.task->step() != Progress::done; ++i) source.grant();
  EXPECT_EQ(source.task->step(), Progress::done);
  EXPECT_EQ(source.fixture.listener.ended, 1);
  const auto arrived = source.arrived();
  ASSERT_THAT(arrived, SizeIs(503));
  EXPECT_EQ(arrived[499], "500");
  EXPECT_EQ(arrived[500], "W9223372036854775807");
  EXPECT_EQ(arrived[501], "D");
  EXPECT_EQ(arrived[502], "E");
}

TEST(Task, ABarrierGoesOutBehindWhatWasRead) {
  SourceTask source(2048);
  source.lever.allowed = 500;
  EXPECT_EQ(source.task->step(), Progress::blocked);
  source.task->mailbox().post(InjectBarrierCommand{7});
  EXPECT_EQ(source.task->step(), Progress::blocked);
  EXPECT_THAT(source.fixture.listener.barriers, IsEmpty());
  for (int i = 0; i < 1000 && source.fixture.listener.barriers.empty(); ++i) {
    source.grant();
    static_cast<void>(source.task->step());
  }
  EXPECT_THAT(source.fixture.listener.barriers, ElementsAre(7u));
  const auto arrived = source.arrived();
  ASSERT_THAT(arrived, SizeIs(501));
  EXPECT_EQ(arrived.back(), "B7");
}

TEST(Task, APausedSourceReadsNothingButPassesBarriers) {
  SourceTask source;
  source.lever.allowed = 5;
  source.task->mailbox().post(PauseSourceCommand{true});
  source.task->mailbox().post(InjectBarrierCommand{1});
  EXPECT_EQ(source.task->step(), Progress::progress);
  EXPECT_EQ(source.task->step(), Progress::idle);
  EXPECT_EQ(source.task->next_wakeup(), base::SteadyTime::max());
  EXPECT_THAT(source.arrived(), ElementsAre("B1"));
  source.task->mailbox().post(PauseSourceCommand{false});
  EXPECT_EQ(source.task->step(), Progress::progress);
  EXPECT_THAT(source.arrived(), SizeIs(6));
}

/// Gives visits as a lever lets it, and is idle when that says so.
class MoodyStage final : public SourceStage {
 public:
  struct Mood {
    std::uint64_t allowed = 0;
    bool is_idle = false;
    bool ends = false;
  };
  explicit MoodyStage(const Mood& mood) : mood_(mood) {
    outputs_.emplace_back("out", std::make_unique<VisitBatch>());
    outputs_.emplace_back("dead_letters", std::make_unique<detail::Batch<DeadLetter>>());
  }
  void open(StageHost&) override {}
  void close(bool) override {}
  std::vector<Split> discover() override { return {}; }
  void add_split(SavedSplit) override {}
  const std::vector<SavedSplit>& splits() const override { return splits_; }
  std::string describe(const std::string&, std::uint64_t) const override { return {}; }
  Progress read() override {
    had_some_ = given_ != mood_.allowed;
    if (!had_some_) return mood_.ends ? Progress::done : Progress::idle;
    auto& out = static_cast<VisitBatch&>(outputs_[0].batch());
    for (; given_ < mood_.allowed && out.size() < kBatchRecords; ++given_) {
      out.records.add() = visit(given_ + 1);
      out.metas.push_back({});
    }
    return Progress::progress;
  }
  bool is_idle() const override { return mood_.is_idle && !had_some_ && !mood_.ends; }
  std::optional<Time> made_watermark() const override { return Time(Duration(static_cast<std::int64_t>(given_))); }

 private:
  const Mood& mood_;
  std::uint64_t given_ = 0;
  bool had_some_ = false;
  std::vector<SavedSplit> splits_;
};

TEST(Task, ASourceThatIsIdleSaysSoBehindItsWatermarkAndComesBackBeforeItsRecords) {
  for (const std::uint64_t window : {std::uint64_t{1} << 20, std::uint64_t{600}}) {
    ChainFixture fixture(window);
    MoodyStage::Mood mood{.allowed = 2};
    fixture.add(std::make_unique<MoodyStage>(mood)).to_edge(0);
    auto made = fixture.make();
    Chain* const chain = made.get();
    Task task(TaskSetup{.id = {0, 0}, .inputs = {}}, std::move(made), fixture.carrier, fixture.clock, fixture.listener);
    std::vector<std::string> arrived;
    const auto run = [&] {
      for (int i = 0; i < 300; ++i) {
        static_cast<void>(task.step());
        fixture.clock.advance(300ms);
        fixture.flush(*chain);
        arrived = fixture.arrived(0);
        task.mailbox().post(GrantReceived{{0, 0, 0, 0}, fixture.granted(0)});
      }
    };
    run();
    EXPECT_THAT(arrived, ElementsAre("1", "2", "W2"));
    mood.is_idle = true;
    run();
    EXPECT_EQ(arrived.back(), "I");
    mood.allowed = 4;
    run();
    EXPECT_THAT(arrived, ElementsAre("1", "2", "W2", "I", "A", "3", "4", "W4", "I"));
    mood.ends = true;
    run();
    EXPECT_THAT(arrived,
                ElementsAre("1", "2", "W2", "I", "A", "3", "4", "W4", "I", "A", "W9223372036854775807", "D", "E"));
  }
}

TEST(Task, AnIdleSourceIsLookedAtAgainSoon) {
  SourceTask source;
  EXPECT_EQ(source.task->step(), Progress::idle);
  EXPECT_LE(source.task->next_wakeup(), source.fixture.clock.steady() + 10ms);
  EXPECT_GT(source.task->next_wakeup(), source.fixture.clock.steady());
}

TEST(Task, AccountsItsTime) {
  SourceTask source(2048);
  EXPECT_EQ(source.task->step(), Progress::idle);
  source.fixture.clock.advance(5ms);
  source.lever.allowed = 500;
  EXPECT_EQ(source.task->step(), Progress::blocked);
  source.fixture.clock.advance(7ms);
  EXPECT_EQ(source.task->step(), Progress::blocked);
  const auto status = source.task->status();
  EXPECT_EQ(status.idle_ns, 5'000'000u);
  EXPECT_EQ(status.blocked_ns, 7'000'000u);
  EXPECT_EQ(status.busy_ns, 0u);
  EXPECT_GT(status.in_flight_bytes, 0u);
  EXPECT_EQ(status.phase, "running");
}

/// frames ─▶ gate ─▶ newest of each key, every 10 ms ─▶ edge 0 with little credit
class GateTask {
 public:
  explicit GateTask(std::unique_ptr<Stage> stage, std::uint64_t window = 2048, ErrorPolicy policy = {})
      : fixture(window) {
    fixture.add(std::move(stage), policy).to_edge(0);
    auto made = fixture.make();
    chain = made.get();
    const auto key_of = [](const Visit& v) { return v.number; };
    type = detail::make_edge<Key, Visit>(key_of, detail::FirstTask{});
    task = std::make_unique<Task>(TaskSetup{.id = {1, 0}, .inputs = {{9, 0, 1, 0, type}}}, std::move(made),
                                  fixture.carrier, fixture.clock, fixture.listener);
  }
  void post(std::uint64_t from, std::uint64_t to, std::vector<ControlElement> controls = {}) {
    Frame frame;
    frame.local = true;
    frame.header.channel = {9, 0, 0, 0};
    frame.pool = std::make_shared<BatchPool>();
    frame.batch = std::make_unique<detail::KeyedBatch<Key, Visit>>(keyed_batch(from, to));
    frame.header.checksum = batch_checksum(*frame.batch);
    frame.controls = std::move(controls);
    task->mailbox().post(std::move(frame));
  }
  void grant() {
    fixture.flush(*chain);
    task->mailbox().post(GrantReceived{{0, 0, 0, 0}, fixture.granted(0)});
  }
  std::vector<std::string> arrived() {
    fixture.flush(*chain);
    return fixture.arrived(0);
  }

  ChainFixture fixture;
  std::shared_ptr<const detail::EdgeType> type;
  Chain* chain = nullptr;
  std::unique_ptr<Task> task;
};

TEST(Task, WakesWhenSomethingIsDueAndRestsWhileItIsBlocked) {
  GateTask gate(newest(every(10ms)));
  gate.post(0, 300);
  EXPECT_EQ(gate.task->step(), Progress::progress);
  EXPECT_EQ(gate.task->step(), Progress::idle);
  EXPECT_EQ(gate.task->next_wakeup(), gate.fixture.clock.steady() + 10ms);
  gate.fixture.clock.advance(10ms);
  EXPECT_EQ(gate.task->next_wakeup(), gate.fixture.clock.steady());
  EXPECT_EQ(gate.task->step(), Progress::blocked);
  EXPECT_EQ(gate.task->next_wakeup(), base::SteadyTime::max()) << "only a grant helps: nothing must spin until then";
}

/// A gate task whose state goes to disk beyond what some 20 keys take.
class SpillingTask : public GateTask {
 public:
  static constexpr std::size_t kBudget = 4096;

  SpillingTask() : GateTask(newest(at_end()), 1u << 20) {
    auto store = std::make_unique<test::MemorySpill>();
    disk = store.get();
    chain->spill_to(std::move(store), kBudget);
  }
  /// Until there is nothing to do but wait.
  Progress step_on() {
    Progress progress = Progress::progress;
    while (progress == Progress::progress) progress = task->step();
    return progress;
  }
  std::size_t keys() { return task->status().operators[0].state_entries; }

  test::MemorySpill* disk = nullptr;
};

TEST(Task, WhileTheDiskOfItsStateIsFullItTakesNothingIn) {
  SpillingTask spilling;
  spilling.post(0, 100);
  EXPECT_EQ(spilling.step_on(), Progress::idle);
  EXPECT_FALSE(spilling.disk->entries.empty());
  EXPECT_EQ(spilling.task->status().full_disk, std::nullopt);

  spilling.disk->is_full = true;
  for (std::uint64_t i = 1; i < 10; ++i) spilling.post(i * 100, i * 100 + 100);
  EXPECT_EQ(spilling.step_on(), Progress::blocked);
  const std::size_t keys = spilling.keys();
  EXPECT_LE(keys, 300u) << "about one batch more than fits";
  EXPECT_EQ(spilling.task->status().full_disk, (wire::FullDisk{"/memory", 0, "No space left on device"}));
  EXPECT_EQ(spilling.step_on(), Progress::blocked);
  EXPECT_EQ(spilling.keys(), keys);

  spilling.disk->is_full = false;
  EXPECT_EQ(spilling.task->step(), Progress::blocked) << "it is not tried all the time";
  const auto wakeup = spilling.task->next_wakeup();
  ASSERT_GT(wakeup, spilling.fixture.clock.steady());
  spilling.fixture.clock.advance(wakeup - spilling.fixture.clock.steady());
  EXPECT_EQ(spilling.step_on(), Progress::idle);
  EXPECT_EQ(spilling.task->status().full_disk, std::nullopt);
  EXPECT_EQ(spilling.keys(), 1000u);
  EXPECT_EQ(spilling.task->next_wakeup(), base::SteadyTime::max());
}

TEST(Task, WhatIsOnAFullDiskIsPartOfTheSnapshotAndComesBack) {
  SpillingTask spilling;
  spilling.post(0, 100);
  EXPECT_EQ(spilling.step_on(), Progress::idle);
  spilling.disk->is_full = true;
  spilling.post(0, 50, {{.kind = ElementKind::barrier, .checkpoint = 1}});  // known keys: they come back from there
  const std::uint64_t takes = spilling.disk->takes;
  while (spilling.fixture.listener.barriers.empty() && spilling.task->status().full_disk == std::nullopt)
    (void)spilling.task->step();
  EXPECT_GT(spilling.disk->takes, takes);
  EXPECT_EQ(spilling.keys(), 100u);
  spilling.disk->is_full = false;
  spilling.fixture.clock.advance(1s);
  EXPECT_EQ(spilling.step_on(), Progress::idle);
  EXPECT_THAT(spilling.fixture.listener.barriers, ElementsAre(1u));
  EXPECT_EQ(spilling.keys(), 100u);
}

TEST(Task, ABarrierWaitsForWhatIsDue) {
  GateTask gate(newest(every(10ms)));
  gate.post(0, 1000);
  while (gate.task->step() == Progress::progress) {
  }
  gate.post(1000, 1000, {{.kind = ElementKind::barrier, .checkpoint = 1}});
  gate.fixture.clock.advance(10ms);
  for (int i = 0; i < 1000 && gate.fixture.listener.barriers.empty(); ++i) {
    static_cast<void>(gate.task->step());
    gate.grant();
  }
  const auto arrived = gate.arrived();
  ASSERT_THAT(arrived, SizeIs(1001));
  EXPECT_EQ(arrived.back(), "B1");
}

TEST(Task, ASnapshotIsHandedOverWithWhatWasSentBeforeItsBarrier) {
  const ErrorPolicy some = set_aside();
  GateTask gate(flat_map([](const Visit& v, Out<Visit>& out) {
                  if (v.number == 7) throw std::runtime_error("seven");
                  out.emit(v);
                  out.emit(v);
                }),
                2048, some);
  gate.post(0, 100, {{.kind = ElementKind::barrier, .checkpoint = 1}});
  while (gate.task->step() == Progress::progress) {
  }
  auto& listener = gate.fixture.listener;
  EXPECT_EQ(gate.task->step(), Progress::blocked);
  EXPECT_THAT(listener.tallied, IsEmpty()) << "the barrier waits for room";
  for (int i = 0; i < 1000 && listener.barriers.empty(); ++i) {
    gate.grant();
    static_cast<void>(gate.task->step());
  }
  ASSERT_THAT(listener.tallied, SizeIs(1));
  const auto& [checkpoint, tallies] = listener.tallied[0];
  EXPECT_EQ(checkpoint, 1u);
  ASSERT_THAT(tallies, SizeIs(2));
  EXPECT_EQ(tallies[0].edge, 9u);
  EXPECT_EQ(tallies[0].received, 100u);
  EXPECT_EQ(tallies[0].applied, 99u);
  EXPECT_EQ(tallies[0].refused, 1u);
  EXPECT_EQ(tallies[1].edge, 0u);
  EXPECT_EQ(tallies[1].sent, 198u);
}

TEST(Task, AFailureInUserCodeEndsItAndNamesOperatorAndRecord) {
  GateTask gate(map([](const Visit& v) {
    if (v.number == 3) throw std::runtime_error("three");
    return v;
  }));
  gate.post(0, 5);
  EXPECT_EQ(gate.task->step(), Progress::done);
  ASSERT_THAT(gate.fixture.listener.failures, SizeIs(1));
  const auto& failure = gate.fixture.listener.failures[0];
  EXPECT_EQ(failure.operator_id, "op0");
  EXPECT_EQ(failure.what(), std::string("three"));
  EXPECT_EQ(failure.record, R"({"user":3,"number":3,"page":""})");
  EXPECT_TRUE(gate.task->is_over());
  EXPECT_EQ(gate.task->status().phase, "failed");
  gate.post(5, 6);
  EXPECT_EQ(gate.task->step(), Progress::done) << "and it does nothing more";
  EXPECT_THAT(gate.fixture.listener.failures, SizeIs(1));
  EXPECT_EQ(Chain::running(), nullptr) << "nobody is to blame for what this thread does next";
}

TEST(Task, PullsTheBrakeOnceWhenTooManyRecordsAreSetAside) {
  const ErrorPolicy few{.kind = ErrorPolicyKind::dead_letter, .pause_above = 0.05};
  GateTask gate(map([](const Visit& v) {
                  if (v.number % 10 == 0) throw std::runtime_error("bad");
                  return v;
                }),
                1u << 20, few);
  gate.post(0, 400);
  for (int i = 0; i < 5; ++i) static_cast<void>(gate.task->step());
  EXPECT_EQ(gate.fixture.listener.brakes, 1);
  EXPECT_THAT(gate.fixture.listener.letters, SizeIs(40));
  EXPECT_THAT(gate.fixture.listener.failures, IsEmpty());
}

}  // namespace

}  // namespace freshet::task
