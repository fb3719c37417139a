// Shapes that overflow or deadlock an engine with careless buffers, run by `freshet run` with two workers: all end,
// with the results that an independent count gives, in little memory.

#include <gmock/gmock.h>

#include <iostream>

#include "runtime/base/process.h"
#include "tests/integration/background_program.h"
#include "tests/integration/engine_view.h"
#include "tests/integration/eventually.h"
#include "tests/integration/process_table.h"
#include "tests/integration/result_table.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;

class FanOut : public ::testing::Test {
 protected:
  /// Runs a job to its end; answers the most memory that one of its workers took.
  std::uint64_t run(const std::string& job, std::vector<std::string> assignments) {
    assignments.push_back("output=" + directory_.path("out"));
    std::vector<std::string> arguments{"run",    FRESHET_FAULTS,           "--job", job, "--workers", "2",
                                       "--data", directory_.path("engine")};
    const auto words = parameters(assignments);
    arguments.insert(arguments.end(), words.begin(), words.end());
    BackgroundProgram program(arguments, directory_.path("run.txt"));
    std::uint64_t most = 0;
    EXPECT_TRUE(eventually(std::chrono::seconds(100),
                           [&] {
                             for (const pid_t pid : processes_with("worker --manager"))
                               if (command_line(pid).find(directory_.path("engine")) != std::string::npos)
                                 most = std::max(most, base::resident_bytes(pid).value_or(0));
                             return program.has_ended();
                           }))
        << "it hangs: " << program.output();
    EXPECT_EQ(program.wait(kPatience), 0) << program.output();
    std::cout << job << ": " << most / 1024 << " KiB resident at most in one worker" << std::endl;
    return most;
  }
  ResultTable result() const { return ResultTable(directory_.path("out")); }

  TestDirectory directory_{};
};

// numbers (2) ──▶ burst ═▶ wide (2) ═▶ tally
TEST_F(FanOut, OneRecordBecomesAMillion) {
  const auto memory = run("burst", {"count=1", "splits=1", "outputs=1000000", "buckets=1000"});
  const auto counts = result().by("bucket", "count");
  const auto sums = result().by("bucket", "sum");
  ASSERT_EQ(counts.size(), 1000u);
  for (long long bucket = 0; bucket < 1000; ++bucket) {
    EXPECT_EQ(counts.at(std::to_string(bucket)), 1000);
    EXPECT_EQ(sums.at(std::to_string(bucket)), 1000 * bucket + 1000LL * 999 / 2 * 1000);
  }
  // A million shares of 16 bytes with what the engine knows of each wait in the overflow, once.
  EXPECT_LT(memory, 160 * kMiB);
}

// numbers (2) ──▶ burst ═▶ wide (100) ═▶ tally: each of both tasks before and behind has 100 channels
TEST_F(FanOut, AHundredChannels) {
  const auto memory = run("burst", {"count=300000", "splits=2", "buckets=777", "width=100"});
  const auto counts = result().by("bucket", "count");
  ASSERT_EQ(counts.size(), 777u);
  for (long long bucket = 0; bucket < 777; ++bucket)
    EXPECT_EQ(counts.at(std::to_string(bucket)), (300'000 - bucket + 776) / 777) << bucket;
  EXPECT_LT(memory, 128 * kMiB);
}

//            ╱─▶ fast ─╲
// numbers ══             ═▶ tally
//            ╲─▶ slow ─╱
TEST_F(FanOut, ADiamondWithASlowSide) {
  const long long count = 60'000;
  const auto memory = run("diamond", {"count=60000", "splits=2", "payload=1000", "pause=1ms"});
  EXPECT_THAT(result().by("bucket", "count"), ::testing::ElementsAre(std::pair("0", count), std::pair("1", count)));
  const long long sum = count * (count - 1) / 2;
  EXPECT_THAT(result().by("bucket", "sum"), ::testing::ElementsAre(std::pair("0", sum), std::pair("1", sum)));
  EXPECT_LT(memory, 64 * kMiB);
}

}  // namespace
}  // namespace freshet::integration
