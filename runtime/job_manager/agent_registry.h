#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/wire/control.h"

namespace freshet::manager {

/// What is known of one agent.
struct AgentRecord {
  wire::AgentHello hello{};
  wire::AgentHeartbeat machine{};  ///< the newest
  std::string peer{};
  base::SteadyTime last_heard{};
  bool is_lost = false;
};

/// The agents of the cluster: who is there, since when, and who has been silent for too long. Knows nothing of jobs:
/// how many slots are used follows from the jobs' placements. Pure; owned by the job manager.
class AgentRegistry {
 public:
  static constexpr std::uint32_t kMaxSlots = 10'000;
  static constexpr std::size_t kMaxNameBytes = 128;

  struct Limits {
    std::size_t agents = 1'000;
    Duration silence{6'000};
  };
  enum class Hello : std::uint8_t {
    known,     ///< the same process again, on a new connection perhaps
    joined,    ///< new, or back after it was lost
    replaced,  ///< another process under the name of one that was there
    refused,   ///< over a limit
  };

  explicit AgentRegistry(Limits limits) : limits_(limits) {}

  Hello on_hello(const std::string& peer, const wire::AgentHello& hello, base::SteadyTime now);
  enum class Beat : std::uint8_t { known, back, unknown };
  Beat on_heartbeat(const std::string& peer, const wire::AgentHeartbeat& beat, base::SteadyTime now);
  /// Names of those that have just become lost.
  std::vector<std::string> on_tick(base::SteadyTime now);
  /// When the next could become lost; nothing before that needs a tick. `fallback` when there is none.
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;

  /// Nullptr when there is none of the name.
  const AgentRecord* find(const std::string& name) const;
  /// By name; the lost ones are among them.
  const std::map<std::string, AgentRecord>& all() const { return agents_; }

 private:
  bool make_room();

  const Limits limits_;
  std::map<std::string, AgentRecord> agents_;
};

}  // namespace freshet::manager
