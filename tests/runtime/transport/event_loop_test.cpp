#include "runtime/transport/event_loop.h"

#include <csignal>

#include "tests/runtime/transport/transport_support.h"

namespace freshet::transport {
namespace {

using base::SteadyTime;

TEST(EventLoop, PostedWorkRunsOnTheLoopsThreadInOrder) {
  const base::SystemClock clock;
  EventLoop loop(clock);
  std::vector<int> order;
  loop.post([&] { order.push_back(1); });
  std::thread other([&] {
    for (int i = 2; i <= 100; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

EventLoop* loop_of_the_handler = nullptr;

TEST(EventLoop, StopsFromASignalHandler) {
  const base::SystemClock clock;
  EventLoop loop(clock);
  loop_of_the_handler = &loop;
  struct sigaction action {};
  action.sa_handler = [](int) { loop_of_the_handler->stop(); };
  struct sigaction before {};
  sigaction(SIGUSR1, &action, &before);
  const pthread_t self = pthread_self();
  std::thread other([self] { pthread_kill(self, SIGUSR1); });
  loop.run();
  other.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_TRUE(loop.is_stopped());
}

TEST(EventLoop, TimersRunInTheOrderOfTheirTimes) {
  base::ManualClock clock;
  EventLoop loop(clock);
  std::vector<int> order;
  loop.call_after(30ms, [&] { order.push_back(3); });
  loop.call_after(10ms, [&] { order.push_back(1); });
  loop.call_after(20ms, [&] { order.push_back(2); });
  loop.call_after(20ms, [&] { order.push_back(22); });
  clock.advance(15ms);
  loop.run_once(0ms);
  EXPECT_EQ(order, std::vector<int>{1});
  clock.advance(15ms);
  loop.run_once(0ms);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 22, 3}));
}

TEST(EventLoop, CancelledTimerDoesNotRunAlsoWhenCancelledByAnother) {
  base::ManualClock clock;
  EventLoop loop(clock);
  bool ran = false;
  const auto second = loop.call_after(20ms, [&] { ran = true; });
  const auto first = loop.call_after(10ms, [&] { loop.cancel(second); });
  clock.advance(30ms);
  loop.run_once(0ms);
  EXPECT_FALSE(ran);
  loop.cancel(first);  // gone: no effect
}

TEST(EventLoop, TimerThatSetsItselfAgainLeavesTheLoopItsTurn) {
  base::ManualClock clock;
  EventLoop loop(clock);
  int runs = 0;
  EventLoop::Callback again = [&] {
    ++runs;
    loop.call_after(0ms, again);
  };
  loop.call_after(0ms, again);
  loop.run_once(0ms);
  EXPECT_EQ(runs, 1);
  loop.run_once(0ms);
  EXPECT_EQ(runs, 2);
}

TEST(EventLoop, TickComesOnceItsDeadlineHasCome) {
  base::ManualClock clock;
  EventLoop loop(clock);
  SteadyTime deadline = clock.steady() + 50ms;
  int ticks = 0;
  loop.set_tick([&] { return deadline; },
                [&] {
                  ++ticks;
                  deadline = SteadyTime::max();
                });
  loop.run_once(0ms);
  EXPECT_EQ(ticks, 0);
  clock.advance(50ms);
  loop.run_once(1h);  // does not wait: the deadline has come
  loop.run_once(0ms);
  EXPECT_EQ(ticks, 1);
}

TEST(EventLoop, WaitsNoLongerThanTheNextTimer) {
  const base::SystemClock clock;
  EventLoop loop(clock);
  loop.call_after(5ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_TRUE(loop.is_stopped());
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  int reading() const { return ends_[0]; }
  void write_byte() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void read_byte() const {
    char byte = 0;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2]{};
};

TEST(EventLoop, FileDescriptorIsCalledAsLongAsItIsReadable) {
  const base::SystemClock clock;
  EventLoop loop(clock);
  const Pipe pipe;
  int calls = 0;
  loop.add_fd(pipe.reading(), [&] {
    ++calls;
    pipe.read_byte();
  });
  loop.run_once(0ms);
  EXPECT_EQ(calls, 0);
  pipe.write_byte();
  pipe.write_byte();
  for (int i = 0; i < 4; ++i) loop.run_once(0ms);
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, CallbackMayRemoveItselfAndOthers) {
  const base::SystemClock clock;
  EventLoop loop(clock);
  const Pipe one;
  const Pipe two;
  int calls = 0;
  const auto remove_both = [&] {
    ++calls;
    loop.remove_fd(one.reading());
    loop.remove_fd(two.reading());
  };
  loop.add_fd(one.reading(), remove_both);
  loop.add_fd(two.reading(), remove_both);
  one.write_byte();
  two.write_byte();
  loop.run_once(0ms);
  loop.run_once(0ms);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace freshet::transport
