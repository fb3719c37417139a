#include "runtime/cli/operation.h"

#include <nlohmann/json.hpp>

#include "runtime/cli/flags.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/patient_client.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/waiting.h"

namespace freshet::cli {

using nlohmann::json;

Result<json> follow_operation(const Surroundings& around, ManagerClient& client, const json& accepted,
                              const AskedFor& asked) {
  const std::string path = job_path(asked.job) + "/operations/" + path_segment(text_or(accepted, "operation", "?"));
  PatientClient patient(client, around, true);
  json operation = accepted;
  const auto look = [&]() -> Result<bool> {
    auto body = patient.get(path);
    if (!body) return body.failure();
    if (*body) operation = std::move(**body);
    return text_or(operation, "state", "") != "open";
  };
  const auto waited = wait_until(around, checked_duration_ms(FLAGS_timeout), look);
  if (!waited && waited.failure().code == ExitCode::kNotFound)
    return Failure{ExitCode::kFailed, waited.failure().message + ". " + asked.again};
  if (!waited) return waited.failure();
  if (*waited == Waited::kReached) return operation;
  const bool late = *waited == Waited::kTimedOut;
  return Failure{late ? ExitCode::kTimeout : ExitCode::kInterrupted,
                 asked.what + " is not over yet and goes on. " + asked.follow};
}

}  // namespace freshet::cli
