#include "runtime/cli/submission.h"

#include <algorithm>
#include <filesystem>

#include "runtime/cli/flags.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/quantity.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {

using nlohmann::json;

namespace {

/// `KEY=VALUE` words as an object. The last of two with the same key would win silently, so that is refused.
Result<json> object_of(const Invocation& invocation, const char* flag) {
  json object = json::object();
  for (const std::string& word : invocation.values(flag)) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (object.contains(key)) {
      return Failure{ExitCode::kUsage, std::string("--") + flag + " " + key + " is given twice; one of them is meant"};
    }
    object[key] = word.substr(equals + 1);
  }
  return object;
}

Result<std::string> chosen_job(const json& inspection, const std::string& path) {
  if (!FLAGS_job.empty()) return FLAGS_job;
  const json& jobs = list(inspection, "jobs");
  if (jobs.empty()) {
    return Failure{ExitCode::kRefused, path + ": has no job. A job library registers one with FRESHET_JOB"};
  }
  return text_or(jobs[0], "name", "");
}

}  // namespace

json options_of(const Invocation& invocation) {
  json options = json::object();
  if (invocation.was_given("parallelism")) options["parallelism"] = FLAGS_parallelism;
  if (invocation.was_given("workers")) options["workers"] = FLAGS_workers;
  if (invocation.was_given("key-groups")) options["key_groups"] = FLAGS_key_groups;
  if (invocation.was_given("checkpoint-interval"))
    options["checkpoint_interval_ms"] = checked_duration_ms(FLAGS_checkpoint_interval);
  if (invocation.was_given("state-memory")) options["state_bytes"] = parse_size(FLAGS_state_memory).value();
  if (invocation.was_given("max-uncommitted"))
    options["max_uncommitted_bytes"] = parse_size(FLAGS_max_uncommitted).value();
  if (invocation.was_given("guarantee")) options["guarantee"] = FLAGS_guarantee;
  if (invocation.was_given("restart")) options["restart"] = FLAGS_restart;
  if (invocation.was_given("crashes-per-record")) options["crashes_per_record"] = FLAGS_crashes_per_record;
  return options;
}

Result<json> make_request(const Invocation& invocation, const json& inspection, const LibraryFile& library,
                          json options) {
  auto job = chosen_job(inspection, invocation.arguments[0]);
  if (!job) return job.failure();
  auto parameters = object_of(invocation, "param");
  if (!parameters) return parameters.failure();
  auto files = object_of(invocation, "file");
  if (!files) return files.failure();
  for (auto& [key, path] : files->items()) {
    std::error_code error;
    const std::string given = path.get<std::string>();
    if (!std::filesystem::is_regular_file(given, error)) {
      return Failure{ExitCode::kNotFound, "file " + key + ": " + given + ": no such file"};
    }
    path = std::filesystem::absolute(given).lexically_normal().string();
  }
  std::error_code ignored;  // without a directory, relative paths count from where the workers stand
  return json{{"name", FLAGS_name.empty() ? *job : FLAGS_name},
              {"library", {{"name", library.name}, {"sha256", library.sha256}}},
              {"job", *job},
              {"parameters", *parameters},
              {"files", *files},
              {"directory", std::filesystem::current_path(ignored).string()},
              {"options", std::move(options)},
              {"graph_base64", text_or(inspection, "graph_base64", "")}};
}

Result<bool> store_library(ManagerClient& client, const LibraryFile& library) {
  const std::string path = "/v1/libraries/" + library.sha256;
  const auto stored = client.exists(path);
  if (!stored && stored.failure().code != ExitCode::kDone) return stored.failure();
  if (client.only_shows() || !*stored) {
    const auto sent = client.put(path, library.bytes);
    if (!sent && sent.failure().code != ExitCode::kDone) return sent.failure();
  }
  return true;
}

Result<Response> send_submission(ManagerClient& client, const LibraryFile& library, const json& request) {
  if (const auto stored = store_library(client, library); !stored) return stored.failure();
  return client.post("/v1/jobs", request);
}

Result<json> current_revision(ManagerClient& client, const std::string& job) {
  auto answer = client.get(job_path(job) + "/revisions");
  if (!answer) return answer.failure();
  const json& revisions = list(answer->body, "revisions");
  return revisions.empty() ? json::object() : revisions[0];
}

void take_over(Invocation& invocation, const json& revision) {
  auto& parameters = invocation.repeated["param"];
  for (const json& parameter : list(revision, "parameters")) {
    const std::string name = text_or(parameter, "name", ""), value = text_or(parameter, "value", "");
    const bool is_given = std::any_of(parameters.begin(), parameters.end(),
                                      [&](const std::string& word) { return word.starts_with(name + "="); });
    if (!is_given && value != "****") parameters.push_back(name + "=" + value);
  }
  if (!invocation.was_given("parallelism")) {
    FLAGS_parallelism = static_cast<std::int32_t>(integer_or(revision, "parallelism", 1));
    invocation.given.push_back("parallelism");
  }
  if (!invocation.was_given("workers") && integer_or(revision, "workers", 0) > 0) {
    FLAGS_workers = static_cast<std::int32_t>(integer_or(revision, "workers", 1));
    invocation.given.push_back("workers");
  }
}

}  // namespace freshet::cli
