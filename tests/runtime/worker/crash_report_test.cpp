#include "runtime/worker/crash_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "runtime/base/file.h"
#include "runtime/worker/crash_stack.h"
#include "tests/runtime/task/chain_support.h"

namespace freshet::worker {

namespace {

using namespace task::testing_support;

std::string report_path(const std::string& name) {
  return testing::TempDir() + "freshet-crash-" + name + "-" + std::to_string(::getpid());
}

/// Runs visits 0 to 4 through an operator in which `signal` comes at visit 3.
void crash(ChainFixture& fixture, const std::string& path, int signal) {
  const CrashStack stack;  // as a task's thread has one: that of the address sanitizer is too small for a report
  install_crash_report(path);
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

void crash(const std::string& path, int signal) {
  ChainFixture fixture;
  crash(fixture, path, signal);
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
    EXPECT_EQ(trace.place, std::nullopt) << "nobody knows the partition";
  }
}

/// Knows how to say a position, and nothing else.
struct Lines final : SourceStage {
  void open(StageHost&) override {}
  void close(bool) override {}
  std::vector<Split> discover() override { return {}; }
  void add_split(SavedSplit) override {}
  const std::vector<SavedSplit>& splits() const override { return none; }
  Progress read() override { return Progress::done; }
  std::string describe(const std::string& partition, std::uint64_t offset) const override {
    return partition + ", line " + std::to_string(offset);
  }
  std::vector<SavedSplit> none;
};

TEST(CrashReportDeathTest, SaysWhereTheRecordCameFromInAFormThatHoldsInEveryAttempt) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer forbids what a dying process may risk: to allocate in a signal's handler";
#endif
  const auto path = report_path("place");
  const std::string file(300, 'f');  // longer than what msgpack says in one byte
  EXPECT_EXIT(
      {
        ChainFixture fixture;
        fixture.partitions->add(1, {file, std::make_shared<Lines>(), "visits"});
        crash(fixture, path, SIGSEGV);
      },
      testing::KilledBySignal(SIGSEGV), "");
  const auto trace = read_report(path);
  EXPECT_EQ(trace.origin, file + ", line 4");
  EXPECT_EQ(trace.place, (wire::RecordPlace{"visits", file, 4}));
}

std::size_t deeper(const volatile char* above) {
  volatile char here[1024] = {};
  here[0] = above[0];
  return here[0] == 1 ? 0 : deeper(here) + static_cast<std::size_t>(here[0]);
}

TEST(CrashReportDeathTest, AThreadThatUsedUpItsStackIsReportedToo) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer forbids what a dying process may risk: to allocate in a signal's handler";
#endif
  const auto path = report_path("stack");
  EXPECT_EXIT(
      {
        install_crash_report(path);
        std::thread([] {
          const CrashStack stack;
          ChainFixture fixture;
          fixture.add(map([](const Visit& v) {
            const volatile char one = 2;
            return Visit{v.user, v.number + deeper(&one), v.page};
          }));
          fixture.to_edge(0);
          auto chain = fixture.make();
          const auto batch = keyed_batch(0, 5);
          chain->offer(0, view_of(batch));
          static_cast<void>(chain->drain());
        }).join();
      },
      testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EQ(read_report(path).operator_id, "op0");
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
