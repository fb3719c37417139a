#include "runtime/cli/error_body.h"

#include <nlohmann/json.hpp>

#include <array>

#include "runtime/cli/json_fields.h"

namespace freshet::cli {
namespace {

struct CodeName {
  const char* name;
  ExitCode code;
};
constexpr std::array kCodes{CodeName{"validation", ExitCode::kRefused},  CodeName{"not_found", ExitCode::kNotFound},
                            CodeName{"timeout", ExitCode::kTimeout},     CodeName{"bad_state", ExitCode::kBadState},
                            CodeName{"forbidden", ExitCode::kForbidden}, CodeName{"no_room", ExitCode::kFailed},
                            CodeName{"failed", ExitCode::kFailed}};

ExitCode code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
    case 429:
      return ExitCode::kForbidden;
    case 404:
      return ExitCode::kNotFound;
    case 408:
    case 504:
      return ExitCode::kTimeout;
    case 409:
      return ExitCode::kBadState;
    case 400:
    case 422:
      return ExitCode::kRefused;
    default:
      return ExitCode::kFailed;
  }
}

std::string problem_line(const nlohmann::json& problem) {
  const std::string where = text_or(problem, "where", "");
  const std::string remedy = text_or(problem, "remedy", "");
  std::string line = "\n  " + (where.empty() ? "" : where + ": ") + text_or(problem, "message", "no message");
  if (!remedy.empty()) line += " (" + remedy + ")";
  return line;
}

}  // namespace

Failure failure_of(int status, const nlohmann::json& body) {
  const nlohmann::json& error = member(body, "error");
  const std::string name = text_or(error, "code", "");
  Failure failure{code_of_status(status), text_or(error, "message", "")};
  for (const CodeName& code : kCodes) {
    if (name == code.name) failure.code = code.code;
  }
  if (failure.message.empty()) failure.message = "the job manager answered HTTP " + std::to_string(status);
  std::string near;
  for (const auto& candidate : list(error, "near")) {
    if (candidate.is_string()) near += (near.empty() ? "" : ", ") + candidate.get<std::string>();
  }
  if (!near.empty()) failure.message += ". Near: " + near;
  for (const auto& problem : list(error, "problems")) failure.message += problem_line(problem);
  return failure;
}

}  // namespace freshet::cli
