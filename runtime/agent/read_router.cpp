#include "runtime/agent/read_router.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace freshet::agent {
namespace {

using nlohmann::ordered_json;
using reads::ReadAnswer;
using reads::ReadRequest;

/// A key may have several encodings, each of which may be another worker's.
constexpr int kMostRedirects = 17;
constexpr std::size_t kMostFileBytes = 16u << 20;

std::string dump(const ordered_json& json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

/// A reader sees the old file or the new one.
void keep(const std::string& path, const std::vector<wire::ReadPlace>& jobs) {
  ByteBuffer bytes;
  encode(bytes, jobs);
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code ignored;  // it is a convenience: the job manager tells it again
  if (file.good()) std::filesystem::rename(draft, path, ignored);
}

std::vector<wire::ReadPlace> kept(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  const std::string bytes = text.str();
  std::vector<wire::ReadPlace> jobs;
  if (bytes.empty() || bytes.size() > kMostFileBytes || !decode_all(bytes, jobs)) jobs.clear();
  return jobs;
}

/// The same request to the worker that has the key, or may have it when it is encoded in that way.
std::string target_there(const std::string& target, unsigned way) {
  const auto mark = target.find('?');
  const std::string query = mark == std::string::npos ? std::string() : "&" + target.substr(mark + 1);
  return target.substr(0, mark) + "?way=" + std::to_string(way) + query;
}

/// "127.0.0.1:40213", "[::1]:40213". No names: what they stand for is up to others, and looking them up takes long.
bool is_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65'535) return false;
  std::string host = text.substr(0, colon);
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  if (!host.starts_with('[') || !host.ends_with(']')) return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1;
  host = host.substr(1, host.size() - 2);
  return ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

}  // namespace

ReadRouter::ReadRouter(Options options, const base::Clock& clock)
    : options_(std::move(options)), clock_(clock), limits_({.per_second = options_.reads_per_second}, clock) {
  if (!options_.file.empty()) jobs_ = kept(options_.file);
}

void ReadRouter::on_places(const std::vector<wire::ReadPlace>& jobs) {
  const std::lock_guard lock(mutex_);
  std::vector<wire::ReadPlace> next = jobs;
  for (auto& job : next) {
    std::erase_if(job.workers, [](const std::string& worker) { return !is_address(worker); });
    if (!job.workers.empty()) continue;
    // A job manager that was started anew has not heard of the workers yet; they run all the while.
    const auto known = std::ranges::find_if(
        jobs_, [&](const auto& each) { return each.job == job.job && each.attempt == job.attempt; });
    if (known != jobs_.end()) job.workers = known->workers;
  }
  jobs_ = std::move(next);
  std::set<std::string> workers;
  for (const auto& job : jobs_) workers.insert(job.workers.begin(), job.workers.end());
  client_.keep_only(workers);
  if (!options_.file.empty()) keep(options_.file, jobs_);
}

ReadAnswer ReadRouter::list() const {
  const std::lock_guard lock(mutex_);
  ordered_json jobs = ordered_json::array();
  for (const auto& job : jobs_)
    jobs.push_back({{"id", "job-" + std::to_string(job.job.value)},
                    {"name", job.name},
                    {"attempt", job.attempt},
                    {"workers", job.workers}});
  return {200, dump({{"version", 1}, {"jobs", std::move(jobs)}}), 0, {}};
}

ReadAnswer ReadRouter::handle(const ReadRequest& request) {
  // An address where a worker was may be an agent's now, or this one's: requests would go round for ever.
  if (!request.meant_for.empty()) return reads::try_again("moving", "this is an agent, and not the worker asked for");
  if (request.path == "/v1/reads") return list();
  auto parsed = reads::parse_state_request(request);
  const auto* wanted = std::get_if<reads::StateRequest>(&parsed);
  const std::size_t keys = wanted == nullptr ? 1 : std::max<std::size_t>(1, wanted->keys.size());
  if (!limits_.take(request.caller, keys)) return reads::too_many(request.caller);
  if (wanted == nullptr) return std::get<ReadAnswer>(std::move(parsed));
  const auto job = find_job(wanted->job);
  if (!job)
    return reads::error_answer(404, "no_such_job",
                               "no job " + wanted->job.substr(0, 64) +
                                   " with queryable state runs. What it knew when it was over: "
                                   "freshet state get");
  if (job->workers.empty()) return reads::try_again("restarting", "job " + job->name + " is starting or restarting");
  return ask({request, *job, clock_.steady() + options_.patience, wanted->is_live});
}

/// A copy, whose first worker is another each time.
std::optional<wire::ReadPlace> ReadRouter::find_job(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::optional<wire::ReadPlace> job;
  // Newest last: a name is taken again when its job is over.
  for (const auto& each : jobs_)
    if (each.name == name || "job-" + std::to_string(each.job.value) == name) job = each;
  if (job && !job->workers.empty())
    std::ranges::rotate(job->workers,
                        job->workers.begin() + static_cast<std::ptrdiff_t>(next_worker_++ % job->workers.size()));
  return job;
}

bool ReadRouter::is_late(const Journey& journey) const {
  // Less is no time to answer in. The library's time-outs are whole milliseconds, and are over a little early.
  constexpr std::chrono::milliseconds kLeast(5);
  return client_.is_stopped() || clock_.steady() + kLeast >= journey.deadline;
}

std::optional<ReadAnswer> ReadRouter::call(const Journey& journey, const std::string& worker, const std::string& target,
                                           const std::string* body) {
  if (is_late(journey)) return std::nullopt;
  return client_.ask({.address = worker,
                      .target = target,
                      .caller = journey.request.caller,
                      .body = body,
                      .meant_for = reads::attempt_name(journey.job.job, journey.job.attempt),
                      .patience = std::chrono::duration_cast<Duration>(journey.deadline - clock_.steady())});
}

ReadAnswer ReadRouter::ask(const Journey& journey) {
  const auto& [request, job, deadline, is_live] = journey;
  const bool is_list = request.method == "POST";
  for (const std::string& worker : job.workers) {
    auto answer = call(journey, worker, request.target, is_list ? &request.body : nullptr);
    if (answer && answer->status == 307) return follow(journey, *std::move(answer));
    if (answer && answer->status == 200 && is_list) return fetch_moved(journey, *std::move(answer));
    if (answer) return *std::move(answer);
    if (is_late(journey)) return reads::try_again("timeout", "no worker of job " + job.name + " answered in time");
    // Each of them would read the same files, whether or not those before still do.
    if (!is_live) break;
  }
  return reads::try_again("restarting", "no worker of job " + job.name + " answers: it is restarting");
}

/// Goes where the key is said to be. Nobody else has it, so there is nobody else to ask when it is not answered there.
ReadAnswer ReadRouter::follow(const Journey& journey, ReadAnswer answer) {
  for (int redirects = 0; answer.status == 307 && redirects < kMostRedirects; ++redirects) {
    const ordered_json moved = ordered_json::parse(answer.body, nullptr, false);
    std::string address, ignored;
    // Only where the job manager says that workers of this job are.
    if (!moved.is_object() || !reads::split_url(moved.value("moved", ""), address, ignored) ||
        !std::ranges::count(journey.job.workers, address))
      return reads::try_again("moving", "the worker that has this key is not known yet");
    auto next = call(journey, address, target_there(journey.request.target, moved.value("way", 0U)), nullptr);
    if (!next) return reads::try_again("restarting", "the worker that has this key does not answer");
    answer = *std::move(next);
  }
  if (answer.status == 307) return reads::try_again("moving", "the worker that has this key is not known yet");
  return answer;
}

/// Puts in what other workers have of a list of keys.
ReadAnswer ReadRouter::fetch_moved(const Journey& journey, ReadAnswer answer) {
  ordered_json whole = ordered_json::parse(answer.body, nullptr, false);
  if (!whole.is_object() || !whole.contains("keys") || !whole["keys"].is_array()) return answer;
  ordered_json& keys = whole["keys"];
  bool has_moved = false;
  for (int round = 0; round < kMostRedirects; ++round) {
    MovedKeys by_place;
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (keys[i].contains("moved")) by_place[{keys[i]["moved"], keys[i].value("way", 0U)}].push_back(i);
    if (by_place.empty()) break;
    has_moved = true;
    for (const auto& [place, numbers] : by_place) {
      ordered_json body{{"keys", ordered_json::array()}};
      for (const std::size_t i : numbers) body["keys"].push_back(keys[i]["key"]);
      std::string address, ignored;
      std::optional<ReadAnswer> there;
      const std::string text = dump(body);
      if (reads::split_url(place.first, address, ignored) && std::ranges::count(journey.job.workers, address))
        there = call(journey, address, target_there(journey.request.target, place.second), &text);
      const ordered_json found =
          there && there->status == 200 ? ordered_json::parse(there->body, nullptr, false) : ordered_json();
      const bool is_good = found.is_object() && found.contains("keys") && found["keys"].size() == numbers.size();
      for (std::size_t at = 0; at < numbers.size(); ++at) {
        ordered_json& key = keys[numbers[at]];
        if (is_good)
          key = found["keys"][at];
        else
          key = {{"key", key["key"]}, {"unavailable", there && there->status == 429 ? "rate_limited" : "restarting"}};
      }
    }
  }
  if (has_moved) answer.body = dump(whole);
  return answer;
}

}  // namespace freshet::agent
