// A million timers, and workers that are killed while they are set and while they fire: each fires once.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;

class Timers : public ::testing::Test {
 protected:
  void submit(std::size_t timers, const std::vector<std::string>& more) {
    timers_ = timers;
    auto arguments = parameters({"timers=" + std::to_string(timers), "output=" + directory_.path("out")});
    arguments.insert(arguments.end(), {"--name", "timers", "--parallelism", "2", "--checkpoint-interval", "300ms"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto submitted = cluster_.submit(FRESHET_TIMERS, "timers", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  nlohmann::json job() const { return cluster_.view().job("timers"); }

  /// Timers of committed rows, with how often each has fired.
  std::vector<int> fired() const {
    std::vector<int> times(timers_, 0);
    if (!fs::is_directory(directory_.path("out"))) return times;
    for (const auto& entry : fs::directory_iterator(directory_.path("out"))) {
      if (entry.path().extension() != ".csv") continue;
      std::ifstream in(entry.path());
      std::string line;
      std::getline(in, line);  // the header
      while (std::getline(in, line)) {
        const std::size_t id = std::stoul(line.substr(line.rfind(',') + 1));
        if (id < times.size())
          ++times[id];
        else
          ADD_FAILURE() << "no timer " << id << " was set";
      }
    }
    return times;
  }
  std::uintmax_t committed_bytes() const {
    std::uintmax_t bytes = 0;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator(directory_.path("out"), gone))
      if (entry.path().extension() == ".csv") bytes += entry.file_size(gone);
    return bytes;
  }
  void kill_a_worker() {
    const int attempt = job()["attempt"].get<int>();
    ASSERT_TRUE(eventually(kPatience, [&] { return !cluster_.view().worker_pids("timers").empty(); })) << job();
    kill(cluster_.view().worker_pids("timers").at(0), SIGKILL);
    ASSERT_TRUE(eventually(kPatience, [&] { return job()["attempt"].get<int>() > attempt; })) << job();
  }
  /// Kills workers: one as soon as there is a checkpoint, which is while timers are set; then one whenever more rows
  /// are committed.
  void run_through_kills() {
    ASSERT_TRUE(eventually(kPatience, [&] { return !job()["last_checkpoint"].is_null(); })) << job();
    ASSERT_NO_FATAL_FAILURE(kill_a_worker());
    std::uintmax_t seen = 0;
    for (int kills = 0; kills < 2; ++kills) {
      std::uintmax_t now = 0;
      nlohmann::json state;
      ASSERT_TRUE(eventually(kPatience, [&] {
        state = job()["state"];
        return state == "Finished" || (state == "Running" && (now = committed_bytes()) > seen);
      })) << job();
      ASSERT_EQ(state, "Running") << "all have fired already: nothing is tested";
      ASSERT_NO_FATAL_FAILURE(kill_a_worker());
      seen = now;
    }
    ASSERT_TRUE(cluster_.view().wait_for("timers", "Finished")) << job();
    const auto times = fired();
    EXPECT_EQ(std::count(times.begin(), times.end(), 0), 0) << "lost";
    EXPECT_EQ(std::count_if(times.begin(), times.end(), [](int each) { return each > 1; }), 0) << "fired twice";
  }

  std::size_t timers_ = 0;
  TestDirectory directory_{};
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(Timers, NoneIsLostAndNoneFiresTwiceThroughKills) {
  ASSERT_NO_FATAL_FAILURE(submit(1'000'000, {}));
  run_through_kills();
}

TEST_F(Timers, NorWhereMostOfThemAreOnDisk) {
  ASSERT_NO_FATAL_FAILURE(submit(150'000, {"--state-memory", "2MiB"}));
  run_through_kills();
}

}  // namespace
}  // namespace freshet::integration
