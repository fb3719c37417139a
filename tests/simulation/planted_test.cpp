#include <gtest/gtest.h>

#include "runtime/base/planted_bug.h"
#include "tests/simulation/simulation.h"

/// That errors in the engine are found: each is planted, and some seed has to see it.
namespace freshet::sim {
namespace {

constexpr std::uint64_t kFirstSeed = 1;

struct Planted {
  const char* name;
  plant::Bug bug;
  const char* topology;
  std::uint64_t within;  ///< seeds
  bool forgets_ids = false;
  bool spills = false;
};

void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

class Planting : public testing::TestWithParam<Planted> {
 protected:
  ~Planting() override { plant::bug = plant::Bug::none; }
};

TEST_P(Planting, IsSeenBySomeSeed) {
  const auto& planted = GetParam();
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + planted.within; ++seed) {
    plant::bug = planted.bug;
    plant::occasions = 0;
    RunOptions options{.topology = planted.topology,
                       .seed = seed,
                       .forget_checkpoint_ids = planted.forgets_ids,
                       .spills = planted.spills};
    const auto result = simulate(options);
    if (result.problem.empty()) continue;
    plant::bug = plant::Bug::none;
    options.forget_checkpoint_ids = false;
    EXPECT_EQ(simulate(options).problem, "") << "without it, too: " << how_to_repeat(options);
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                result.problem.substr(0, result.problem.find('\n')).c_str());
    return;
  }
  FAIL() << "no seed has seen it";
}

TEST(PlantedBug, WithoutOneNoSeedSeesAnything) {
  plant::bug = plant::Bug::none;
  for (const char* topology : {"diamond", "behaviour", "timers", "retries", "letters"}) {
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 50; ++seed) {
      const RunOptions options{.topology = topology, .seed = seed, .spills = seed % 2 == 0};
      EXPECT_EQ(simulate(options).problem, "") << how_to_repeat(options);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Planting,
    testing::Values(Planted{"drop_frame", plant::Bug::drop_frame, "diamond", 50},
                    Planted{"skip_alignment", plant::Bug::skip_alignment, "behaviour", 50},
                    Planted{"commit_early", plant::Bug::commit_early, "diamond", 50},
                    Planted{"stale_commit", plant::Bug::stale_commit, "diamond", 50},
                    Planted{"reuse_id", plant::Bug::none, "diamond", 50, true},
                    Planted{"forget_key", plant::Bug::forget_key, "behaviour", 50},
                    Planted{"forget_evicted", plant::Bug::forget_evicted, "behaviour", 300, false, true},
                    Planted{"save_late", plant::Bug::save_late, "behaviour", 50},
                    // What is on disk runs past the checkpoint that it is saved for.
                    Planted{"fold_past_checkpoint", plant::Bug::save_late, "timers", 300, false, true},
                    Planted{"forget_timer", plant::Bug::forget_timer, "timers", 300},
                    Planted{"forget_waiting", plant::Bug::forget_waiting, "retries", 50},
                    Planted{"forget_replayed", plant::Bug::forget_replayed, "letters", 50},
                    Planted{"forget_unsent", plant::Bug::forget_unsent, "behaviour", 50},
                    Planted{"forget_splits", plant::Bug::forget_splits, "diamond", 50},
                    Planted{"forget_handle", plant::Bug::forget_handle, "diamond", 50}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace freshet::sim
