#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runtime/cli/manager_client.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

/// Longer than a job manager needs to come back after a restart; whoever waits for a job need not notice one.
inline constexpr std::int64_t kManagerAbsenceMs = 30'000;

/// Asks again and again while a verb waits, and bears a job manager that goes away for a while: jobs go on without it,
/// so waiting for them does, too. One that has not answered yet is not waited for. Lives as long as the wait.
class PatientClient {
 public:
  /// `answered`: the job manager has answered this verb before.
  PatientClient(ManagerClient& client, const Surroundings& around, bool answered)
      : client_(client), around_(around), answered_(answered) {}

  /// The body; nothing while the job manager is away; a failure when it is away for too long or refuses.
  Result<std::optional<nlohmann::json>> get(const std::string& path);

 private:
  ManagerClient& client_;
  const Surroundings& around_;
  bool answered_;
  std::optional<std::int64_t> away_since_ms_;
};

}  // namespace freshet::cli
