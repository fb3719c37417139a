#include "runtime/base/background_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace freshet::base {
namespace {

TEST(BackgroundThread, DoesItsWorkInOrderOnAnotherThread) {
  std::vector<int> done;
  std::promise<std::thread::id> last;
  BackgroundThread thread("test");
  for (int i = 0; i < 100; ++i) thread.post([&done, i] { done.push_back(i); });
  thread.post([&last] { last.set_value(std::this_thread::get_id()); });
  EXPECT_NE(last.get_future().get(), std::this_thread::get_id());
  ASSERT_EQ(done.size(), 100u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(BackgroundThread, WaitsForTheWorkInHandWhenItEnds) {
  std::promise<void> begun;
  std::atomic<bool> done{false};
  auto thread = std::make_unique<BackgroundThread>("test");
  thread->post([&] {
    begun.set_value();
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    done = true;
  });
  begun.get_future().wait();
  thread.reset();
  EXPECT_TRUE(done);
}

TEST(BackgroundThread, LetsGoOfWhatWorkHeldBeforeItDoesTheNext) {
  BackgroundThread thread("test");
  auto held = std::make_shared<int>(7);
  std::weak_ptr<int> watched = held;
  std::promise<bool> gone;
  thread.post([held = std::move(held)] {});
  thread.post([&] { gone.set_value(watched.expired()); });
  EXPECT_TRUE(gone.get_future().get());
}

}  // namespace
}  // namespace freshet::base
