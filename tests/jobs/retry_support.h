#pragma once

#include <freshet/freshet.h>
#include <gtest/gtest.h>

#include <map>

#include "runtime/worker/local_engine.h"

/// Orders some of which need a service outside, and a job that runs, waits and is saved as a test wants it to.
namespace freshet::retry_test {

struct Order {
  std::uint64_t id = 0;
  std::uint64_t user = 0;
  std::uint64_t amount = 0;
  Time at{};
  FRESHET_RECORD(id, user, amount, at)
};
struct Total {
  std::uint64_t user = 0, orders = 0, amount = 0;
  FRESHET_RECORD(user, orders, amount)
};
struct Count {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t orders = 0;
  FRESHET_RECORD(user, window, orders)
};

constexpr std::uint64_t kPartitions = 3;

/// What the world outside looks like, and what arrived.
struct World {
  std::uint64_t orders_each = 100;
  bool is_down = false;                                 // the service that every tenth order needs
  std::map<std::uint64_t, std::vector<Time>> attempts;  // on each of these
  std::uint64_t rejected = ~0ULL;                       // this one it will never take
  std::vector<Order> arrived;
  std::map<std::uint64_t, Total> totals;
  std::uint64_t in_windows = 0;
  bool goes_on = false;  // the input: more may come
  const base::Clock* clock = nullptr;
  std::uint64_t seen = 0;
};
inline World world;

class Orders final : public Source<Order> {
 public:
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    const std::uint64_t end = world.goes_on ? ~0ULL : world.orders_each;
    for (std::uint64_t p = 0; p < kPartitions; ++p) splits.push_back({std::to_string(p), 0, end, 0});
    return splits;
  }
  Progress read(Split& split, Out<Order>& out) override {
    const std::uint64_t end = std::min(split.end, world.orders_each);
    const std::uint64_t until = std::min(end, split.position + 5);
    while (!out.full() && split.position < until) {
      const std::uint64_t id = split.position++ * kPartitions + std::stoull(split.partition);
      out.emit({id, std::stoull(split.partition) * 10 + id % 7, id % 100,
                Time(Duration(1'700'000'000'000 + static_cast<std::int64_t>(id * 100)))});
    }
    if (split.position != end) return Progress::progress;
    return world.goes_on ? Progress::idle : Progress::done;
  }
};
class Arrived final : public Sink<Order> {
 public:
  void write(const Order& order) override { world.arrived.push_back(order); }
};
class Totals final : public Sink<Total> {
 public:
  void write(const Total& total) override { world.totals[total.user] = total; }
};
class Counts final : public Sink<Count> {
 public:
  void write(const Count& count) override { world.in_windows += count.orders; }
};

inline bool needs_service(const Order& order) { return order.id % 10 == 3; }
/// Asks the service.
inline void ask(const Order& order) {
  ++world.seen;
  if (!needs_service(order)) return;
  world.attempts[order.id].push_back(world.clock->wall());
  if (order.id == world.rejected) throw RejectRecord("no such thing", "unknown");
  if (world.is_down) throw TryAgain("the service is down");
}
inline const auto kAsk = [](const Order& order) {
  ask(order);
  return order;
};
inline const auto kAdd = [](Total& total, const Order& order) {
  total.user = order.user;
  ++total.orders;
  total.amount += order.amount;
  ask(order);  // when it throws, what was added must not stay
};

