#include <freshet/freshet.h>
#include <gmock/gmock.h>

#include <deque>
#include <stdexcept>

#include "dag/fingerprint.h"
#include "dag/placement.h"
#include "dag/planner.h"
#include "runtime/checkpoint/memory_storage.h"
#include "runtime/transport/inproc_data_transport.h"
#include "runtime/worker/task_threads.h"
#include "runtime/worker/worker.h"

namespace freshet::worker {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

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

/// Where a sink puts what it got when it is told that the job has finished; unless it cannot.
struct Store {
  std::vector<Number> kept{};
  bool is_full = false;
  bool cannot_be_opened = false;
};

template <class K, class T>
class StoreWriter final : public freshet::detail::RowWriter<K, T> {
 public:
  explicit StoreWriter(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  void open(const SinkContext&) override {
    if (store_->cannot_be_opened) throw std::runtime_error("no such store");
  }
  void write(const typename freshet::detail::RowWriter<K, T>::Key*, const T& record) override {
    mine_.push_back(record);
  }
  void finish() override {
    if (store_->is_full) throw std::runtime_error("no space left in the store");
    store_->kept = mine_;
  }

 private:
  std::shared_ptr<Store> store_;
  std::vector<Number> mine_;
};

struct StoreSink {
  std::shared_ptr<Store> store;
  std::string description() const { return "store"; }
  std::string guarantee() const { return "at-least-once"; }
  template <class K, class T>
  std::unique_ptr<freshet::detail::RowWriter<K, T>> make(const std::vector<std::string>&) const {
    return std::make_unique<StoreWriter<K, T>>(store);
  }
};

/// Steps its tasks when it is told to.
class Steps final : public TaskExecutor {
 public:
  void start(const std::vector<task::Task*>& tasks) override {
    for (tasks_ = tasks; auto* task : tasks_) EXPECT_TRUE(task->open());
  }
  void stop() override { tasks_.clear(); }
  bool step() {
    bool any = false;
    for (auto* task : tasks_) any = task->step() == Progress::progress || task->mailbox().has_mail() || any;
    return any;
  }

 private:
  std::vector<task::Task*> tasks_;
};

/// The one checkpoint storage that cannot be opened.
constexpr const char* kUnusableFolder = "/unusable";

/// A worker with a whole job, told by the test what a job manager would tell it.
class OneWorker final : public transport::ManagerOutbox {
 public:
  explicit OneWorker(wire::DataOptions options = {}) : options_(options) {
    WorkerSetup setup;
    setup.key = key_;
    setup.clock = &clock_;
    setup.manager = this;
    setup.transport = &transport_;
    setup.build = [this](const std::string&, std::map<std::string, std::string>) -> Result<std::unique_ptr<Job>> {
      return build();
    };
    setup.make_executor = [this](std::uint32_t, const std::function<bool(const TaskId&)>&) {
      auto steps = std::make_unique<Steps>();
      steps_ = steps.get();
      return steps;
    };
    setup.post = [this](std::function<void()> work) { posted_.push_back(std::move(work)); };
    setup.in_background = [](const std::function<void()>& work) { work(); };
    setup.open_storage = [this](const std::string& folder) -> Result<std::shared_ptr<checkpoint::CheckpointStorage>> {
      if (folder == kUnusableFolder) return Error{folder + " is not there"};
      return std::shared_ptr<checkpoint::CheckpointStorage>(storage_);
    };
    setup.memory = [] { return std::uint64_t{0}; };
    setup.show_progress = [this](const WorkerProgress& progress) { shown_ = progress; };
    worker_ = std::make_unique<Worker>(std::move(setup));
  }

  void send(const wire::ControlMessage& message) override { sent_.push_back(message); }

  wire::PrepareWorker order() {
    const auto job = build();
    wire::PrepareWorker prepare;
    prepare.worker = key_;
    prepare.options = options_;
    prepare.plan = dag::place(dag::make_plan(job->graph(), {}), {{"agent", 100}}, {.workers = 1}).plan;
    prepare.plan.fingerprint = dag::fingerprint(job->graph(), {});
    return prepare;
  }
  void start() {
    tell(order());
    const auto prepared = all<wire::WorkerPrepared>();
    ASSERT_THAT(prepared, SizeIs(1));
    ASSERT_THAT(prepared[0].problems, SizeIs(0)) << prepared[0].problems[0].message;
    tell(wire::StartTasks{key_, {{{0}, transport_.endpoint()}}, {{0, 0, 1, prepared[0].splits.at(0).splits.at(0)}}});
  }
  void run_to_end() {
    for (bool any = true; any;) {
      any = steps_->step();
      any = transport_.drain() != 0 || any;
      any = work() || any;
    }
    EXPECT_THAT(all<wire::TasksFinished>(), SizeIs(1));
  }
  /// Runs what was posted to the worker's thread. False: nothing was.
  bool work() {
    bool any = false;
    for (; !posted_.empty(); any = true) {
      const auto posted = std::move(posted_.front());
      posted_.pop_front();
      posted();
    }
    return any;
  }
  void tell(wire::ControlBody body) { worker_->on_message({{1}, std::move(body)}); }
  Worker& worker() { return *worker_; }
  WorkerKey key() const { return key_; }
  const WorkerProgress& shown() const { return shown_; }
  const std::shared_ptr<Store>& store() { return store_; }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& message : sent_)
      if (const T* body = std::get_if<T>(&message.body)) found.push_back(*body);
    return found;
  }

