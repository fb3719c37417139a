#include "runtime/base/background_thread.h"

#include "runtime/base/thread_name.h"

namespace freshet::base {

BackgroundThread::BackgroundThread(std::string name) : thread_([this, name = std::move(name)] { run(name); }) {}

BackgroundThread::~BackgroundThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BackgroundThread::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void BackgroundThread::run(const std::string& name) {
  set_thread_name(name);
  let_other_threads_go_first();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds is let go before the next is begun
    lock.lock();
  }
}

}  // namespace freshet::base
