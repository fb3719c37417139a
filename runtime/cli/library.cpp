#include "runtime/cli/library.h"

#include <sha2.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/process.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {
namespace {

std::string sha256_of(const std::string& content) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256Final(digest.data(), &context);
  constexpr const char* kHex = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) text += {kHex[byte >> 4], kHex[byte & 15]};
  return text;
}

std::string with_errors(std::string message, const ChildOutput& child) {
  if (child.errors.empty()) return message;
  std::string below = indented(child.errors, "  | ");
  below.pop_back();
  return message + "\n" + below;
}

/// Why a file cannot be read; empty when it can.
std::string unreadable(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return "no such file";
  if (std::filesystem::is_directory(status)) return "is a folder";
  return ::access(path.c_str(), R_OK) == 0 ? "" : std::generic_category().message(errno);
}

/// Whether nothing is wrong but that attached files are not there.
bool only_files_are_missing(const Invocation& invocation, const nlohmann::json& errors) {
  std::set<std::string> missing;
  for (const std::string& word : invocation.values("file")) {
    const std::size_t equals = word.find('=');
    std::error_code error;
    if (!std::filesystem::is_regular_file(word.substr(equals + 1), error))
      missing.insert("parameter " + word.substr(0, equals));
  }
  return std::all_of(errors.begin(), errors.end(),
                     [&](const auto& error) { return missing.contains(text_or(error, "where", "")); });
}

}  // namespace

Result<LibraryFile> read_library(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return Failure{ExitCode::kNotFound, path + ": " + error.message()};
  if (size > kMaxLibraryBytes) {
    return Failure{ExitCode::kRefused, path + " has " + bytes(static_cast<double>(size)) + ", more than the " +
                                           bytes(static_cast<double>(kMaxLibraryBytes)) +
                                           " that a library may have. Strip it: strip --strip-debug " + path};
  }
  std::ifstream file(path, std::ios::binary);
  LibraryFile library;
  library.name = std::filesystem::path(path).filename().string();
  library.bytes.resize(size);
  file.read(library.bytes.data(), static_cast<std::streamsize>(size));
  if (!file) return Failure{ExitCode::kNotFound, path + ": cannot be read"};
  library.sha256 = sha256_of(library.bytes);
  return library;
}

Result<nlohmann::json> understand_inspection(const ChildOutput& child, const ChildLimits& limits,
                                             const std::string& path) {
  using End = ChildOutput::End;
  std::string message = path + ": ";
  switch (child.end) {
    case End::kTimedOut:
      message += "loading it took longer than " + duration(static_cast<double>(limits.timeout_ms)) +
                 " and was stopped. What does its build function wait for? Longer: --load-timeout";
      return Failure{ExitCode::kRefused, with_errors(message, child)};
    case End::kTooMuchOutput:
      message +=
          "its description is larger than " + bytes(static_cast<double>(limits.output_bytes)) + " and was refused";
      return Failure{ExitCode::kRefused, with_errors(message, child)};
    case End::kSignalled:
      message += "loading it crashed with " + signal_name(child.number) +
                 ". The crash is in its static objects or its build function; nothing else was harmed";
      return Failure{ExitCode::kRefused, with_errors(message, child)};
    case End::kExited:
      break;
  }
  if (child.number != 0) {
    message += "cannot be loaded (exit code " + std::to_string(child.number) + ")";
    return Failure{ExitCode::kRefused, with_errors(message, child)};
  }
  auto inspection = nlohmann::json::parse(child.output, nullptr, false);
  if (!inspection.is_object()) {
    message += child.output.empty()
                   ? "loading it ended without a description; does it call exit()?"
                   : "its description is not the JSON that was expected; does it write to descriptor 1?";
    return Failure{ExitCode::kRefused, with_errors(message, child)};
  }
  return inspection;
}

Result<nlohmann::json> inspect_library(const Invocation& invocation, const std::string& path) {
  if (const std::string why = unreadable(path); !why.empty())
    return Failure{ExitCode::kNotFound, path + ": " + why + ". LIB is a job library such as build/jobs/libshop.so"};
  std::vector<std::string> arguments{"freshet", "inspect-library"};
  if (!FLAGS_job.empty()) arguments.push_back("--job=" + FLAGS_job);
  for (const std::string& value : invocation.values("param")) arguments.push_back("--param=" + value);
  for (const std::string& value : invocation.values("file")) arguments.push_back("--file=" + value);
  if (invocation.was_given("parallelism")) arguments.push_back("--parallelism=" + std::to_string(FLAGS_parallelism));
  if (invocation.was_given("key-groups")) arguments.push_back("--key-groups=" + std::to_string(FLAGS_key_groups));
  arguments.insert(arguments.end(), {"--", path});
  ChildLimits limits;
  limits.timeout_ms = checked_duration_ms(FLAGS_load_timeout);
  const auto child = run_child(arguments, limits, invocation.around);
  if (!child) return child.failure();
  return understand_inspection(*child, limits, path);
}

Result<nlohmann::json> inspect_chosen_job(const Invocation& invocation, const std::string& path) {
  auto inspection = inspect_library(invocation, path);
  if (!inspection || !FLAGS_job.empty()) return inspection;
  const auto& jobs = list(*inspection, "jobs");
  if (jobs.size() < 2) return inspection;
  std::string names;
  for (const auto& job : jobs) names += (names.empty() ? "--job " : " or --job ") + text_or(job, "name", "?");
  return Failure{ExitCode::kUsage, path + " has several jobs. Say which: " + names};
}

namespace {

/// "operator price: … (remedy)"
std::string problem_line(const nlohmann::json& problem, const std::string& path) {
  const std::string remedy = text_or(problem, "remedy", "");
  return text_or(problem, "where", path) + ": " + text_or(problem, "message", "no message") +
         (remedy.empty() ? "" : " (" + remedy + ")");
}

}  // namespace

std::optional<Failure> errors_of(const Invocation& invocation, const nlohmann::json& inspection,
                                 const std::string& path) {
  const auto& errors = list(inspection, "errors");
  if (errors.empty()) return std::nullopt;
  const std::size_t count = errors.size();
  std::string message =
      "refused: " + std::to_string(count) + (count == 1 ? " error" : " errors") + ", nothing was started";
  for (const auto& error : errors) message += "\n  " + problem_line(error, path);
  return Failure{only_files_are_missing(invocation, errors) ? ExitCode::kNotFound : ExitCode::kRefused, message};
}

void say_warnings(const Invocation& invocation, const nlohmann::json& inspection) {
  if (FLAGS_quiet || FLAGS_json) return;
  for (const auto& warning : list(inspection, "warnings"))
    *invocation.around.err << "warning: " << problem_line(warning, "job") << std::endl;
}

bool looks_like_file(const std::string& argument) {
  std::error_code error;
  return argument.find('/') != std::string::npos || argument.ends_with(".so") || argument.ends_with(".yaml") ||
         std::filesystem::is_regular_file(argument, error);
}

}  // namespace freshet::cli
