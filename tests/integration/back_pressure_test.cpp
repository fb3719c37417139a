// A sink that stops taking anything while its sources go at full speed. What may be on its way is what the channels'
// credit allows, whatever the frames look like, and nothing is lost.

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "runtime/base/process.h"
#include "runtime/wire/control.h"
#include "runtime/wire/frame.h"
#include "tests/integration/eventually.h"
#include "tests/integration/tally.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using nlohmann::json;

constexpr std::uint64_t kDefaultWindow = wire::DataOptions{}.channel_window;

/// How long a sink stands still: a few seconds, or as long as FRESHET_STOP_SECONDS says.
std::chrono::seconds stop_time() {
  const char* given = std::getenv("FRESHET_STOP_SECONDS");
  return std::chrono::seconds(given != nullptr ? std::atoi(given) : 8);
}

/// What was seen while the sink stood still.
struct Stop {
  std::uint64_t resident_at_first = 0;  // all workers, when the credit had been used up
  std::uint64_t resident_most = 0;      // … and the most after that
  std::uint64_t in_flight_most = 0;
  std::uint64_t records_at_first = 0, records_at_end = 0;
};

/// Two tasks of a source and two of a sink on two workers, every one joined with every other: four channels.
class BackPressure : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kChannels = 4;
  void SetUp() override { std::ofstream(gate_) << "closed"; }

  std::uint64_t resident() const {
    std::uint64_t sum = 0;
    for (const pid_t pid : cluster_.view().worker_pids("flow")) sum += base::resident_bytes(pid).value_or(0);
    return sum;
  }
  std::uint64_t in_flight() const {
    return static_cast<std::uint64_t>(cluster_.view().metric("freshet_task_in_flight_bytes"));
  }
  std::uint64_t records_in() const { return cluster_.view().job("flow").value("records_in", std::uint64_t{0}); }

  void start(std::vector<std::string> assignments, const json& options = json::object()) {
    assignments.insert(assignments.end(), {"gate=" + gate_, "output=" + tallies_, "splits=2"});
    auto arguments = parameters(assignments);
    arguments.insert(arguments.end(), {"--parallelism", "2"});
    ASSERT_EQ(cluster_.submit_with_options(FRESHET_FAULTS, "flow", arguments, options), 201);
    ASSERT_TRUE(cluster_.view().wait_for("flow", "Running")) << cluster_.view().job("flow");
    resident_at_start_ = resident();
  }
  /// Waits until nothing moves any more, then watches for the time of a stop.
  Stop watch() {
    Stop stop;
    std::uint64_t last = 0;
    std::chrono::steady_clock::time_point since;
    EXPECT_TRUE(eventually(kPatience, [&] {
      const std::uint64_t now = records_in();
      if (now != last || now == 0) since = std::chrono::steady_clock::now();
      last = now;
      return std::chrono::steady_clock::now() - since > std::chrono::milliseconds(1500);
    })) << "the sources never came to rest";
    stop.records_at_first = last;
    stop.resident_at_first = resident();
    eventually(stop_time(), [&] {
      stop.resident_most = std::max(stop.resident_most, resident());
      stop.in_flight_most = std::max(stop.in_flight_most, in_flight());
      return false;
    });
    stop.records_at_end = records_in();
    EXPECT_EQ(cluster_.view().state_of("flow"), "Running");
    std::cout << "stood still for " << stop_time().count() << " s: " << stop.records_at_end << " records read, "
              << stop.in_flight_most << " bytes in flight, resident " << resident_at_start_ / 1024
              << " KiB at the start, " << stop.resident_at_first / 1024 << " at rest, " << stop.resident_most / 1024
              << " at most" << std::endl;
    return stop;
  }
  void open_gate() { fs::remove(gate_); }
  void expect_all(std::uint64_t count, std::uint64_t bytes) {
    ASSERT_TRUE(cluster_.view().wait_for("flow", "Finished")) << cluster_.view().job("flow");
    const Tally tally = tally_in(tallies_);
    EXPECT_EQ(tally.count, count);
    EXPECT_EQ(tally.sum, count * (count - 1) / 2);
    EXPECT_EQ(tally.bytes, bytes);
    EXPECT_EQ(tally.wrong, 0u);
  }

  TestDirectory directory_{};
  const std::string gate_ = directory_.path("gate");
  const std::string tallies_ = directory_.path("tallies");
  std::uint64_t resident_at_start_ = 0;
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(BackPressure, ASinkThatStopsHoldsSourcesBackAndMemoryStaysFlat) {
  constexpr std::uint64_t kCount = 400'000, kPayload = 1000;
  ASSERT_NO_FATAL_FAILURE(start({"count=400000", "payload=1000"}));
  const Stop stop = watch();
  EXPECT_EQ(stop.records_at_end, stop.records_at_first) << "sources went on without credit";
  EXPECT_LT(stop.records_at_end, kCount / 2) << "the input is too short to show anything";
  EXPECT_LE(stop.in_flight_most, kChannels * kDefaultWindow);
  EXPECT_GE(stop.in_flight_most, kChannels * kDefaultWindow / 2) << "the stop did not use the credit up";
  // 400 MB of input stand in front of it: two processes with their code, and each channel's credit held on both ends.
  EXPECT_LE(stop.resident_most, 2 * 30 * kMiB + 2 * kChannels * kDefaultWindow);
  EXPECT_LE(stop.resident_most, stop.resident_at_first + kMiB);
  open_gate();
  expect_all(kCount, kCount * kPayload);
}

TEST_F(BackPressure, FramesOfFortyBytesDoNotWeighMoreThanTheyCost) {
  constexpr std::uint64_t kCount = 8'000, kPayload = 8, kWindow = 256u << 10;
  ASSERT_NO_FATAL_FAILURE(start({"count=8000", "payload=8", "one_by_one=true"}, {{"channel_window_bytes", kWindow}}));
  const Stop stop = watch();
  EXPECT_EQ(stop.records_at_end, stop.records_at_first) << "sources went on without credit";
  EXPECT_LT(stop.records_at_end, kCount) << "the input is too short to show anything";
  EXPECT_LE(stop.in_flight_most, kChannels * kWindow);
  EXPECT_GE(stop.in_flight_most, kChannels * kWindow / 2) << "the stop did not use the credit up";
  const double frames = cluster_.view().metric("freshet_task_frames_out_total");
  const double bytes = cluster_.view().metric("freshet_task_bytes_out_total");
  EXPECT_LT(bytes / frames, 64) << "the frames are not tiny";
  EXPECT_LE(stop.resident_most, stop.resident_at_first + kMiB);
  EXPECT_LE(stop.resident_most, resident_at_start_ + 2 * kChannels * kWindow + 4 * kMiB);
  std::cout << "mean frame " << bytes / frames << " bytes, " << frames << " frames" << std::endl;
  open_gate();
  expect_all(kCount, kCount * kPayload);
}

TEST_F(BackPressure, ARecordLargerThanTheCreditPassesAlone) {
  constexpr std::uint64_t kCount = 20'000, kPayload = 100, kBig = 4 * kMiB;
  ASSERT_NO_FATAL_FAILURE(start({"count=20000", "payload=100", "big=" + std::to_string(kBig)}));
  EXPECT_TRUE(eventually(kPatience, [this] { return in_flight() > kBig; })) << "no record overdrew its channel";
  EXPECT_LE(in_flight(), 2 * kBig + kChannels * kDefaultWindow);
  open_gate();
  expect_all(kCount, (kCount - 2) * kPayload + 2 * kBig);
}

}  // namespace
}  // namespace freshet::integration
