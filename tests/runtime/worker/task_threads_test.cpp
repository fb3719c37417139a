#include "runtime/worker/task_threads.h"

#include <freshet/freshet.h>
#include <gtest/gtest.h>

#include "dag/placement.h"
#include "dag/planner.h"
#include "runtime/worker/exchange.h"
#include "runtime/worker/splits.h"
#include "runtime/worker/task_factory.h"

namespace freshet::worker {

namespace {

/// Nothing in these tests takes longer; what does has hung.
constexpr auto kPatience = std::chrono::seconds(60);

struct Number {
  std::uint64_t value = 0;
  FRESHET_RECORD(value)
};

std::atomic<std::uint64_t> written{0};

class Numbers final : public Source<Number> {
 public:
  explicit Numbers(std::uint64_t end) : end_(end) {}
  std::vector<Split> discover() override { return {{.partition = "a", .end = end_}, {.partition = "b", .end = end_}}; }
  Progress read(Split& split, Out<Number>& out) override {
    while (split.position < split.end && !out.full()) {
      ++split.position;
      out.emit({split.position});
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  std::uint64_t end_;
};
struct CountThem final : Sink<Number> {
  void write(const Number&) override { written.fetch_add(1, std::memory_order_relaxed); }
};

class Listener final : public task::TaskListener {
 public:
  void on_task_ended(const TaskId&) override { add(ended_); }
  void on_task_failed(const TaskId&, const task::TaskFailure& failure) override { ADD_FAILURE() << failure.what(); }
  void on_barrier_passed(const TaskId&, std::uint64_t) override { add(barriers_); }
  void on_dead_letter(const DeadLetter&) override {}
  void on_brake_pulled(const std::string&, double, const DeadLetter&) override {}

  bool wait_for_ended(std::size_t count) { return wait_for(ended_, count); }
  bool wait_for_barriers(std::size_t count) { return wait_for(barriers_, count); }

 private:
  void add(std::size_t& counter) {
    const std::lock_guard lock(mutex_);
    ++counter;
    changed_.notify_all();
  }
  bool wait_for(const std::size_t& counter, std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return counter >= count; });
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t ended_ = 0;
  std::size_t barriers_ = 0;
};

/// numbers ×2 ═shuffle═▶ sink ×2, four tasks of one worker on two threads
class Running {
 public:
  explicit Running(std::uint64_t end) {
    written = 0;
    job_.source<Numbers>("numbers", end).shuffle().sink<CountThem>("count");
    job_.finish();
    plan_ = dag::make_plan(job_.graph(), {.default_parallelism = 2, .key_groups = 128, .chaining = false});
    plan_ = dag::place(plan_, {{"here", 100}}, {.workers = 1}).plan;
    exchange_ = std::make_unique<Exchange>(kSelf, plan_, nullptr, [](const std::string&) {});
    tasks_ = make_tasks({&job_, &plan_, kSelf, {}, &clock_, exchange_.get(), &listener, partitions_});
    for (auto& task : tasks_) exchange_->add_task(task->id(), task->mailbox());
    std::vector<wire::AssignedSplit> splits;
    for (const auto& found : discover_splits(tasks_))
      for (const auto& split : found.splits) {
        const auto number = static_cast<std::uint32_t>(splits.size());
        splits.push_back({found.operator_index, number % 2, number + 1, split});
      }
    name_partitions(job_, splits, *partitions_);
    add_splits(splits, tasks_);
  }
  ~Running() { threads.stop(); }
  void start() {
    std::vector<task::Task*> all;
    for (auto& task : tasks_) all.push_back(task.get());
    threads.start(all);
  }
  std::vector<std::unique_ptr<task::Task>>& tasks() { return tasks_; }

 private:
  static constexpr WorkerKey kSelf{{1}, {1}, {0}};
  base::SystemClock clock_;
  Job job_;
  dag::ExecutionPlan plan_;
  std::shared_ptr<task::PartitionTable> partitions_ = std::make_shared<task::PartitionTable>();
  std::unique_ptr<Exchange> exchange_;
  std::vector<std::unique_ptr<task::Task>> tasks_;

 public:
  Listener listener;
  TaskThreads threads{2, [](const TaskId&) { return false; }, clock_};
};

TEST(TaskThreads, RunTasksToTheirEnd) {
  Running running(20'000);
  running.start();
  EXPECT_TRUE(running.listener.wait_for_ended(4));
  EXPECT_EQ(written.load(), 40'000u);
}

TEST(TaskThreads, MailWakesTasksThatSleep) {
  Running running(~0ULL);
  for (auto& task : running.tasks()) task->mailbox().post(task::PauseSourceCommand{true});
  running.start();
  for (std::uint64_t checkpoint = 1; checkpoint <= 200; ++checkpoint) {
    for (auto& task : running.tasks()) task->mailbox().post(task::InjectBarrierCommand{checkpoint});
    ASSERT_TRUE(running.listener.wait_for_barriers(4 * checkpoint)) << "checkpoint " << checkpoint;
  }
  EXPECT_EQ(written.load(), 0u);
}

TEST(TaskThreads, NoStepRunsAfterStopAndLateMailHarmsNobody) {
  Running running(~0ULL);
  running.start();
  for (auto& task : running.tasks()) task->mailbox().post(task::InjectBarrierCommand{1});
  ASSERT_TRUE(running.listener.wait_for_barriers(4));
  std::atomic<bool> posting{true};
  std::thread network([&] {
    for (int i = 0; posting && i < 100'000; ++i)
      running.tasks()[0]->mailbox().post(task::GrantReceived{{99, 0, 0, 0}, 1});
  });
  running.threads.stop();
  const auto before = written.load();
  running.tasks()[0]->mailbox().post(task::PauseSourceCommand{false});
  posting = false;
  network.join();
  EXPECT_EQ(written.load(), before);
}

}  // namespace

}  // namespace freshet::worker