class JobRun {
 public:
  using Build = std::function<void(Job&)>;
  explicit JobRun(const Build& build, std::int64_t parallelism = 1) {
    static std::uint32_t attempt = 0;
    build(job_);
    job_.finish();
    engine_ = std::make_unique<worker::LocalEngine>(
        job_, worker::LocalEngine::Options{.parallelism = parallelism, .snapshots = true, .attempt = ++attempt});
    for (const auto& problem : engine_->problems()) problems.push_back(problem.message);
    for (const auto& warning : job_.warnings()) warnings.push_back(warning.where + ": " + warning.message);
    world.clock = &engine_->clock();
  }
  void start(const worker::JobSnapshot* from = nullptr) {
    engine_->start(from);
    if (engine_->failure()) ADD_FAILURE() << engine_->failure()->what();
  }
  /// Until there is nothing to do but wait.
  JobRun& settle() {
    engine_->run(100'000);
    if (engine_->failure()) ADD_FAILURE() << engine_->failure()->what();
    return *this;
  }
  JobRun& wait(Duration time) {
    engine_->clock().advance(time);
    return settle();
  }
  /// True: the job has ended within `most`.
  bool ends_within(Duration most) {
    engine_->end_stream();
    for (Duration passed{}; passed <= most; passed += 50ms) {
      if (engine_->run()) return true;
      if (engine_->failure()) {
        ADD_FAILURE() << engine_->failure()->what();
        return false;
      }
      engine_->clock().advance(50ms);
    }
    return false;
  }
  std::shared_ptr<const worker::JobSnapshot> save(std::uint64_t checkpoint) {
    engine_->inject_barrier(checkpoint);
    for (int i = 0; i < 1000 && engine_->snapshot(checkpoint) == nullptr; ++i) {
      engine_->run(50);
      engine_->clock().advance(1ms);
    }
    const auto* snapshot = engine_->snapshot(checkpoint);
    EXPECT_NE(snapshot, nullptr) << "a barrier does not come through";
    return snapshot == nullptr ? nullptr : std::make_shared<worker::JobSnapshot>(*snapshot);
  }
  wire::OperatorStatus status(std::string_view id) {
    wire::OperatorStatus sum;
    for (auto* task : engine_->tasks()) {
      for (const auto& op : task->status().operators) {
        if (job_.graph().operators[op.operator_index].id != id) continue;
        sum.retrying += op.retrying;
        sum.errors += op.errors;
        sum.dead_letters += op.dead_letters;
        sum.records_in += op.records_in;
        sum.records_out += op.records_out;
        sum.attempts += op.attempts;
        sum.letters_kept += op.letters_kept;
        sum.state_entries += op.state_entries;
        sum.state_bytes += op.state_bytes;
        sum.late += op.late;
      }
    }
    return sum;
  }
  /// A counter of the author's, or of the engine's.
  std::uint64_t counter(std::string_view id, std::string_view name) {
    std::uint64_t sum = 0;
    for (auto* task : engine_->tasks()) {
      for (const auto& op : task->status().operators) {
        const auto& node = job_.graph().operators[op.operator_index];
        for (std::size_t i = 0; i < op.counters.size() && node.id == id; ++i)
          if (node.counters[i] == name) sum += op.counters[i];
      }
    }
    return sum;
  }
  /// What all tasks make of an order about dead letters, before they do anything else.
  task::LetterWork change_letters(const task::LetterOrder& order) {
    task::LetterWork sum;
    std::size_t answers = 0;
    for (auto* task : engine_->tasks())
      task->mailbox().post(task::ChangeLettersCommand{{order}, [&](const task::LetterWork& work) {
                                                        ++answers;
                                                        sum.changed += work.changed;
                                                        sum.is_refused = sum.is_refused || work.is_refused;
                                                      }});
    for (int i = 0; i < 1000 && answers < engine_->tasks().size(); ++i) engine_->run(10);
    EXPECT_EQ(answers, engine_->tasks().size());
    return sum;
  }
  worker::LocalEngine* operator->() { return engine_.get(); }

  std::vector<std::string> problems, warnings;

 private:
  Job job_;
  std::unique_ptr<worker::LocalEngine> engine_;
};

/// What a job that nothing happens to comes to; nothing when it does not end.
inline std::map<std::uint64_t, Total> totals_of_clean_run(const JobRun::Build& build) {
  JobRun run(build);
  run.start();
  EXPECT_TRUE(run.ends_within(0ms));
  return std::exchange(world.totals, {});
}

inline void expect_totals(const std::map<std::uint64_t, Total>& wanted) {
  ASSERT_FALSE(wanted.empty());
  ASSERT_EQ(world.totals.size(), wanted.size());
  for (const auto& [user, total] : wanted) {
    EXPECT_EQ(world.totals[user].orders, total.orders) << "user " << user;
    EXPECT_EQ(world.totals[user].amount, total.amount) << "user " << user;
  }
}

}  // namespace freshet::retry_test
