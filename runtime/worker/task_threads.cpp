#include "runtime/worker/task_threads.h"

#include <algorithm>

#include "runtime/base/thread_name.h"
#include "runtime/worker/crash_stack.h"

namespace freshet::worker {

TaskThreads::TaskThreads(std::uint32_t threads, std::function<bool(const TaskId&)> own_thread, const base::Clock& clock)
    : threads_wanted_(threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency())),
      own_thread_(std::move(own_thread)),
      clock_(clock) {}

TaskThreads::~TaskThreads() { stop(); }

void TaskThreads::start(const std::vector<task::Task*>& tasks) {
  std::vector<TaskThread*> shared;
  std::size_t next = 0;
  for (auto* task : tasks) {
    TaskThread* thread = nullptr;
    if (own_thread_(task->id())) {
      thread = threads_.emplace_back(std::make_unique<TaskThread>(clock_)).get();
    } else {
      if (shared.size() < threads_wanted_)
        shared.push_back(threads_.emplace_back(std::make_unique<TaskThread>(clock_)).get());
      thread = shared[next++ % std::min<std::size_t>(shared.size(), threads_wanted_)];
    }
    thread->add(*task);
  }
  for (auto& thread : threads_) thread->start();
}

void TaskThreads::stop() {
  for (auto& thread : threads_) thread->stop();
  threads_.clear();
}

TaskThreads::TaskThread::~TaskThread() { stop(); }

void TaskThreads::TaskThread::add(task::Task& task) {
  task.mailbox().set_waker(this);
  tasks_.push_back(&task);
}

void TaskThreads::TaskThread::start() {
  thread_ = std::thread([this] { run(); });
}

void TaskThreads::TaskThread::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  notify();
  thread_.join();
  for (auto* task : tasks_) task->mailbox().set_waker(nullptr);
}

void TaskThreads::TaskThread::notify() {
  if (notified_.exchange(true)) return;  // somebody else's notice has not been taken yet
  if (!asleep_.load()) return;
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void TaskThreads::TaskThread::run() {
  base::set_thread_name("task");
  const CrashStack crash_stack;
  // The job has failed with the first that cannot be opened; those behind it are not open and must not be stepped.
  for (auto* task : tasks_) {
    if (!task->open()) return;
  }
  while (!stopping_.load()) {
    // An exchange, not a store: what was posted before the notice it takes is seen by the steps that follow.
    notified_.exchange(false);
    if (!step_all()) rest();
  }
}

bool TaskThreads::TaskThread::step_all() {
  bool progressed = false;
  for (auto* task : tasks_) progressed = task->step() == Progress::progress || progressed;
  return progressed;
}

void TaskThreads::TaskThread::rest() {
  auto until = base::SteadyTime::max();
  for (const auto* task : tasks_) until = std::min(until, task->next_wakeup());
  std::unique_lock lock(mutex_);
  asleep_.store(true);
  const auto woken = [this] { return notified_.load() || stopping_.load(); };
  if (until == base::SteadyTime::max())
    wake_.wait(lock, woken);
  else
    wake_.wait_for(lock, std::max(std::chrono::nanoseconds(0), until - clock_.steady()), woken);
  asleep_.store(false);
}

}  // namespace freshet::worker
