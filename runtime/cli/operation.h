#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "runtime/cli/manager_client.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

/// Something that was asked for and takes a while: whose it is, and what to say of it.
struct AskedFor {
  std::string job{};     ///< as typed
  std::string what{};    ///< "the verification"
  std::string again{};   ///< to say when the job manager has forgotten it: "What became of it: freshet …"
  std::string follow{};  ///< to say when it is not waited for any longer: "Follow: freshet …"
};

/// Asks for the operation that `accepted` names until it is over. A failure: what became of it is not known, or will be
/// known later.
Result<nlohmann::json> follow_operation(const Surroundings& around, ManagerClient& client,
                                        const nlohmann::json& accepted, const AskedFor& asked);

}  // namespace freshet::cli
