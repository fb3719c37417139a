// A source that has nothing for a while holds nothing up; one whose process is stopped is not taken for one that has
// nothing.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using namespace std::chrono_literals;
using files::testing::TestDirectory;
using nlohmann::json;

constexpr std::uint64_t kTicks = 600;  // of each clock: six seconds

class SilentSources : public ::testing::Test {
 protected:
  void submit(const std::vector<std::string>& assignments, std::uint64_t ticks = kTicks) {
    auto all = assignments;
    all.push_back("ticks=" + std::to_string(ticks));
    all.push_back("output=" + directory_.path("out"));
    auto arguments = parameters(all);
    arguments.insert(arguments.end(),
                     {"--name", "ticks", "--parallelism", "2", "--workers", "2", "--checkpoint-interval", "100ms"});
    const auto submitted = cluster_.submit(FRESHET_TICKS, "ticks", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  json job() const { return cluster_.view().job("ticks"); }
  /// Ticks in windows that have gone out.
  std::uint64_t counted() const {
    std::uint64_t ticks = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path("out"), gone)) {
      if (!entry.path().extension().string().starts_with(".jsonl")) continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) ticks += json::parse(line)["ticks"].get<std::uint64_t>();
    }
    return ticks;
  }
  std::uint64_t late() const { return job()["late"].get<std::uint64_t>(); }
  bool is_finished() const { return cluster_.view().wait_for("ticks", "Finished"); }

  TestDirectory directory_;
  TestCluster cluster_{directory_.path("cluster"), 1};
};

TEST_F(SilentSources, OneThatHasNothingForAWhileHoldsNothingUp) {
  submit({"rest_from=100", "rest_to=500", "idle_after=500ms"});
  // The first clock has 600 ticks; of the second there are 100 until it is no longer waited for.
  ASSERT_TRUE(eventually(kPatience, [&] { return counted() > 300 || job()["state"] == "Finished"; })) << job();
  ASSERT_TRUE(is_finished()) << job();
  EXPECT_GT(late(), 0u) << "what it had to tell in the end came too late, for nobody waited";
  EXPECT_EQ(counted() + late(), 2 * kTicks);
}

TEST_F(SilentSources, OneThatRestsForLessIsWaitedFor) {
  submit({"rest_from=100", "rest_to=300", "idle_after=1h"});
  ASSERT_TRUE(is_finished()) << job();
  EXPECT_EQ(late(), 0u);
  EXPECT_EQ(counted(), 2 * kTicks);
}

TEST_F(SilentSources, OneWhoseProcessIsStoppedIsNotIdle) {
  constexpr std::uint64_t kLonger = 2 * kTicks;
  submit({"idle_after=500ms"}, kLonger);
  ASSERT_TRUE(eventually(kPatience, [&] { return counted() > 0; })) << job();
  const auto pids = cluster_.view().worker_pids("ticks");
  ASSERT_EQ(pids.size(), 2u);
  for (int round = 0; round < 2; ++round) {
    kill(pids[1], SIGSTOP);
    std::this_thread::sleep_for(1500ms);  // three times as long as one without ticks is waited for
    kill(pids[1], SIGCONT);
    std::this_thread::sleep_for(200ms);
  }
  ASSERT_TRUE(is_finished()) << job();
  EXPECT_EQ(job()["attempt"], 1) << "nobody was lost";
  EXPECT_EQ(late(), 0u) << "what it had missed came in time";
  EXPECT_EQ(counted(), 2 * kLonger);
}

}  // namespace
}  // namespace freshet::integration
