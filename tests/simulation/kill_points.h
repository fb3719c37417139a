#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshet::sim {

/// Moments between two steps of a protocol, in which a death hurts most.
enum class KillPoint : std::uint8_t {
  published,        ///< a manifest is there, and no sink has heard of it
  between_commits,  ///< one sink has committed what the newest manifest names, another has not
  mid_upload,       ///< some snapshots of a checkpoint are stored, others are not
  mid_alignment,    ///< a barrier has passed some tasks, others wait for it
  adoption,         ///< a new job manager has heard of some workers of the attempt that runs
  restore,          ///< some workers have taken back what a checkpoint holds, others have not
  final_open,       ///< the final checkpoint is under way
  end_of_stream,    ///< some worker has been told that its streams end
};
inline constexpr std::size_t kKillPoints = 8;
/// "mid-upload"
std::string name_of(KillPoint point);

/// Who dies, or stands still for longer than the time-outs and then goes on beside its replacement.
enum class Victim : std::uint8_t { worker, machine, manager, everything, frozen_machine };
inline constexpr std::size_t kVictims = 5;
std::string name_of(Victim victim);

struct Kill {
  KillPoint point = KillPoint::published;
  Victim victim = Victim::worker;
  std::uint32_t spared = 0;  ///< so often the point is passed before
};

/// Which of the kills that a seed picked come due as a run passes its points.
class KillPoints {
 public:
  explicit KillPoints(std::vector<Kill> kills) : kills_(std::move(kills)) {}

  /// The run is at that point. Who is to die there, now.
  std::optional<Victim> pass(KillPoint point) {
    ++passed_[static_cast<std::size_t>(point)];
    for (auto kill = kills_.begin(); kill != kills_.end(); ++kill) {
      if (kill->point != point) continue;
      if (kill->spared > 0) {
        --kill->spared;
        continue;
      }
      const Victim victim = kill->victim;
      kills_.erase(kill);
      return victim;
    }
    return std::nullopt;
  }
  std::uint64_t passed(KillPoint point) const { return passed_[static_cast<std::size_t>(point)]; }

 private:
  std::vector<Kill> kills_;  // still to come
  std::array<std::uint64_t, kKillPoints> passed_{};
};

}  // namespace freshet::sim
