#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace freshet::base {

/// A thread for work that may wait for disks and is in no hurry: done one after the other, in the order posted.
/// Callable from any thread.
class BackgroundThread {
 public:
  /// `name`: what the system shows of the thread, at most 15 bytes.
  explicit BackgroundThread(std::string name);
  /// Waits for the work in hand; what has not been begun is dropped.
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  /// `work` must not throw.
  void post(std::function<void()> work);

 private:
  void run(const std::string& name);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace freshet::base
