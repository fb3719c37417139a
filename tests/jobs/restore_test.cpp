#include <freshet/freshet.h>
#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "runtime/base/random.h"
#include "runtime/worker/local_engine.h"
#include "tests/support/seed.h"

/// Jobs that are saved at a barrier somewhere in the middle and go on from there in another engine: their results must
/// be those of a run that was never interrupted, whatever the parallelism before and after.
namespace freshet {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kPartitions = 5;
constexpr std::uint64_t kEventsEach = 2000;
constexpr std::uint64_t kBadEach = 4;  // refused by the source

struct Event {
  std::uint64_t id = 0;
  std::string user{};
  std::uint64_t amount = 0;
  Time at{};
  FRESHET_RECORD(id, user, amount, at)
};

struct Total {
  std::string user{};
  std::uint64_t events = 0;
  std::uint64_t amount = 0;
  FRESHET_RECORD(user, events, amount)
};

/// Users keep to one partition, so that their events have an order. They come and go: most keys change during a short
/// part of the stream only. Every fourth event comes twice.
Event event_of(std::uint64_t partition, std::uint64_t i) {
  const std::uint64_t unique = i - (i % 4 == 3 ? 1 : 0);
  const std::uint64_t mixed = (partition * 1'000'003 + unique) * 0x9e3779b97f4a7c15ULL;
  return {partition * 1'000'000 + unique,
          "user-" + std::to_string(partition) + "-" + std::to_string(unique / 200 * 10 + (mixed >> 40) % 30),
          (mixed >> 20) % 100, Time(Duration(1'700'000'000'000 + static_cast<std::int64_t>(unique * 10)))};
}

class Partitions final : public Source<Event> {
 public:
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::uint64_t p = 0; p < kPartitions; ++p) splits.push_back({std::to_string(p), 0, kEventsEach, 0});
    return splits;
  }
  Progress read(Split& split, Out<Event>& out) override {
    const std::uint64_t until = std::min(split.end, split.position + 7);  // a few at a time: many places for a barrier
    while (!out.full() && split.position < until) {
      ++split.position;
      if (split.position % 500 == 13) throw RejectRecord("event 13 of its kind");
      out.emit(event_of(std::stoull(split.partition), split.position - 1));
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

/// Newest row by sink and key, of all engines that this test ran since it was cleared.
std::map<std::string, std::string>& results() {
  static std::map<std::string, std::string> rows;
  return rows;
}

struct Row {
  std::string key{};
  std::string text{};
  FRESHET_RECORD(key, text)
};

class Upsert final : public Sink<Row> {
 public:
  explicit Upsert(std::string name) : name_(std::move(name)) {}
  void write(const Row& row) override { results()[name_ + " " + row.key] = row.text; }

 private:
  const std::string name_;
};

/// Counts, lists and maps per user by hand, and emits what it has at each event.
struct ByHand final : KeyedOperator<std::string, Event, Row> {
  void process(const Event& event, Out<Row>& out) override {
    seen.add();
    last.set(event.id);
    if (event.amount % 10 == 0) tens.push_back(event.id);
    ++amounts[event.amount % 3];
    std::string text = std::to_string(last.get()) + ";";
    for (const auto id : tens.get()) text += " " + std::to_string(id);
    for (std::uint64_t rest = 0; rest < 3; ++rest) text += "; " + std::to_string(amounts[rest]);
    out.emit({key(), text});
  }
  Counter seen{this, "seen"};
  ValueState<std::uint64_t> last{this, "last"};
  ListState<std::uint64_t> tens{this, "tens"};
  MapState<std::uint64_t, std::uint64_t> amounts{this, "amounts"};
};

/// ByHand of another version.
struct ByHandOfText final : KeyedOperator<std::string, Event, Row> {
  void process(const Event&, Out<Row>&) override {}
  ValueState<std::string> last{this, "last"};
};

struct Version {
  Duration ttl = Duration::max();
  bool has_changed = true;  ///< the step of that name
  bool by_hand_of_text = false;
};

void build(Job& job, const Version& version) {
  const auto add = [](Total& total, const Event& event) {
    total.user = event.user;
    ++total.events;
    total.amount += event.amount;
  };
  const auto row = [](const Total& total) {
    return Row{total.user, std::to_string(total.events) + " " + std::to_string(total.amount)};
  };
  const auto by_user = job.source<Partitions>("events").event_time(&Event::at).key_by(&Event::user);
  const auto once = by_user.dedupe("once", &Event::id);
  once.fold("all", add, {.ttl = version.ttl}).emit(at_end()).map("all_rows", row).sink<Upsert>("all_sink", "all");
  if (version.has_changed)
    once.fold("changed", add).emit(every(50ms)).map("changed_rows", row).sink<Upsert>("changed_sink", "changed");
  if (version.by_hand_of_text)
    by_user.process<ByHandOfText>("by_hand").sink<Upsert>("by_hand_sink", "by_hand");
  else
    by_user.process<ByHand>("by_hand").sink<Upsert>("by_hand_sink", "by_hand");
}

/// A job with an engine under it.
class EngineRun {
 public:
  explicit EngineRun(std::int64_t parallelism, const Version& version = {}) {
    build(job_, version);
    job_.finish();
    engine_ = std::make_unique<worker::LocalEngine>(
        job_, worker::LocalEngine::Options{.parallelism = parallelism, .data = small_frames(), .snapshots = true});
    for (const auto& problem : engine_->problems()) ADD_FAILURE() << problem.where << ": " << problem.message;
  }
  worker::LocalEngine& operator*() { return *engine_; }
  worker::LocalEngine* operator->() { return engine_.get(); }

  /// Some steps, and some time.
  void go_on(std::uint64_t steps) {
    engine_->run(steps);
    engine_->clock().advance(5ms);
    ASSERT_FALSE(engine_->failure()) << engine_->failure()->what();
  }
  void run_to_end() {
    engine_->end_stream();
    for (int i = 0; i < 100'000 && !engine_->run(); ++i) {
      ASSERT_FALSE(engine_->failure()) << engine_->failure()->what();
      engine_->clock().advance(5ms);
    }
    EXPECT_FALSE(engine_->failure()) << engine_->failure()->operator_id << engine_->failure()->what();
    engine_->close();
  }
  /// Sum of the authors' counters; only ByHand has one.
  std::uint64_t counted() {
    std::uint64_t sum = 0;
    for (auto* task : engine_->tasks()) {
      for (const auto& op : task->status().operators)
        sum = std::accumulate(op.counters.begin(), op.counters.end(), sum);
    }
    return sum;
  }
  /// Injects a barrier and goes on until all tasks have saved.
  std::shared_ptr<const worker::JobSnapshot> save(std::uint64_t checkpoint) {
    engine_->inject_barrier(checkpoint);
    for (int i = 0; i < 100'000 && engine_->snapshot(checkpoint) == nullptr; ++i) go_on(50);
    const auto* snapshot = engine_->snapshot(checkpoint);
    EXPECT_NE(snapshot, nullptr) << "a barrier does not come through";
    return snapshot == nullptr ? nullptr : std::make_shared<worker::JobSnapshot>(*snapshot);
  }

 private:
  static wire::DataOptions small_frames() {
    wire::DataOptions data;
    data.channel_window = 4096;
    data.frame_bytes = 512;
    return data;
  }
  Job job_;
  std::unique_ptr<worker::LocalEngine> engine_;
};

std::map<std::string, std::string> uninterrupted() {
  results().clear();
  EngineRun run(1);
  run->start();
  run.run_to_end();
  return std::exchange(results(), {});
}

/// Rows that two runs do not share.
std::vector<std::string> differences(const std::map<std::string, std::string>& a,
                                     const std::map<std::string, std::string>& b) {
  std::vector<std::string> rows;
  for (const auto& [key, text] : a) {
    const auto other = b.find(key);
    if (other == b.end())
      rows.push_back(key + ": " + text + " and nothing");
    else if (other->second != text)
      rows.push_back(key + ": " + text + " and " + other->second);
  }
  for (const auto& [key, text] : b) {
    if (!a.contains(key)) rows.push_back(key + ": nothing and " + text);
  }
  return rows;
}

/// The job as often saved and restored as there are parallelisms, each time with the next.
void interrupted(const std::vector<std::int64_t>& parallelisms, base::Random& random, std::uint64_t most_steps) {
  results().clear();
  std::shared_ptr<const worker::JobSnapshot> from;
  std::uint64_t checkpoint = 0;
  for (std::size_t i = 0; i < parallelisms.size(); ++i) {
    EngineRun run(parallelisms[i]);
    run->start(from.get());
    if (i + 1 == parallelisms.size()) {
      run.run_to_end();
      EXPECT_EQ(run.counted(), kPartitions * (kEventsEach - kBadEach)) << "counters go on where they were";
      return;
    }
    run.go_on(random.below(most_steps));
    from = run.save(++checkpoint);
    ASSERT_NE(from, nullptr);
  }
}

TEST(Restore, WithTheSameTasksGivesWhatARunWithoutInterruptionGives) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const auto expected = uninterrupted();
  ASSERT_GT(expected.size(), 100u);
  for (const std::int64_t tasks : {1, 3}) {
    for (int round = 0; round < 5; ++round) {
      interrupted({tasks, tasks, tasks}, random, 10'000);
      EXPECT_THAT(differences(results(), expected), IsEmpty()) << tasks << " tasks";
    }
  }
}

TEST(Restore, WithMoreOrFewerTasksGivesTheSame) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const auto expected = uninterrupted();
  for (int round = 0; round < 3; ++round) {
    interrupted({2, 4, 3, 1}, random, 6'000);
    EXPECT_THAT(differences(results(), expected), IsEmpty());
  }
}

TEST(Restore, BehindTheEndOfTheDataNothingIsReadOrEmittedTwice) {
  const auto expected = uninterrupted();
  std::shared_ptr<const worker::JobSnapshot> last;
  {
    EngineRun run(2);
    run->start();
    for (int i = 0; i < 2'000; ++i) run.go_on(1'000);  // until nothing moves: all is read, and the stream is kept open
    last = run.save(1);
    ASSERT_NE(last, nullptr);
  }
  EXPECT_THAT(differences(std::exchange(results(), {}), expected), IsEmpty())
      << "what goes out at the end of the data is out";
  EngineRun again(2);
  again->start(last.get());
  again.run_to_end();
  EXPECT_TRUE(results().empty()) << results().size() << " rows came again, " << results().begin()->first;
}

/// Of a job in the middle of its input.
std::shared_ptr<const worker::JobSnapshot> saved_halfway() {
  EngineRun run(1);
  run->start();
  run.go_on(1'000);
  return run.save(1);
}

TEST(Restore, StateThatGetsATtlCountsAsWrittenThen) {
  const auto expected = uninterrupted();
  const auto saved = saved_halfway();
  ASSERT_NE(saved, nullptr);
  EngineRun run(1, {.ttl = 24h});
  run->start(saved.get());
  run.run_to_end();
  EXPECT_THAT(differences(results(), expected), IsEmpty());
}

std::string refusal(const Version& version) {
  const auto saved = saved_halfway();
  EngineRun run(1, version);
  try {
    run->start(saved.get());
  } catch (const task::TaskFailure& failure) {
    return failure.operator_id + ": " + failure.what();
  }
  return "not refused";
}

TEST(Restore, IsRefusedWhereTheOperatorOrItsStateIsAnother) {
  EXPECT_EQ(refusal({.has_changed = false}), "changed: what was saved of it has no operator to go to");
  EXPECT_EQ(refusal({.by_hand_of_text = true}), "by_hand: state last: u64 to string, which is no widening");
}

}  // namespace
}  // namespace freshet
