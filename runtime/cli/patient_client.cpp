#include "runtime/cli/patient_client.h"

#include <ostream>

namespace freshet::cli {

Result<std::optional<nlohmann::json>> PatientClient::get(const std::string& path) {
  auto response = client_.get(path);
  if (response) {
    answered_ = true;
    away_since_ms_.reset();
    return std::optional(std::move(response->body));
  }
  if (response.failure().code != ExitCode::kUnreachable || !answered_) return response.failure();
  const std::int64_t now_ms = around_.steady_ms();
  if (!away_since_ms_) {
    away_since_ms_ = now_ms;
    *around_.err << "job manager " << client_.address() << " does not answer; waiting for it" << std::endl;
  }
  if (now_ms - *away_since_ms_ >= kManagerAbsenceMs) return response.failure();
  return std::optional<nlohmann::json>();
}

}  // namespace freshet::cli
