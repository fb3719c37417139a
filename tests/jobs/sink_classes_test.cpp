#include <freshet/freshet.h>
#include <gmock/gmock.h>

#include "runtime/worker/local_engine.h"

/// Sinks of the author's own in jobs that run: with checkpoints, without, and what the plan says of them.
namespace freshet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Count {
  std::uint64_t number = 0;
  FRESHET_RECORD(number)
};

class Counts final : public Source<Count> {
 public:
  std::vector<Split> discover() override { return {{.partition = "counts", .end = 6}}; }
  Progress read(Split& split, Out<Count>& out) override {
    if (split.position == split.end) return Progress::done;
    ++split.position;
    out.emit({split.position});
    return Progress::progress;
  }
};

/// What the sinks of one test reached.
struct Store {
  std::map<std::string, std::vector<std::uint64_t>> prepared{};
  std::vector<std::uint64_t> seen{};
  std::map<std::uint64_t, std::pair<std::uint64_t, Version>> by_parity{};
  std::vector<std::string> aborted{};
};

class TwoPhase final : public TransactionalSink<Count, std::string> {
 public:
  explicit TwoPhase(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  void write(const Count& count) override { open_.push_back(count.number); }
  std::string prepare() override {
    std::string name = context().run + "-" + std::to_string(context().attempt) + "-" +
                       std::to_string(context().task_index) + "-" + std::to_string(++pieces_);
    store_->prepared[name] = std::exchange(open_, {});
    return name;
  }
  void commit(const std::string& name) override {
    for (const auto number : store_->prepared[name]) store_->seen.push_back(number);
    store_->prepared.erase(name);
  }
  void abort(const std::string& name) override {
    store_->aborted.push_back(name);
    throw std::runtime_error("best effort");
  }
  std::vector<std::string> prepared_before() override {
    std::vector<std::string> names;
    for (const auto& [name, rows] : store_->prepared) names.push_back(name);
    return names;
  }

 private:
  std::shared_ptr<Store> store_;  // shared with the test
  std::vector<std::uint64_t> open_;
  int pieces_ = 0;
};

class ByParity final : public UpsertSink<std::uint64_t, Count> {
 public:
  explicit ByParity(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  void put(const std::uint64_t& key, const Count& count, Version version) override {
    store_->by_parity[key] = {count.number, version};
  }

 private:
  std::shared_ptr<Store> store_;  // shared with the test
};

class Unreachable final : public UpsertSink<std::uint64_t, Count> {
 public:
  explicit Unreachable(std::shared_ptr<std::vector<std::uint64_t>> batches) : batches_(std::move(batches)) {}
  void put(const std::uint64_t&, const Count&, Version) override { ++puts_; }
  void end_batch() override {
    batches_->push_back(puts_);
    throw std::runtime_error("the store is gone");
  }

