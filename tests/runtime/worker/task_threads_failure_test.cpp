#include <freshet/freshet.h>
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "dag/placement.h"
#include "dag/planner.h"
#include "runtime/worker/exchange.h"
#include "runtime/worker/task_factory.h"
#include "runtime/worker/task_threads.h"

namespace freshet::worker {
namespace {

struct Number {
  std::uint64_t value = 0;
  FRESHET_RECORD(value)
};

class Numbers final : public Source<Number> {
 public:
  std::vector<Split> discover() override { return {{.partition = "a", .end = 1'000}}; }
  Progress read(Split& split, Out<Number>& out) override {
    while (split.position < split.end && !out.full()) out.emit({++split.position});
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

struct CannotBeOpened final : Sink<Number> {
  void open() override { throw std::runtime_error("no such folder"); }
  void write(const Number&) override {}
};
struct Discard final : Sink<Number> {
  void write(const Number&) override {}
};

/// Hears the end of tasks on their threads, and lets the test wait for it.
class Listener final : public task::TaskListener {
 public:
  void on_task_ended(const TaskId&) override {}
  void on_task_failed(const TaskId&, const task::TaskFailure& failure) override {
    const std::lock_guard lock(mutex_);
    failures_.push_back(failure.what());
    changed_.notify_all();
  }
  void on_barrier_passed(const TaskId&, std::uint64_t) override {}
  void on_dead_letter(const DeadLetter&) override {}
  void on_brake_pulled(const std::string&, double, const DeadLetter&) override {}

  std::vector<std::string> wait_for_failure() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return !failures_.empty(); });
    return failures_;
  }

 private:
  std::mutex mutex_;  // task threads tell, the test waits
  std::condition_variable changed_;
  std::vector<std::string> failures_;
};

// The tasks behind it on the same thread were stepped without having been opened.
TEST(TaskThreads, ATaskThatCannotBeOpenedKeepsTheOthersOfItsThreadFromStepping) {
  Job job;
  job.source<Numbers>("numbers").shuffle().sink<CannotBeOpened>("closed");
  job.source<Numbers>("more").shuffle().sink<Discard>("open");
  job.finish();
  auto plan = dag::make_plan(job.graph(), {});
  plan = dag::place(plan, {{"agent", 100}}, {.workers = 1}).plan;
  const base::SystemClock clock;
  const WorkerKey self{{1}, {1}, {0}};
  Exchange exchange(self, plan, nullptr, [](const std::string&) {});
  Listener listener;
  const auto partitions = std::make_shared<task::PartitionTable>();
  const auto tasks = make_tasks({&job, &plan, self, {}, &clock, &exchange, &listener, partitions});
  std::vector<task::Task*> in_order;
  for (const auto& task : tasks) {
    exchange.add_task(task->id(), task->mailbox());
    // The one that cannot be opened first: all others are behind it.
    const bool is_first = job.graph().operators[task->chain().head_operator()].id == "closed";
    in_order.insert(is_first ? in_order.begin() : in_order.end(), task.get());
    if (auto* source = task->chain().source())
      source->add_split({1, {.partition = "a", .start = 0, .end = 1'000, .position = 0}});
  }
  TaskThreads threads(
      1, [](const TaskId&) { return false; }, clock);
  threads.start(in_order);
  EXPECT_THAT(listener.wait_for_failure(), testing::ElementsAre(testing::HasSubstr("no such folder")));
  threads.stop();
  for (const auto& task : tasks) task->close(false);
}

}  // namespace
}  // namespace freshet::worker
