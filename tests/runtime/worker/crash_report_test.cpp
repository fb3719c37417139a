#include "runtime/worker/crash_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "runtime/base/file.h"
#include "tests/runtime/task/chain_support.h"

namespace freshet::worker {

namespace {

using namespace task::testing_support;

std::string report_path(const std::string& name) {
  return testing::TempDir() + "freshet-crash-" + name + "-" + std::to_string(::getpid());
}

/// Runs visits 0 to 4 through an operator in which `signal` comes at visit 3.
void crash(const std::string& path, int signal) {
  install_crash_report(path);
  ChainFixture fixture;
  fixture.add(map([signal](const Visit& v) {
    if (v.number == 3) std::raise(signal);
    return v;
  }));
  fixture.to_edge(0);
  auto chain = fixture.make();
  const auto batch = keyed_batch(0, 5);
  chain->offer(0, view_of(batch));
  static_cast<void>(chain->drain());
}

wire::RecordTrace read_report(const std::string& path) {
  wire::RecordTrace trace;
  const auto bytes = base::read_file(path, 1u << 20);
  EXPECT_TRUE(bytes);
  EXPECT_TRUE(decode_all(*bytes, trace));
  ::unlink(path.c_str());
  return trace;
}

TEST(CrashReportDeathTest, NamesOperatorAndRecordAndEndsTheProcessAsTheSignalWould) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer forbids what a dying process may risk: to allocate in a signal's handler";
#endif
  for (const int signal : {SIGSEGV, SIGFPE, SIGABRT}) {
    const auto path = report_path(std::to_string(signal));
    EXPECT_EXIT(crash(path, signal), testing::KilledBySignal(signal), "");
    const auto trace = read_report(path);
    EXPECT_EQ(trace.operator_id, "op0");
    EXPECT_EQ(trace.record, R"({"user":3,"number":3,"page":""})");
  }
}

TEST(CrashReportDeathTest, OutsideOfOperatorsNobodyIsBlamed) {
  const auto path = report_path("outside");
  EXPECT_EXIT(
      {
        install_crash_report(path);
        std::raise(SIGSEGV);
      },
      testing::KilledBySignal(SIGSEGV), "");
  const auto bytes = base::read_file(path, 1u << 20);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, "");
  ::unlink(path.c_str());
}

}  // namespace

}  // namespace freshet::worker