 private:
  std::unique_ptr<Job> build() {
    auto job = std::make_unique<Job>();
    job->source<Numbers>("numbers")
        .shuffle()
        .map("same", [](const Number& n) { return n; })
        .sink("store", StoreSink{store_});
    job->finish();
    return job;
  }

  const wire::DataOptions options_;
  const WorkerKey key_{{1}, {1}, {0}};
  const std::shared_ptr<Store> store_ = std::make_shared<Store>();
  base::ManualClock clock_;
  std::shared_ptr<checkpoint::MemoryCheckpointStorage> storage_ =
      std::make_shared<checkpoint::MemoryCheckpointStorage>();
  transport::InprocHub hub_;
  transport::InprocDataTransport transport_{hub_, {0}, transport::InprocDelivery::by_drain};
  Steps* steps_ = nullptr;  // the worker's
  std::deque<std::function<void()>> posted_;
  std::vector<wire::ControlMessage> sent_;
  WorkerProgress shown_;
  std::unique_ptr<Worker> worker_;
};

TEST(WorkerControl, ShowsWhatItHasReadAndWhatCameOverChannels) {
  OneWorker one;
  one.start();
  EXPECT_EQ(one.shown().read, 0u);
  one.run_to_end();
  one.tell(wire::StopTasks{one.key(), true});
  EXPECT_EQ(one.shown().read, 1'000u);
  EXPECT_EQ(one.shown().received, 1'000u);
}

TEST(WorkerControl, ACheckpointStorageThatCannotBeUsedIsToldBeforeAnythingRuns) {
  OneWorker one;
  auto order = one.order();
  order.checkpoints.enabled = true;
  order.checkpoints.storage = kUnusableFolder;
  one.tell(order);
  const auto prepared = one.all<wire::WorkerPrepared>();
  ASSERT_THAT(prepared, SizeIs(1));
  ASSERT_THAT(prepared[0].problems, SizeIs(1));
  EXPECT_EQ(prepared[0].problems[0].message, "/unusable is not there");
}

TEST(WorkerControl, SinksKeepWhatTheyWroteWhenTheJobHasFinished) {
  OneWorker one;
  one.start();
  one.run_to_end();
  EXPECT_THAT(one.store()->kept, SizeIs(0));
  one.tell(wire::StopTasks{one.key(), true});
  EXPECT_THAT(one.store()->kept, SizeIs(1'000));
  EXPECT_TRUE(one.worker().is_over());
  EXPECT_EQ(one.worker().end_problem(), "");
}

TEST(WorkerControl, FramesBetweenTasksOfOneWorkerMayBeForcedThroughTheTransport) {
  OneWorker one({.force_remote = true});
  one.start();
  one.run_to_end();
  one.tell(wire::StopTasks{one.key(), true});
  EXPECT_THAT(one.store()->kept, SizeIs(1'000));
}

// A job manager that died before it heard of a failure would else wait for ever.
TEST(WorkerControl, AFailureIsToldAgainAfterAReconnection) {
  OneWorker one;
  one.start();
  one.worker().on_task_failed({0, 0}, task::TaskFailure("store", "out of room", "no space left"));
  one.work();
  ASSERT_THAT(one.all<wire::TaskFailed>(), SizeIs(1));
  one.worker().on_connected();
  const auto told = one.all<wire::TaskFailed>();
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[1].message, told[0].message);
}

// The job manager would else call the job Finished, and its results would not be there.
TEST(WorkerControl, ASinkThatCannotKeepWhatItWroteIsToldAndEndsTheWorkerWithAProblem) {
  OneWorker one;
  one.start();
  one.run_to_end();
  one.store()->is_full = true;
  one.tell(wire::StopTasks{one.key(), true});
  const auto failed = one.all<wire::TaskFailed>();
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_THAT(failed[0].message, HasSubstr("no space left in the store"));
  EXPECT_EQ(failed[0].record.operator_id, "store");
  EXPECT_THAT(one.worker().end_problem(), HasSubstr("no space left in the store"));
}

}  // namespace
}  // namespace freshet::worker
