#include "runtime/transport/event_loop.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/transport/zmq_socket.h"

namespace freshet::transport {

namespace {

/// More waiting work means that the loop is stuck or somebody posts in a circle: control work is small and rare.
constexpr std::size_t kMaxPosted = 1'000'000;
/// Longest wait; bounds what a deadline far away can overflow.
constexpr long kMaxWaitMs = 3'600'000;

}  // namespace

void EventLoop::run() {
  while (!stopped_) run_once(Duration(kMaxWaitMs));
}

void EventLoop::run_once(Duration at_most) {
  std::vector<zmq::pollitem_t> items{{nullptr, wake_.fd(), ZMQ_POLLIN, 0}};
  for (const auto& source : sources_) items.push_back({source.socket, source.fd, ZMQ_POLLIN, 0});
  // A callback may add and remove sources: what is called is what was there when the wait began and still is.
  const std::vector<Source> polled = sources_;
  poll_sockets(items, stopped_ ? 0 : wait_ms(at_most));
  if (items[0].revents != 0) wake_.drain();
  call_posted();
  for (std::size_t i = 0; i < polled.size() && !stopped_; ++i) {
    const bool ready = items[i + 1].revents != 0;  // also an error or hang-up: reading tells which
    const auto is_same = [&](const Source& source) { return source.readable == polled[i].readable; };
    if (ready && std::any_of(sources_.begin(), sources_.end(), is_same)) (*polled[i].readable)();
  }
  call_due_timers();
  if (stopped_ || !next_deadline_) return;
  const auto deadline = next_deadline_();  // first: one that is "now" must not lie behind the reading below
  if (deadline <= clock_.steady()) on_tick_();
}

void EventLoop::stop() {
  stopped_ = true;
  wake_.wake();
}

void EventLoop::post(Callback work) {
  {
    const std::lock_guard lock(posted_mutex_);
    CHECK(posted_.size() < kMaxPosted, "posted work does not pile up");
    posted_.push_back(std::move(work));
  }
  wake_.wake();
}

void EventLoop::add_fd(int fd, Callback readable) {
  add({nullptr, fd, std::make_shared<Callback>(std::move(readable))});
}
void EventLoop::remove_fd(int fd) { remove({nullptr, fd, nullptr}); }
void EventLoop::add_socket(void* handle, Callback readable) {
  add({handle, -1, std::make_shared<Callback>(std::move(readable))});
}
void EventLoop::remove_socket(void* handle) { remove({handle, -1, nullptr}); }

void EventLoop::add(Source source) { sources_.push_back(std::move(source)); }

void EventLoop::remove(const Source& which) {
  std::erase_if(sources_, [&](const Source& source) { return source.socket == which.socket && source.fd == which.fd; });
}

EventLoop::TimerId EventLoop::call_at(base::SteadyTime when, Callback callback) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair(when, id), std::move(callback));
  timer_times_.emplace(id, when);
  return id;
}

void EventLoop::cancel(TimerId timer) {
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) return;
  timers_.erase({found->second, timer});
  timer_times_.erase(found);
}

void EventLoop::set_tick(std::function<base::SteadyTime()> next_deadline, Callback on_tick) {
  next_deadline_ = std::move(next_deadline);
  on_tick_ = std::move(on_tick);
}

/// Milliseconds until the next timer or deadline, rounded up: woken early the loop would spin until it has come.
long EventLoop::wait_ms(Duration at_most) const {
  auto next = base::SteadyTime::max();
  if (!timers_.empty()) next = timers_.begin()->first.first;
  if (next_deadline_) next = std::min(next, next_deadline_());
  const long longest = std::clamp<long>(at_most.count(), 0, kMaxWaitMs);
  const auto now = clock_.steady();
  if (next <= now) return 0;
  if (next == base::SteadyTime::max()) return longest;
  return std::min<long>(longest, std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
}

void EventLoop::call_posted() {
  std::vector<Callback> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& callback : work) callback();
}

void EventLoop::call_due_timers() {
  const auto now = clock_.steady();
  const TimerId last_known = last_timer_;
  // Those added by a callback wait for the next round, else a timer that sets itself again would keep the loop.
  while (!stopped_) {
    const auto due = std::find_if(timers_.begin(), timers_.end(), [&](const auto& timer) {
      return timer.first.first > now || timer.first.second <= last_known;
    });
    if (due == timers_.end() || due->first.first > now) return;
    const Callback callback = std::move(due->second);
    timer_times_.erase(due->first.second);
    timers_.erase(due);
    callback();
  }
}

}  // namespace freshet::transport
