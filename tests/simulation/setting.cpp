#include "tests/simulation/setting.h"

#include <algorithm>
#include <cmath>

namespace freshet::sim {

namespace {

using namespace std::chrono_literals;

constexpr double kHarmedShare = 0.6;
constexpr double kKilledShare = 0.6;         // of jobs that recover
constexpr std::uint64_t kMostSteps = 3'000;  // few runs take more

/// Deaths at certain moments, and what it takes to get to them.
void draw_kills(base::Random& random, Setting& setting) {
  if (!random.chance(kKilledShare)) return;
  for (auto count = random.between(1, 2); count > 0; --count) {
    const Kill kill{static_cast<KillPoint>(random.below(kKillPoints)), static_cast<Victim>(random.below(kVictims)),
                    random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.below(8))};
    setting.kills.push_back(kill);
    if (kill.victim == Victim::machine || kill.victim == Victim::everything || kill.victim == Victim::frozen_machine)
      setting.manager.status_interval = 500ms;
    if (kill.victim == Victim::frozen_machine) setting.agents = std::max(setting.agents, 2u);
    if (kill.point == KillPoint::adoption || kill.point == KillPoint::restore) {
      setting.workers = std::max(setting.workers, 2u);
      setting.kills.back().spared = 0;
      const auto before = kill.point == KillPoint::adoption ? HarmKind::restart_manager : HarmKind::kill;
      setting.harms.push_back({before, log_uniform(random, 10, kMostSteps / 5)});
    }
  }
}

void draw_harms(base::Random& random, Setting& setting) {
  if (!random.chance(kHarmedShare)) return;
  const auto count = random.chance(0.5) ? 1 : random.between(2, 5);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto kind = static_cast<HarmKind>(random.between(0, static_cast<int>(HarmKind::cancel)));
    setting.harms.push_back({kind, random.chance(0.1) ? 0 : log_uniform(random, 1, kMostSteps)});
    // That the last frame of a channel is lost is found by the heartbeats, which go with the statuses; and a status is
    // how a job manager learns of a worker that its new agent does not know.
    const bool needs_statuses = kind == HarmKind::lose_frame || kind == HarmKind::restart_agent ||
                                kind == HarmKind::freeze_worker || kind == HarmKind::freeze_machine;
    if (needs_statuses) setting.manager.status_interval = 500ms;
  }
}

}  // namespace

std::string name_of(HarmKind kind) {
  switch (kind) {
    case HarmKind::kill:
      return "worker killed";
    case HarmKind::crash:
      return "worker crashed";
    case HarmKind::disconnect:
      return "workers disconnected";
    case HarmKind::cut_off_from_manager:
      return "machine cut off from the job manager";
    case HarmKind::cut_off_from_each_other:
      return "machines cut off from each other";
    case HarmKind::slow_machine:
      return "machine slowed down";
    case HarmKind::lose_frame:
      return "frame lost";
    case HarmKind::refuse_to_publish:
      return "sinks refuse to publish";
    case HarmKind::source_fails:
      return "sources fail";
    case HarmKind::restart_manager:
      return "job manager restarted";
    case HarmKind::restart_agent:
      return "agent restarted";
    case HarmKind::kill_machine:
      return "machine killed";
    case HarmKind::kill_everything:
      return "everything killed";
    case HarmKind::storage_fails:
      return "checkpoint storage is full";
    case HarmKind::storage_errs:
      return "checkpoint storage errs";
    case HarmKind::journal_fails:
      return "journal fails";
    case HarmKind::die_in_journal:
      return "job manager dies in its journal";
    case HarmKind::freeze_worker:
      return "worker frozen";
    case HarmKind::freeze_machine:
      return "worker and agent frozen";
    case HarmKind::cancel:
      return "cancelled";
  }
  return "harmed";
}

std::uint64_t log_uniform(base::Random& random, double low, double high) {
  return static_cast<std::uint64_t>(std::exp(std::log(low) + random.unit() * (std::log(high) - std::log(low))));
}

Setting draw_setting(base::Random& random, const RunOptions& options, const Topology& topology) {
  Setting setting;
  setting.data.channel_window = log_uniform(random, 512, 1 << 20);
  setting.data.frame_bytes = log_uniform(random, 64, 128 << 10);
  setting.data.max_linger = Duration(random.between(0, 5));
  setting.data.force_remote = random.chance(0.5);
  setting.too_little_overflow = topology.overflow_bytes() != 0 && !options.full_size && random.chance(0.06);
  if (topology.overflow_bytes() != 0)
    setting.data.max_overflow_bytes =
        setting.too_little_overflow ? topology.overflow_bytes() / 2
                                    : topology.overflow_bytes() * static_cast<std::uint64_t>(random.between(1, 3));
  setting.network.most_delay = Nanoseconds(static_cast<std::int64_t>(log_uniform(random, 2'000, 5'000'000)));
  setting.agents = static_cast<std::uint32_t>(random.between(1, 3));
  setting.workers = static_cast<std::uint32_t>(random.between(1, 4));
  setting.chaining = random.chance(0.8);
  setting.library_bytes = random.chance(0.05) ? 2 * wire::kLibraryChunkBytes + 5 : 1 + random.below(3'000);
  // Statuses wake every task. Without them a wake-up that somebody forgot shows.
  constexpr Duration kIntervals[] = {50ms, 500ms, 24h};
  setting.manager.status_interval = kIntervals[random.below(3)];
  if (!random.chance(0.2)) {
    setting.checkpoint_interval = Duration(static_cast<std::int64_t>(log_uniform(random, 5, 3'000)));
    for (auto asked = random.below(4); asked > 0; --asked)
      setting.checkpoints_at_step.push_back(log_uniform(random, 3, kMostSteps));
    std::sort(setting.checkpoints_at_step.begin(), setting.checkpoints_at_step.end());
  }
  setting.restart = {.kind = manager::RestartKind::exponential,
                     .delay = Duration(random.between(0, 300)),
                     .limit = Duration(random.between(300, 3'000))};
  if (setting.too_little_overflow)
    setting.restart = {.kind = manager::RestartKind::fixed, .restarts = 2, .delay = Duration(random.between(0, 300))};
  if (options.harm) {
    if (setting.checkpoint_interval != Duration(0) && !setting.too_little_overflow) draw_kills(random, setting);
    draw_harms(random, setting);
    std::stable_sort(setting.harms.begin(), setting.harms.end(),
                     [](const Harm& a, const Harm& b) { return a.at_step < b.at_step; });
  }
  if (setting.manager.status_interval == Duration(24h)) setting.manager.worker_silence_limit = 48h;
  setting.data.save_entries = static_cast<std::uint32_t>(log_uniform(random, 1, 600));
  setting.data.snapshot_part_bytes = log_uniform(random, 100, 100'000);
  if (random.chance(0.6)) setting.data.state_bytes = log_uniform(random, 1, 3'000);
  if (options.spills) setting.data.state_bytes = 1;
  if (options.spills && setting.checkpoint_interval != Duration(0))
    setting.checkpoint_interval = std::min(setting.checkpoint_interval, Duration(20));
  return setting;
}

}  // namespace freshet::sim
