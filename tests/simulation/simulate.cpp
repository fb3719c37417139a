#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/simulation/simulation.h"
#include "tests/simulation/topology.h"

/// Runs many seeds of the simulation; scripts/simulate.sh builds and calls it.
namespace {

using namespace freshet::sim;

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  std::vector<std::string> topologies = topology_names();
  bool full_size = false;
  bool harm = true;
  bool verbose = false;
};

int usage(const char* what) {
  std::fprintf(stderr, "simulate: %s\n", what);
  return 2;
}

bool parse_number(const char* text, std::uint64_t& number) {
  char* end = nullptr;
  number = std::strtoull(text, &end, 10);
  return *text != '\0' && *end == '\0';
}

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--full-size") {
      arguments.full_size = true;
    } else if (flag == "--no-harm") {
      arguments.harm = false;
    } else if (flag == "--verbose") {
      arguments.verbose = true;
    } else if (flag == "--seeds" || flag == "--first") {
      if (!parse_number(value, flag == "--seeds" ? arguments.seeds : arguments.first)) return false;
      ++i;
    } else if (flag == "--topology") {
      arguments.topologies = {value};
      if (make_topology(value, {}) == nullptr) return false;
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

void print(const RunOptions& options, const RunResult& result) {
  std::printf(
      "%s seed %llu: %s%s%s, %llu events, %llu ms, %llu remote frames, %llu attempts, %llu checkpoints, trace "
      "%016llx%s%s%s\n",
      options.topology.c_str(), static_cast<unsigned long long>(options.seed), result.state.c_str(),
      result.harm.empty() ? "" : ", ", result.harm.c_str(), static_cast<unsigned long long>(result.events),
      static_cast<unsigned long long>(result.virtual_ms), static_cast<unsigned long long>(result.remote_frames),
      static_cast<unsigned long long>(result.attempts), static_cast<unsigned long long>(result.checkpoints),
      static_cast<unsigned long long>(result.trace), result.reason.empty() ? "" : ", ", result.reason.c_str(),
      result.problem.empty() ? "" : ", WRONG");
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments))
    return usage(
        "--seeds N, --first S, --topology burst|fan_out|diamond|behaviour|timers|windows|retries, --full-size, "
        "--no-harm, "
        "--verbose");
  std::uint64_t failed = 0, harmed = 0, failed_loudly = 0, recovered = 0, checkpoints = 0;
  std::uint64_t storage_errors = 0, files_lost = 0, late_commits = 0, outlived = 0;
  std::array<std::uint64_t, kKillPoints> kills{};
  for (const auto& topology : arguments.topologies) {
    for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
      const RunOptions options{topology, seed, arguments.full_size, arguments.harm};
      const auto result = simulate(options);
      harmed += !result.harm.empty();
      failed_loudly += result.state == "Failed";
      recovered += result.state == "Finished" && result.attempts > 1;
      checkpoints += result.checkpoints;
      storage_errors += result.storage_errors;
      files_lost += result.files_lost;
      late_commits += result.late_commits;
      outlived += result.outlived > 0;
      for (std::size_t point = 0; point < kKillPoints; ++point) kills[point] += result.kills[point];
      if (arguments.verbose) print(options, result);
      if (!result.problem.empty()) {
        ++failed;
        std::printf("FAILED %s seed %llu%s%s: %s\n  repeat  %s\n", topology.c_str(),
                    static_cast<unsigned long long>(seed), result.harm.empty() ? "" : ", ", result.harm.c_str(),
                    result.problem.c_str(), how_to_repeat(options).c_str());
      }
      const auto done = seed - arguments.first + 1;
      if (!arguments.verbose && (done % 100 == 0 || done == arguments.seeds))
        std::printf("%s: %llu of %llu seeds, %llu failed so far\n", topology.c_str(),
                    static_cast<unsigned long long>(done), static_cast<unsigned long long>(arguments.seeds),
                    static_cast<unsigned long long>(failed));
      std::fflush(stdout);
    }
  }
  std::printf("killed:");
  for (std::size_t point = 0; point < kKillPoints; ++point)
    std::printf(" %s=%llu", name_of(static_cast<KillPoint>(point)).c_str(),
                static_cast<unsigned long long>(kills[point]));
  std::printf("\nstorage: errors=%llu files_lost=%llu late_commits=%llu runs_with_stale_workers=%llu\n",
              static_cast<unsigned long long>(storage_errors), static_cast<unsigned long long>(files_lost),
              static_cast<unsigned long long>(late_commits), static_cast<unsigned long long>(outlived));
  std::printf(
      "simulation: seeds=%llu topologies=%zu failed=%llu harmed=%llu recovered=%llu checkpoints=%llu "
      "jobs_failed_loudly=%llu\n",
      static_cast<unsigned long long>(arguments.seeds), arguments.topologies.size(),
      static_cast<unsigned long long>(failed), static_cast<unsigned long long>(harmed),
      static_cast<unsigned long long>(recovered), static_cast<unsigned long long>(checkpoints),
      static_cast<unsigned long long>(failed_loudly));
  return failed == 0 ? 0 : 1;
}