 private:
  std::shared_ptr<std::vector<std::uint64_t>> batches_;  // shared with the test
  std::uint64_t puts_ = 0;
};

class Plain final : public Sink<Count> {
 public:
  void write(const Count&) override {}
};

void build(Job& job, const std::shared_ptr<Store>& store) {
  const auto counts = job.source<Counts>("counts");
  counts.sink<TwoPhase>("two_phase", store);
  counts.key_by("parity", [](const Count& count) { return count.number % 2; }).sink<ByParity>("by_parity", store);
  counts.sink<Plain>("plain");
}

struct EngineRun {
  EngineRun(const std::shared_ptr<Store>& store, bool snapshots, std::uint32_t attempt = 1) {
    build(job, store);
    job.finish();
    engine = std::make_unique<worker::LocalEngine>(
        job, worker::LocalEngine::Options{.snapshots = snapshots, .run = "run", .attempt = attempt});
    EXPECT_THAT(engine->problems(), IsEmpty());
  }
  Job job;
  std::unique_ptr<worker::LocalEngine> engine;
};

TEST(SinkClasses, ThePlanSaysWhatEachGuarantees) {
  const EngineRun run(std::make_shared<Store>(), true);
  std::map<std::string, std::string> guarantees;
  for (const auto& node : run.job.graph().operators)
    if (node.kind == OperatorKind::sink) guarantees[node.id] = node.guarantee;
  EXPECT_EQ(guarantees, (std::map<std::string, std::string>{{"by_parity", "exactly-once (idempotent)"},
                                                            {"plain", "at-least-once"},
                                                            {"two_phase", "exactly-once (two-phase)"}}));
}

TEST(SinkClasses, WithoutCheckpointsThereIsOneCommitAtTheEnd) {
  const auto store = std::make_shared<Store>();
  EngineRun run(store, false);
  run.engine->start();
  while (!run.engine->run()) run.engine->clock().advance(10ms);
  EXPECT_THAT(store->seen, IsEmpty());
  run.engine->close();
  EXPECT_THAT(store->seen, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(store->by_parity[0], std::pair(std::uint64_t{6}, (Version{1, 0})));
}

TEST(SinkClasses, AJobThatFailsWithoutCheckpointsCommitsNothing) {
  const auto store = std::make_shared<Store>();
  EngineRun run(store, false);
  run.engine->start();
  run.engine->run(10);
  run.engine->close();
  EXPECT_THAT(store->seen, IsEmpty());
}

TEST(SinkClasses, ACommitComesWithItsCheckpointAndIsRepeatedByTheNextAttempt) {
  const auto store = std::make_shared<Store>();
  worker::JobSnapshot saved;
  {
    EngineRun run(store, true);
    run.engine->start();
    run.engine->run();  // until all is read
    run.engine->inject_barrier(5);
    run.engine->run();
    ASSERT_NE(run.engine->snapshot(5), nullptr);
    saved = *run.engine->snapshot(5);
    EXPECT_THAT(store->seen, IsEmpty()) << "the checkpoint is not complete";
  }
  store->prepared["run-0-0-1"] = {99};
  EngineRun again(store, true, 2);
  again.engine->start(&saved);
  EXPECT_THAT(store->seen, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(store->aborted, ElementsAre("run-0-0-1")) << "no checkpoint holds it";
  again.engine->inject_barrier(6);
  again.engine->run();
  again.engine->commit(6);
  again.engine->end_stream();
  EXPECT_TRUE(again.engine->run());
  EXPECT_FALSE(again.engine->failure());
  again.engine->close();
  EXPECT_THAT(store->seen, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(SinkClasses, AVersionIsTheAttemptAndTheNewestBarrier) {
  const auto store = std::make_shared<Store>();
  EngineRun run(store, true, 3);
  run.engine->start();
  run.engine->inject_barrier(8);  // before anything is read
  run.engine->run();
  EXPECT_EQ(store->by_parity[0], std::pair(std::uint64_t{6}, (Version{3, 8})));
}

TEST(SinkClasses, WhatTheEndOfABatchThrowsFailsTheJobAndIsNoDeadLetter) {
  const auto batches = std::make_shared<std::vector<std::uint64_t>>();
  Job job;
  job.source<Counts>("counts")
      .key_by("parity", [](const Count& count) { return count.number % 2; })
      .sink<Unreachable>("unreachable", batches)
      .on_error(dead_letter());
  job.finish();
  worker::LocalEngine engine(job, {});
  ASSERT_THAT(engine.problems(), IsEmpty());
  engine.start();
  engine.run();
  ASSERT_TRUE(engine.failure());
  EXPECT_EQ(engine.failure()->operator_id, "unreachable");
  EXPECT_STREQ(engine.failure()->what(), "the store is gone");
  EXPECT_EQ(batches->size(), 1u);
  EXPECT_GE(batches->at(0), 1u) << "it comes behind the puts";
}

}  // namespace
}  // namespace freshet
