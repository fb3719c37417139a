#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/transport/wake_fd.h"

namespace freshet::transport {

/// The one thread on which a control process (job manager, agent, a worker's control side) does everything: it waits
/// for ZeroMQ sockets, file descriptors, timers and posted work, and calls back. Callbacks run one after the other, on
/// the thread of run(); they must not block. All methods belong to that thread, but for post() and stop(). A callback
/// may add and remove anything, also itself. What is registered must be removed before it is closed.
class EventLoop {
 public:
  using Callback = std::function<void()>;
  using TimerId = std::uint64_t;

  explicit EventLoop(const base::Clock& clock) : clock_(clock) {}

  const base::Clock& clock() const { return clock_; }

  /// Until stop().
  void run();
  /// One round: waits for at most `at_most`, then calls back what is ready. For tests and foreign loops.
  void run_once(Duration at_most);
  /// From any thread, and from a signal handler. run() returns after the callback at hand.
  void stop();
  bool is_stopped() const { return stopped_; }

  /// Runs `work` on the loop's thread, in the order of posting. From any thread; also before run().
  void post(Callback work);

  /// `readable` is called as long as there is something to read: a signalfd, a pidfd, a pipe.
  void add_fd(int fd, Callback readable);
  void remove_fd(int fd);
  /// The same for a ZeroMQ socket, by its handle. For this folder.
  void add_socket(void* handle, Callback readable);
  void remove_socket(void* handle);

  /// Once, at `when` or as soon as possible after it.
  TimerId call_at(base::SteadyTime when, Callback callback);
  TimerId call_after(Duration delay, Callback callback) {
    return call_at(clock_.steady() + delay, std::move(callback));
  }
  /// No effect when it was called already.
  void cancel(TimerId timer);

  /// For cores that know their own next deadline: before each wait the loop asks for it, and calls `on_tick` once it
  /// has come. SteadyTime::max(): none.
  void set_tick(std::function<base::SteadyTime()> next_deadline, Callback on_tick);

 private:
  struct Source {
    void* socket = nullptr;  // or
    int fd = -1;
    std::shared_ptr<Callback> readable;  // shared: stays while it runs, though it removes itself
  };

  void add(Source source);
  void remove(const Source& which);
  long wait_ms(Duration at_most) const;
  void call_ready();
  void call_posted();
  void call_due_timers();

  const base::Clock& clock_;
  const WakeFd wake_;
  std::atomic<bool> stopped_{false};
  static_assert(std::atomic<bool>::is_always_lock_free, "stop() is called from signal handlers");

  // The loop thread's.
  std::vector<Source> sources_;
  std::map<std::pair<base::SteadyTime, TimerId>, Callback> timers_;
  std::unordered_map<TimerId, base::SteadyTime> timer_times_;
  TimerId last_timer_ = 0;
  std::function<base::SteadyTime()> next_deadline_;
  Callback on_tick_;

  std::mutex posted_mutex_;  // others post
  std::vector<Callback> posted_;
};

}  // namespace freshet::transport
