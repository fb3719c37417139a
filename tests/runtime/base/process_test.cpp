#include "runtime/base/process.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include "runtime/base/thread_name.h"

namespace freshet::base {
namespace {

constexpr std::int64_t kNobody = std::numeric_limits<std::int32_t>::max();  // above any pid_max

TEST(Process, KnowsItself) {
  const auto started = process_start_time(own_pid());
  ASSERT_TRUE(started);
  EXPECT_TRUE(is_process_alive(own_pid(), *started));
  EXPECT_FALSE(is_process_alive(own_pid(), *started + 1)) << "an earlier process with this pid";
  const auto resident = resident_bytes(own_pid());
  const auto proportional = proportional_bytes(own_pid());
  ASSERT_TRUE(resident && proportional);
  EXPECT_GT(*resident, 100'000u);
  EXPECT_GT(*proportional, 100'000u);
  EXPECT_LE(*proportional, *resident + (16u << 20));  // read one after the other
}

TEST(Process, GoneIsAnErrorThatNamesThePid) {
  EXPECT_FALSE(is_process_alive(kNobody, 0));
  EXPECT_FALSE(resident_bytes(kNobody));
  EXPECT_FALSE(proportional_bytes(kNobody));
  EXPECT_NE(process_start_time(kNobody).error().message.find(std::to_string(kNobody)), std::string::npos);
}

TEST(Process, EndedButNotWaitedForIsNotAlive) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) pause();
  }
  const auto started = process_start_time(child);
  ASSERT_TRUE(started);
  EXPECT_TRUE(is_process_alive(child, *started));
  kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(is_process_alive(child, *started));
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_process_alive(child, *started));
}

TEST(ThreadName, IsCutAtWhatTheKernelKeeps) {
  char before[16];
  pthread_getname_np(pthread_self(), before, sizeof before);
  set_thread_name("freshet-network-thread");
  char name[16];
  pthread_getname_np(pthread_self(), name, sizeof name);
  EXPECT_STREQ(name, "freshet-network");
  set_thread_name(before);
}

}  // namespace
}  // namespace freshet::base
