#include "runtime/reads/read_request.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/reads/json_depth.h"
#include "runtime/reads/state_answer.h"

namespace freshet::reads {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostKeyBytes = 4u << 10;
constexpr std::size_t kMostMessageBytes = 1'000;
constexpr int kMostDepth = 33;  // of keys, and one for the body
constexpr unsigned kMostWays = 16;
constexpr std::size_t kShown = 64;

std::string dump(const ordered_json& json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

ReadAnswer bad_request(const std::string& message) { return error_answer(400, "bad_request", message); }

template <class T>
bool take_number(const ReadRequest& request, const char* name, T least, T most, T& number) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return true;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size() && number >= least && number <= most;
}

/// JOB, OPERATOR and what stands behind, which may hold slashes. False: the path is another.
bool split_path(const std::string& path, std::string& job, std::string& address, std::optional<std::string>& key) {
  constexpr std::string_view kJobs = "/v1/jobs/", kState = "/state/";
  if (!path.starts_with(kJobs)) return false;
  const auto slash = path.find('/', kJobs.size());
  if (slash == std::string::npos || path.compare(slash, kState.size(), kState) != 0) return false;
  job = path.substr(kJobs.size(), slash - kJobs.size());
  const auto begin = slash + kState.size();
  const auto end = path.find('/', begin);
  address = path.substr(begin, end == std::string::npos ? end : end - begin);
  if (end != std::string::npos) key = path.substr(end + 1);
  return !job.empty() && !address.empty();
}

std::optional<ReadAnswer> take_keys(const std::string& body, StateRequest& wanted) {
  const auto malformed = [] {
    return bad_request("the body is no JSON object with a member keys, a list of at most " +
                       std::to_string(StateRequest::kMostKeys) + " keys");
  };
  if (body.size() > StateRequest::kMostBodyBytes || !json_depth_within(body, kMostDepth)) return malformed();
  const auto parsed = ordered_json::parse(body, nullptr, false);
  const auto keys = parsed.is_object() ? parsed.find("keys") : parsed.end();
  if (!parsed.is_object() || keys == parsed.end() || !keys->is_array() || keys->empty() ||
      keys->size() > StateRequest::kMostKeys)
    return malformed();
  for (const auto& key : *keys) {
    wanted.key_json.push_back(dump(key));
    wanted.keys.push_back(key.is_string() ? key.get<std::string>() : wanted.key_json.back());
  }
  return std::nullopt;
}

std::optional<ReadAnswer> take_query(const ReadRequest& request, StateRequest& wanted) {
  if (const auto found = request.query.find("consistency"); found != request.query.end()) {
    if (found->second != "live" && found->second != "committed")
      return bad_request("consistency " + found->second.substr(0, kShown) + " is neither live nor committed");
    wanted.is_live = found->second == "live";
  }
  if (!take_number(request, "limit", std::size_t{1}, StateRequest::kMostEntries, wanted.limit))
    return bad_request("limit is no number from 1 to " + std::to_string(StateRequest::kMostEntries));
  if (!take_number(request, "way", 0U, kMostWays, wanted.way)) return bad_request("way is no number from 0 to 16");
  if (const auto found = request.query.find("from"); found != request.query.end()) {
    if (found->second.size() > kMostKeyBytes)
      return error_answer(400, "bad_key", "from is longer than " + std::to_string(kMostKeyBytes) + " bytes");
    wanted.from = found->second;
  }
  if (const auto found = request.query.find("after"); found != request.query.end() && !found->second.empty()) {
    const auto position = from_cursor(found->second);
    if (!position) return bad_request("after " + found->second.substr(0, kShown) + " is no cursor of an answer");
    wanted.after = *position;
  }
  return std::nullopt;
}

}  // namespace

std::string attempt_name(JobId job, std::uint32_t attempt) {
  return "job-" + std::to_string(job.value) + "/" + std::to_string(attempt);
}

ReadAnswer error_answer(int status, const std::string& code, const std::string& message,
                        const std::vector<std::string>& near) {
  ordered_json error = {{"code", code}, {"message", message.substr(0, kMostMessageBytes)}};
  if (!near.empty()) error["near"] = near;
  return {status, dump({{"error", std::move(error)}}), 0, {}};
}

ReadAnswer try_again(const std::string& code, const std::string& message) {
  ReadAnswer answer = error_answer(503, code, message);
  answer.retry_after_s = 1;
  return answer;
}

ReadAnswer too_many(const std::string& caller) {
  ReadAnswer answer = error_answer(429, "rate_limited",
                                   "caller " + caller.substr(0, kShown) +
                                       " asks for more keys a second than one caller may: slow down, or start the "
                                       "agent with another --reads-per-second");
  answer.retry_after_s = 1;
  return answer;
}

std::string job_of(const std::string& path) {
  std::string job, address;
  std::optional<std::string> key;
  return split_path(path, job, address, key) ? job : std::string();
}

std::variant<StateRequest, ReadAnswer> parse_state_request(const ReadRequest& request) {
  StateRequest wanted;
  std::optional<std::string> key;
  if (!split_path(request.path, wanted.job, wanted.address, key))
    return error_answer(
        404, "not_found",
        "there is no " + request.path.substr(0, kShown) + " here. State: GET /v1/jobs/JOB/state/OPERATOR[.STATE]/KEY");
  wanted.is_list = request.method == "POST";
  if ((request.method != "GET" && !wanted.is_list) || (wanted.is_list && key))
    return error_answer(405, "not_allowed", "GET one key, or POST a list of keys without one in the path");
  if (key) wanted.keys.push_back(*std::move(key));
  if (auto refused = take_query(request, wanted)) return *std::move(refused);
  if (wanted.is_list)
    if (auto refused = take_keys(request.body, wanted)) return *std::move(refused);
  for (const auto& each : wanted.keys)
    if (each.size() > kMostKeyBytes)
      return error_answer(400, "bad_key", "a key is longer than " + std::to_string(kMostKeyBytes) + " bytes");
  if (wanted.keys.empty() && wanted.is_live)
    return bad_request("which key? All of them are shown as of a checkpoint only: ?consistency=committed");
  if (wanted.is_list && !wanted.is_live)
    return bad_request("as of a checkpoint, keys are read one at a time, or all: GET");
  if (!wanted.is_live && wanted.from) return bad_request("from is for live reads; as of a checkpoint use after");
  return wanted;
}

std::string caller_name(std::string name) {
  name.resize(std::min(name.size(), kMostCallerBytes));
  std::ranges::replace_if(
      name, [](char c) { return c < '\x21' || c > '\x7e'; }, '_');
  return name;
}

/// Encoded keys end by themselves, so nothing stands between this and the key: as numbers they differ by one.
std::string just_before(std::string encoded_key) {
  for (auto byte = encoded_key.rbegin(); byte != encoded_key.rend(); ++byte) {
    if (*byte != '\0') {
      *byte = static_cast<char>(static_cast<unsigned char>(*byte) - 1);
      return encoded_key;
    }
    *byte = '\xff';
  }
  return {};
}

}  // namespace freshet::reads
